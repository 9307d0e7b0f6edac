"""Data of confusion matrices."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dashboard import data

MAX_LABELS = 16
"""With more labels, a matrix shows those with the most errors."""
MAX_CONFUSIONS = 8


def confusion_cells(run_id: int) -> pd.DataFrame:
    """Return a row per cell of the confusion matrix: true, predicted, count, and share of its row."""
    names, (true, predicted) = data.labels(run_id), data.class_indices(run_id)
    counts = np.bincount(true * len(names) + predicted, minlength=len(names) ** 2)
    total = np.bincount(true, minlength=len(names)).repeat(len(names))
    cells = pd.DataFrame(
        {"true": np.repeat(names, len(names)), "predicted": np.tile(names, len(names)), "count": counts}
    )
    cells["share"] = (cells["count"] / total).where(total > 0)
    return cells


def select_labels(cells: pd.DataFrame, labels: Sequence[str]) -> list[str]:
    """Return the labels to draw, in their order: all, or with many labels those with the most errors."""
    if len(labels) <= MAX_LABELS:
        return list(labels)
    wrong = cells[cells["true"] != cells["predicted"]]
    errors = wrong.groupby("true")["count"].sum() + wrong.groupby("predicted")["count"].sum()
    selected = set(errors.sort_values(ascending=False, kind="stable").index[:MAX_LABELS])
    return [label for label in labels if label in selected]


def frequent_confusions(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells with the most errors, in descending order."""
    wrong = cells[(cells["true"] != cells["predicted"]) & (cells["count"] > 0)]
    return wrong.sort_values("count", ascending=False, kind="stable", ignore_index=True).head(MAX_CONFUSIONS)
