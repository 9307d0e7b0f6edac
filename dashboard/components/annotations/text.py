"""Sentences about annotations."""

from core.text.formatting import format_count
from dashboard.components.annotations.clean import CleanedExamples


def import_summary(annotations: int, changes: int, unknown: int) -> str:
    """Return the number of annotations in a file, of changes, and of unknown texts."""
    head = f"{format_count(annotations)} {'annotation' if annotations == 1 else 'annotations'}"
    summary = f"{head}, {format_count(changes)} new or changed."
    if not unknown:
        return summary
    texts = "text is" if unknown == 1 else "texts are"
    return f"{summary} {format_count(unknown)} {texts} not in this data set and will be skipped."


def clean_summary(cleaned: CleanedExamples, name: str) -> str:
    """Return what a cleaned data set changes and covers, and the command that trains on it.

    ``name``: of its file.
    """
    splits = ", ".join(dict.fromkeys(cleaned.rows["split"]))
    return (
        f"Proposed labels replace {format_count(cleaned.relabeled)} "
        f"{'label' if cleaned.relabeled == 1 else 'labels'}; {format_count(cleaned.removed)} "
        f"{'text' if cleaned.removed == 1 else 'texts'} with the tag '{cleaned.tag}' left out. "
        f"Splits: {splits}. Train on it: python runner.py --dataset {name} --split-column split. Runs on a changed "
        "test split are not comparable with earlier ones."
    )
