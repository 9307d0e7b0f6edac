"""How two runs differ on an example, and the names that URLs have for it."""

FLIPS = {"fixed": "gained", "broken": "lost", "both wrong": "both wrong"}
"""The flips that are listed, by their value in the URL."""
FLIP_VALUES = {flip: value for value, flip in FLIPS.items()}
