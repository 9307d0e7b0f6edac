"""Sentences of the Data page."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from core.report.data_quality import describe_checks
from core.text.formatting import MIN_SUPPORT, format_count, format_percent, format_points

if TYPE_CHECKING:
    from core.store.records import Dataset


def summary(dataset: "Dataset", balance: pd.DataFrame) -> str:
    """Return name, size and source of a data set."""
    sizes = balance.groupby("split")["count"].sum()
    parts = ", ".join(f"{format_count(sizes[split])} {split}" for split in ("train", "validation", "test"))
    return (
        f"{dataset.name}: {parts} examples; {len(dataset.labels)} labels. Text column '{dataset.text_column}', "
        f"label column '{dataset.label_column}' of {dataset.source}."
    )


def quality_checks(
    checks: Mapping[str, Any], rare: pd.DataFrame, truncated: Mapping[str, float] | None = None
) -> list[str]:
    """Return the results of the data quality checks, a sentence each.

    ``rare``: label, count, share and half (half the width of the interval of F1) of rare classes.
    ``truncated``: the share of each split's texts that the best run truncated.
    """
    return [
        *describe_checks(checks),
        *_truncation(truncated or {}),
        *map(_rare_class, rare.rename(columns={"count": "examples"}).itertuples()),
    ]


def _truncation(shares: Mapping[str, float]) -> list[str]:
    if not shares:
        return []
    parts = [f"{format_percent(share)}% of {split} texts" for split, share in shares.items() if share > 0]
    if not parts:
        return ["No texts were truncated in the best run."]
    return [f"The best run truncated {', '.join(parts)}. Increase --max-length to use more of them."]


def _rare_class(row: Any) -> str:
    """Return the size of a rare class, and how uncertain its metrics are."""
    head = (
        f"Rare class {row.label}: {format_count(row.examples)} test examples ({format_percent(row.share)}% of the "
        "test set)."
    )
    if row.examples < MIN_SUPPORT:
        return f"{head} Too few for reliable metrics (fewer than {MIN_SUPPORT})."
    if row.half == row.half:
        return f"{head} F1 is known to within ±{format_points(row.half)[1:]} points."
    return f"{head} Its metrics are uncertain."


def rater_disagreement(disputed: pd.DataFrame) -> str:
    """Return how to read the disagreement of raters."""
    return (
        "Each text was rated by several people; the standard deviation of its ratings is at most "
        f"{disputed['deviation'].max():.2f}. "
        "An error on a disputed text may be due to its label."
    )
