"""Sentences, verdicts and model cards about recorded runs."""
