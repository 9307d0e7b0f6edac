"""How two runs differ on an example: on the page and in the URL."""

FLIPS = {"fixed": "gained", "broken": "lost", "both wrong": "both wrong"}
"""The flips that are listed, by their value in the URL."""
FLIP_VALUES = {flip: value for value, flip in FLIPS.items()}
