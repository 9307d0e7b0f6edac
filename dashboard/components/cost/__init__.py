"""Cost against quality."""
