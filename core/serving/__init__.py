"""Use recorded runs: load, predict, explain, export and recheck."""
