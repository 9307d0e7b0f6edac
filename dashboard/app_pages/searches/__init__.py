"""The Searches page."""
