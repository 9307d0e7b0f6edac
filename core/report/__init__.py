"""Comparisons, verdicts and model cards of recorded runs."""
