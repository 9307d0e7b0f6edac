"""Sentences of the Compare page."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from core.catalog.figures import FIGURES
from core.text.formatting import (
    DASH,
    format_count,
    format_p_value,
    format_percent,
    format_points,
    format_setting,
    format_verdict_counts,
)

if TYPE_CHECKING:
    from core.report.comparisons import RunComparison

MAX_NAMED = 5
"""With more runs, only this many are named."""


def accuracy_difference(comparison: "RunComparison") -> str:
    """Return the difference of two runs in accuracy, with its test."""
    difference, p = comparison.result.accuracy, format_p_value(comparison.result.p_accuracy)
    return f"Accuracy: {format_points(difference.value, difference.low, difference.high)} points, McNemar p {p}."


def version_warning(comparison: "RunComparison") -> str | None:
    """Return the packages whose versions differ between two runs; None if all are equal."""
    changes = [
        f"{name} {format_setting(first)} ↔ {format_setting(second)}"
        for name, (first, second) in comparison.versions.items()
    ]
    if not changes:
        return None
    return f"Package versions differ: {', '.join(changes)}. They may explain part of the difference."


def difference_note(label: str, other: str) -> str:
    """Return which run is subtracted from which."""
    return f"Differences: {label} minus {other}, in percentage points; positive favors {label}."


def difference_to_first_note(first: str) -> str:
    """Return how to read the differences in the table of several runs."""
    return f"Differences: each run minus {first}. p is adjusted for the number of comparisons."


def best_run(row: Any, runs: int) -> str:
    """Return which of several runs has the highest score, from its row."""
    return f"{row.label} scores highest of these {runs}: macro F1 {FIGURES['macro_f1'].format_row(row)}."


def verdict_counts(counts: Mapping[str, int], first: str) -> str:
    """Return how many runs are better and worse than the first one."""
    return f"Compared with {first}: {format_verdict_counts(counts)}."


def different_settings(differences: pd.DataFrame, equal: int) -> str:
    """Return the settings in which two runs differ. ``differences``: setting, and the value of either run."""
    rows = list(differences.itertuples(index=False, name=None))
    changes = [f"{name} {first} ↔ {second}" for name, first, second in rows if DASH not in (first, second)]
    one_sided = len(rows) - len(changes)
    unused = f"; {format_count(one_sided)} used by one run only" if one_sided else ""
    return f"Different settings: {' · '.join(changes) or 'none'} ({format_count(equal)} equal{unused})."


def equal_settings(settings: int) -> str:
    """Return how many settings several runs have in common."""
    return f"{format_count(settings)} settings are equal. {DASH}: not used by this run."


def table_caption(dataset: str, examples: int, first: str | None = None, second: str | None = None) -> str:
    """Return the caption of a downloaded table: data set, n, reference run, and how to read the intervals."""
    minus = f" Differences: {first} minus {second}." if second else f" Differences: minus {first}." if first else ""
    return f"{dataset}, n = {format_count(examples)} test examples.{minus} In parentheses: 95% intervals."


def flip_predictions(example: Any, label: str, other: str) -> str:
    """Return what two runs predicted on an example, from its row."""
    return (
        f"True label: {example.label}. {label} predicted {example.predicted} "
        f"({format_percent(example.confidence)}%), {other} predicted {example.other}."
    )


def missing_curves(labels: Sequence[str]) -> str:
    """Return which runs have no learning curve; empty if all have one."""
    more = f" and {format_count(len(labels) - MAX_NAMED)} more" if len(labels) > MAX_NAMED else ""
    return f"Not logged for {', '.join(labels[:MAX_NAMED])}{more}." if labels else ""
