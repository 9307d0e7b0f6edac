"""The tags of a text, which one column of its annotation keeps as a list such as ``irony, typo``."""

from collections.abc import Iterable

MAX_TAGS = 20
"""Maximum number of tags of a text."""


def split_tags(text: str | None) -> list[str]:
    """Return the tags in a text, sorted; commas separate them, repeats and surplus blanks are dropped."""
    return sorted({" ".join(tag.split()) for tag in (text or "").split(",")} - {""})


def join_tags(tags: Iterable[str]) -> str | None:
    """Return tags as one text, sorted and separated by ", "; a tag with commas is several. None for no tags."""
    return ", ".join(split_tags(",".join(tags))) or None
