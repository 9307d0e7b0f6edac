"""What the page of runs held against each other says in whole sentences."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from core.text.formatting import (
    DASH,
    format_count,
    format_p_value,
    format_percent,
    format_points,
    format_score,
    format_setting,
)

if TYPE_CHECKING:
    from core.report.verdicts import RunComparison


def accuracy_gap(compared: "RunComparison") -> str:
    """Return how two runs differ in accuracy."""
    gap = compared.result.accuracy
    said = format_points(gap.value, gap.low, gap.high)
    return f"Accuracy: {said} points, McNemar p {format_p_value(compared.result.p_accuracy)}."


def versions(compared: "RunComparison") -> str | None:
    """Return which package versions two runs differ in; None where they differ in none."""
    changes = [
        f"{name} {format_setting(ours)} ↔ {format_setting(theirs)}"
        for name, (ours, theirs) in compared.versions.items()
    ]
    return f"Mind the versions: {', '.join(changes)}. A gap may be theirs." if changes else None


def gap(label: str, other: str) -> str:
    """Return what the signs on the page of two runs mean."""
    return f"{label} minus {other}: a positive difference speaks for {label}. Points are percentage points."


def best_of(row: Any, runs: int) -> str:
    """Return which of several runs has the highest score, from its row."""
    said = format_score(row.macro_f1, row.macro_f1_low, row.macro_f1_high)
    return f"{row.label} scores highest of these {runs}: macro F1 {said}."


def verdicts(counts: Mapping[str, int], first: str) -> str:
    """Return how many runs helped and hurt, held against the first one."""
    known = ("helped", "hurt", "no evidence either way")
    parts = [f"{format_count(counts[verdict])} {verdict}" for verdict in known if counts.get(verdict)]
    return f"Held against {first}: {', '.join(parts)}."


def settings(differing: pd.DataFrame, alike_: int) -> str:
    """Return in which settings two runs differ, from a frame of their names and the two runs' values."""
    rows = list(differing.itertuples(index=False, name=None))
    changes = [f"{name} {ours} ↔ {theirs}" for name, ours, theirs in rows if DASH not in (ours, theirs)]
    one_sided = len(rows) - len(changes)
    lone = f"; {format_count(one_sided)} are used by one of them only" if one_sided else ""
    return f"What differs: {' · '.join(changes) or 'nothing'} ({format_count(alike_)} settings alike{lone})."


def alike(settings: int) -> str:
    """Return how many settings several runs have in common."""
    return f"{format_count(settings)} settings are alike. A dash: not used by this run."


def table_caption(name: str, examples: int, first: str | None = None, second: str | None = None) -> str:
    """Return what stands above a table that is taken away: the data set, n, what is subtracted, and the brackets."""
    minus = f" Differences: {first} minus {second}." if second else f" Differences: minus {first}." if first else ""
    return f"{name}, n = {format_count(examples)} test examples.{minus} In brackets: 95 % intervals."


def said_of(example: Any, run: str, other: str) -> str:
    """Return what two runs said of an example, from its row."""
    said = f"{run} said {example.predicted} ({format_percent(example.confidence)} %), {other} said {example.other}"
    return f"True label: {example.label}. {said}."


def without_curve(labels: Sequence[str]) -> str:
    """Return which runs have no learning curve; empty where all have one."""
    some = f"{', '.join(labels[:5])}{f' and {format_count(len(labels) - 5)} more' if len(labels) > 5 else ''}"
    return f"Nothing was logged for {some}." if labels else ""
