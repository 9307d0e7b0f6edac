"""What can be run and what is measured, as data."""
