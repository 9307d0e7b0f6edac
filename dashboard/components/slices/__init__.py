"""Error slices."""
