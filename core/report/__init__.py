"""Comparisons, verdicts, model cards and reports of recorded runs."""
