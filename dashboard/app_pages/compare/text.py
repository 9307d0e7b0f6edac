"""Sentences of the Compare page."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

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
from dashboard.components.text import name_some

if TYPE_CHECKING:
    from core.report.comparisons import RunComparison


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


VERDICTS_HELP = (
    "Macro F1 of the row minus the column, in points. Colored and bold: p < .05, not adjusted for the number of pairs. "
    "Gray: inconclusive."
)
DETECTABLE_HELP = "Differences in accuracy that this test set is too small to detect. In the chart: the gray band."


def verdict(compared: "RunComparison") -> str:
    """Return the verdict on two runs with its evidence."""
    result, a, b = compared.result, f"#{compared.a.id} {compared.a.name}", f"#{compared.b.id} {compared.b.name}"
    gap = result.macro_f1
    evidence = f"{format_points(gap.value, gap.low, gap.high)} points, p {format_p_value(result.p)}"
    if compared.verdict == "inconclusive":
        return f"Inconclusive: {evidence}"
    if compared.verdict in ("better", "worse"):
        return f"{a} is {compared.verdict} than {b}: {evidence}"
    return f"{a} {compared.verdict}: {evidence}"


def verdict_axis(first: int, second: int) -> str:
    """Return the title of the axis of differences, with the direction that favors each run."""
    return f"◄ #{second} better   ·   macro F1, points   ·   #{first} better ►"


def detectable_note(compared: "RunComparison") -> str | None:
    """Return the minimum detectable effect if two runs do not differ significantly; None if they do."""
    if compared.verdict != "inconclusive" or compared.result.detectable is None:
        return None
    return f"Smallest gap this test set can detect: {format_points(compared.result.detectable)[1:]} points"


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


def different_settings(changes: Mapping[str, tuple[str, str]]) -> str:
    """Return the settings in which two runs differ, such as ``r 4→16``. ``changes``: both values by name."""
    names = {"alpha": "α"}
    return " · ".join(f"{names.get(name, name)} {first}→{second}" for name, (first, second) in changes.items())


def unused_settings(names: Sequence[str]) -> str:
    """Return which settings only one of two runs uses; empty without any."""
    return f"Used by one run only: {', '.join(names)}." if names else ""


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
    return f"Not logged for {name_some(labels)}." if labels else ""
