"""Sentences of the Data page."""

from typing import TYPE_CHECKING

import pandas as pd

from core.text.formatting import format_count

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


def rater_disagreement(disputed: pd.DataFrame) -> str:
    """Return how to read the disagreement of raters."""
    return (
        "Each text was rated by several people; the standard deviation of its ratings is at most "
        f"{disputed['deviation'].max():.2f}. "
        "An error on a disputed text may be due to its label."
    )
