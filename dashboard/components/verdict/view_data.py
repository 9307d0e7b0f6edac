"""Differences in macro F1 as rows of the verdict chart."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from core.text.formatting import format_points
from dashboard.components.estimates import with_interval

if TYPE_CHECKING:
    from core.report.comparisons import ConfigurationComparison, RunComparison


def verdict_row(name: str, compared: "RunComparison", over_seeds: "ConfigurationComparison | None" = None) -> Any:
    """Return a row of the chart: name, gap with its interval, undetectable, verdict and text.

    The gap is that of the two configurations over their common seeds if ``over_seeds`` is given, else of the two runs.
    ``undetectable``: differences below this size would mostly be missed; undefined if unknown or if this one is not.
    """
    compared_last = over_seeds or compared
    gap = with_interval("gap", compared_last.result.macro_f1)
    verdict = compared_last.verdict
    text = f"{format_points(compared_last.result.macro_f1.value)} {verdict}"
    is_inconclusive = verdict == "inconclusive" and compared.result.detectable is not None
    undetectable = compared.result.detectable if is_inconclusive else float("nan")
    return {"name": name, **gap, "undetectable": undetectable, "verdict": verdict, "text": text}


def verdict_rows(rows: list[Any]) -> pd.DataFrame:
    """Return rows of `verdict_row` with a defined gap, in percentage points."""
    frame = pd.DataFrame(rows).dropna(subset="gap")
    points = ["gap", "gap_low", "gap_high", "undetectable"]
    return frame.assign(**{column: frame[column].astype(float) * 100 for column in points})
