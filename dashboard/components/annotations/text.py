"""Sentences about annotations."""

from core.text.formatting import format_count


def import_summary(annotations: int, changes: int, unknown: int) -> str:
    """Return the number of annotations in a file, of changes, and of unknown texts."""
    head = f"{format_count(annotations)} {'annotation' if annotations == 1 else 'annotations'}"
    summary = f"{head}, {format_count(changes)} new or changed."
    if not unknown:
        return summary
    texts = "text is" if unknown == 1 else "texts are"
    return f"{summary} {format_count(unknown)} {texts} not in this data set and will be skipped."
