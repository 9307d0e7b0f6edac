"""Sentences of the Failures page."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from core.evaluation.intervals import proportion
from core.text.formatting import format_count, format_percent
from dashboard.components.flips import FLIPS
from dashboard.components.text import describe_status

if TYPE_CHECKING:
    from core.store.records import Run

MAX_NAMED_SLICES = 3


def headline(label: str, cells: pd.DataFrame) -> str:
    """Return how many test examples a run misclassified, and its most frequent confusion, from its confusion matrix."""
    wrong, total = cells[cells["true"] != cells["predicted"]], int(cells["count"].sum())
    errors = int(wrong["count"].sum())
    head = f"{label} misclassified {format_count(errors)} of {format_count(total)} test examples"
    if not errors:
        return f"{head}."
    most = wrong.loc[wrong["count"].idxmax()]
    return (
        f"{head}: {_error_rate(errors, total)}. Most frequent confusion: {most['true']} predicted as "
        f"{most['predicted']} ({format_count(most['count'])})."
    )


def _error_rate(errors: int, total: int) -> str:
    share = proportion(errors, total)
    return f"{format_percent(share.value)}% (95% interval {format_percent(share.low)}–{format_percent(share.high)})"


def list_summary(wrong: int, total: int, shown: int, filters: Sequence[str]) -> str:
    """Return how many examples are misclassified, and how many match the filters."""
    head = f"{format_count(wrong)} of {format_count(total)} test examples are misclassified."
    return f"{head} Shown: {format_count(shown)} with {', '.join(filters)}." if filters else head


def flip_counts(counts: Mapping[str, int], other: str) -> str:
    """Return how many examples of the test set flip between two runs."""
    parts = (f"{format_count(counts.get(flip, 0))} {flip}" for flip in FLIPS.values())
    return f"Compared with {other}: {', '.join(parts)}."


def suspect_summary(suspects: int, total: int, runs: Sequence[str], expected: float) -> str:
    """Return the number of suspect labels, and the number expected if the runs erred independently."""
    number = format_count(suspects) if suspects else "None"
    return (
        f"{number} of {format_count(total)} test labels are suspect: {', '.join(runs)} suggest the same other label. "
        f"About {format_count(round(expected))} would be expected if these runs erred independently of each other."
    )


def suspect_label(label: str, suggested: str, quality: float) -> str:
    """Return why the label of an example is suspect."""
    return (
        f"Suspect label: several runs suggest {suggested} instead of {label} "
        f"(their support for the label: {format_percent(quality)}%). They may all be wrong."
    )


def slice_summary(significant: pd.DataFrame, tested: int) -> list[str]:
    """Return how many of the tested slices have more or fewer errors, and a line for each of the first with more.

    ``significant``: name, wrong, rest and gap of the slices with a significant difference.
    """
    if not tested:
        return ["Too few examples, or too few errors, to search for slices."]
    more = significant[significant["gap"] > 0]
    head = (
        f"Slices with significantly more errors than the other examples: {format_count(len(more))} of "
        f"{format_count(tested)}; with significantly fewer: {format_count(len(significant) - len(more))}."
    )
    rows = more.head(MAX_NAMED_SLICES).itertuples()
    return [head, *(f"{row.name}: {format_percent(row.wrong)}% wrong vs {format_percent(row.rest)}%." for row in rows)]


def missing_predictions(run: "Run") -> str:
    """Return why a run has no predictions."""
    reason = "They are not in the database." if run.state == "complete" else describe_status(run)
    return f"#{run.id} {run.name} has no predictions on the test set. {reason}"
