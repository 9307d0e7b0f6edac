"""Data of confusion matrices."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from core.evaluation.counts import most_confused_classes
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
    matrix = cells["count"].to_numpy().reshape(len(labels), len(labels))
    return [labels[index] for index in most_confused_classes(matrix, MAX_LABELS)]


def frequent_confusions(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells with the most errors, in descending order."""
    wrong = cells[(cells["true"] != cells["predicted"]) & (cells["count"] > 0)]
    return wrong.sort_values("count", ascending=False, kind="stable", ignore_index=True).head(MAX_CONFUSIONS)
