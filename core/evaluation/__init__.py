"""Metrics, intervals, tests and error analysis of predictions, on NumPy arrays; no torch, no database."""
