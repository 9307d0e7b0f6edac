"""Data of confusion matrices."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.evaluation.counts import confusion_matrix
from dashboard import data

FEW_LABELS = 12
"""Up to this number of labels the whole matrix is drawn with all names."""
MAX_LABELS = 16
"""With more labels, a matrix with names shows those that are confused most often."""
MAX_CONFUSIONS = 8
MAX_PAIRS = 12
MAX_CELLS = 5_000
"""Browsers get slow with more rectangles."""


def confusion_counts(run_id: int) -> NDArray[np.int64]:
    """Return the confusion matrix of a run, [k, k]; rows are true labels."""
    return confusion_matrix(*data.class_indices(run_id), len(data.labels(run_id)))


def confusion_cells(run_id: int) -> pd.DataFrame:
    """Return the cells of the confusion matrix that have examples: true, predicted, count, and share of the row.

    Confusions come before correct predictions, the most frequent first.
    """
    counts = confusion_counts(run_id)
    cells = grid_cells(counts, data.labels(run_id), np.argwhere(counts))
    is_correct = cells["true"] == cells["predicted"]
    order = np.lexsort([-cells["count"], is_correct])
    return cells.iloc[order].reset_index(drop=True)


def matrix_cells(run_id: int, labels: Sequence[str]) -> pd.DataFrame:
    """Return all cells of the confusion matrix among some labels, empty ones too; columns as in `confusion_cells`."""
    names = data.labels(run_id)
    indices = np.array([names.index(label) for label in labels], dtype=np.int64)
    return grid_cells(confusion_counts(run_id), names, index_pairs(indices))


def index_pairs(indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return all ordered pairs of class indices, [k * k, 2]."""
    return np.stack([indices.repeat(len(indices)), np.tile(indices, len(indices))], axis=1)


def grid_cells(counts: NDArray[np.int64], labels: Sequence[str], pairs: NDArray[np.int64]) -> pd.DataFrame:
    """Return cells of a confusion matrix, given by true and predicted class index, [c, 2]; see `confusion_cells`."""
    names, (true, predicted) = np.array(labels, dtype=object), pairs.T
    count, total = counts[true, predicted], counts.sum(axis=1)[true]
    share = np.where(total > 0, count / np.maximum(total, 1), np.nan)
    return pd.DataFrame({"true": names[true], "predicted": names[predicted], "count": count, "share": share})


def clustered_labels(run_id: int) -> list[str]:
    """Return all labels, those that are confused with each other next to each other."""
    from core.evaluation.label_order import cluster_labels

    labels = data.labels(run_id)
    return [labels[index] for index in cluster_labels(confusion_counts(run_id))]


def select_labels(confusions: pd.DataFrame, labels: Sequence[str], label: str | None = None) -> list[str]:
    """Return the labels of the most frequent confusions, at most `MAX_LABELS`, in the order of ``labels``.

    ``label``: a label that is one of them.
    """
    pairs = confusions[["true", "predicted"]].itertuples(index=False, name=None)
    selected = dict.fromkeys([label] if label else [])
    for pair in pairs:
        if len(selected | dict.fromkeys(pair)) > MAX_LABELS:
            break
        selected |= dict.fromkeys(pair)
    return [name for name in labels if name in selected]


def select_cells(cells: pd.DataFrame, label: str | None) -> pd.DataFrame:
    """Return the cells in the row and the column of a label; all for None."""
    return cells if label is None else cells[(cells["true"] == label) | (cells["predicted"] == label)]


def select_confusions(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of `confusion_cells` with errors, the most frequent first."""
    return cells[cells["true"] != cells["predicted"]].reset_index(drop=True)


def frequent_confusions(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells with the most errors, in descending order."""
    return select_confusions(cells).head(MAX_CONFUSIONS)
