"""State that a run read only the beginnings of many test texts."""

from core.store.records import Run
from core.text.formatting import format_percent

NOTABLE_SHARE = 0.05
"""A larger share of truncated test texts is stated next to the scores."""


def truncation_note(run: Run) -> str | None:
    """Return how much of the test texts a run read, and how to read more; None if it read nearly all of them."""
    share, length = run.environment.get("truncated", {}).get("test") or 0, run.config.get("max_length")
    if share <= NOTABLE_SHARE or not isinstance(length, int):
        return None
    limit = run.environment.get("max_length_limit")  # missing in runs of earlier versions
    read = min(length, limit or length)
    longer = min(2 * read, limit or read)
    advice = f" Pass --max-length {longer} to read more." if longer > read else ""
    return (
        f"Run {run.id} read only the first {read:,} tokens of {format_percent(share)}% of the test texts; TF-IDF reads "
        f"all of them.{advice}"
    )
