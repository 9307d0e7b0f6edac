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
    ``undetectable``: the minimum detectable effect in accuracy, if two single runs do not differ significantly.
    """
    shown = over_seeds or compared
    gap, verdict = with_interval("gap", shown.result.macro_f1), shown.verdict
    text = f"{format_points(shown.result.macro_f1.value)} {verdict}"
    is_informative = verdict == "inconclusive" and over_seeds is None and compared.result.detectable is not None
    undetectable = compared.result.detectable if is_informative else float("nan")
    return {"name": name, **gap, "undetectable": undetectable, "verdict": verdict, "text": text}


def rows_with_seeds(name: str, compared: "RunComparison", over_seeds: "ConfigurationComparison | None") -> list[Any]:
    """Return a row for two runs and, if their configurations share several seeds, one for these.

    A single row has neither name nor text: the sentence above the chart states both.
    """
    if over_seeds is None:
        return [verdict_row("", compared) | {"text": ""}]
    return [verdict_row(name, compared), verdict_row(f"{len(over_seeds.a)} seeds", compared, over_seeds)]


def verdict_rows(rows: list[Any]) -> pd.DataFrame:
    """Return rows of `verdict_row` with a defined gap, in percentage points."""
    frame = pd.DataFrame(rows).dropna(subset="gap")
    points = ["gap", "gap_low", "gap_high", "undetectable"]
    return frame.assign(**{column: frame[column].astype(float) * 100 for column in points})
