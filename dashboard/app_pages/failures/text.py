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


def headline(cells: pd.DataFrame) -> str:
    """Return how many test examples a run misclassified, from its confusion matrix."""
    errors, total = int(cells.loc[cells["true"] != cells["predicted"], "count"].sum()), int(cells["count"].sum())
    share = proportion(errors, total)
    interval = f"({format_percent(share.low)}–{format_percent(share.high)})"
    return f"{format_count(errors)} of {format_count(total)} wrong: {format_percent(share.value)}% {interval}"


def list_summary(shown: int, filters: Sequence[str]) -> str:
    """Return how many examples match the filters."""
    return f"Shown: {format_count(shown)} with {', '.join(filters)}."


def flip_counts(counts: Mapping[str, int], other: str) -> str:
    """Return how many examples of the test set flip between two runs."""
    parts = (f"{format_count(counts.get(flip, 0))} {flip}" for flip in FLIPS.values())
    return f"Compared with {other}: {', '.join(parts)}."


def wrong_run_counts(wrong_runs: pd.Series, runs: int) -> str:
    """Return on how many examples all, and only one, of several runs are wrong. ``wrong_runs``: of each example."""
    in_all, in_one = (format_count((wrong_runs == number).sum()) for number in (runs, 1))
    return f"Wrong in all {format_count(runs)} runs: {in_all}. In one only: {in_one}."


def suspect_summary(suspects: int, total: int, runs: Sequence[str], expected: float) -> str:
    """Return the number of suspect labels, and the number expected if the runs erred independently."""
    number = format_count(suspects) if suspects else "None"
    return (
        f"{number} of {format_count(total)} test labels are suspect: {', '.join(runs)} suggest the same other label. "
        f"About {format_count(round(expected))} would be expected if these runs erred independently of each other."
    )


def suspect_label(label: str, suggested: str, quality: float) -> str:
    """Return why the label of an example is suspect."""
    return f"Several runs suggest {suggested} (support for {label}: {format_percent(quality)}%). They may all be wrong."


def slice_summary(significant: pd.DataFrame, tested: int) -> str:
    """Return how many of the tested slices have more or fewer errors. ``significant``: the gap of those that do."""
    if not tested:
        return "Too few examples, or too few errors, to search for slices."
    worse = int((significant["gap"] > 0).sum())
    return f"Worse: {format_count(worse)} of {format_count(tested)}. Better: {format_count(len(significant) - worse)}."


def missing_predictions(run: "Run") -> str:
    """Return why a run has no predictions."""
    reason = "They are not in the database." if run.state == "complete" else describe_status(run)
    return f"#{run.id} {run.name} has no predictions on the test set. {reason}"
