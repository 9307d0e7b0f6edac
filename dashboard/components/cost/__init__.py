"""Cost and quality of runs."""
