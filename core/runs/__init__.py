"""Run one model from its configuration to its record."""
