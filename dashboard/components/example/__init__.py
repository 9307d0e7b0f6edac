"""One example and its predictions."""
