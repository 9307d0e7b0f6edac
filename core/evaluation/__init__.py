"""The evidence: NumPy in, frozen results out. No torch, no database."""
