"""Faults that `benchmarks.faults` injects, one module per kind."""
