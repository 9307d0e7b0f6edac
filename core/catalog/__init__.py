"""Registries of the methods and of the metrics, costs and counts."""
