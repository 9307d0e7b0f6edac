"""One file a page, read from top to bottom."""
