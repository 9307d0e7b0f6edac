"""Sentences of the Data page."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from core.text.formatting import DASH, format_count, format_percent

if TYPE_CHECKING:
    from core.store.records import Dataset


def sizes(dataset: "Dataset", balance: pd.DataFrame) -> list[str]:
    """Return the number of examples of each split and the number of labels."""
    counts = balance.groupby("split")["count"].sum()
    splits = [f"{format_count(counts[split])} {split}" for split in ("train", "validation", "test")]
    return [*splits, f"{format_count(len(dataset.labels))} labels"]


def source(dataset: "Dataset") -> str:
    """Return where a data set comes from."""
    return f"Text column '{dataset.text_column}', label column '{dataset.label_column}' of {dataset.source}."


def leaks_note(exact: int, near: int) -> str:
    """Return how many test examples also occur, exactly or nearly, in another split."""
    if not exact + near:
        return "No leakage: no test example is in the training or validation split."
    return (
        f"Test examples that are also in the training or validation split: {format_count(exact)}; that are almost "
        f"equal to one there: {format_count(near)}. Macro F1 without them is on the Run page."
    )


def truncated_share(shares: Mapping[str, float]) -> str:
    """Return the share of test texts that were truncated."""
    return f"{format_percent(shares['test'])}%" if "test" in shares else DASH


def suspects_note(expected: float) -> str:
    """Return what suspect labels are, and how many to expect without any error in the labels."""
    return (
        "Test examples for which several runs of different kinds suggest the same other label. If the runs erred "
        f"independently, there would be about {format_count(expected)}."
    )


def rater_disagreement(disputed: pd.DataFrame, run: str | None) -> str:
    """Return how to read the disagreement of raters. ``run``: the label of the run whose errors are drawn."""
    errors = f" The chart has the error rate of {run} by quartile of it." if run else ""
    return (
        "Each text was rated by several people; the standard deviation of its ratings is at most "
        f"{disputed['deviation'].max():.2f}.{errors} An error on a disputed text may be due to its label."
    )
