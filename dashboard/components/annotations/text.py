"""Sentences about annotations."""

from core.text.formatting import format_count


def annotations_found(found: int, new: int, unknown: int) -> str:
    """Return what a file of annotations holds."""
    elsewhere = f" {format_count(unknown)} texts are not in this data set and are left out." if unknown != 1 else ""
    elsewhere = " 1 text is not in this data set and is left out." if unknown == 1 else elsewhere
    head = f"{format_count(found)} annotations" if found != 1 else "1 annotation"
    return f"{head}, {format_count(new)} of them new or changed.{elsewhere if unknown else ''}"
