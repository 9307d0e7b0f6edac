"""Which label a run took for which."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dashboard import data

MOST_DRAWN = 16
"""Of more labels than this a matrix can't be read."""
MOST_LISTED = 20


def confusion(run_id: int) -> pd.DataFrame:
    """Return a row a cell of the confusion matrix: true, predicted, count, and share of its row."""
    names, (true, predicted) = data.labels(run_id), data.label_codes(run_id)
    counts = np.bincount(true * len(names) + predicted, minlength=len(names) ** 2)
    total = np.bincount(true, minlength=len(names)).repeat(len(names))
    cells = pd.DataFrame(
        {"true": np.repeat(names, len(names)), "predicted": np.tile(names, len(names)), "count": counts}
    )
    cells["share"] = (cells["count"] / total).where(total > 0)
    return cells


def most_mistaken(cells: pd.DataFrame, labels: Sequence[str]) -> list[str]:
    """Return the labels to draw, in their order: of many those that are mistaken, or named by mistake, most often."""
    if len(labels) <= MOST_DRAWN:
        return list(labels)
    wrong = cells[cells["true"] != cells["predicted"]]
    mistakes = wrong.groupby("true")["count"].sum() + wrong.groupby("predicted")["count"].sum()
    most = set(mistakes.sort_values(ascending=False, kind="stable").index[:MOST_DRAWN])
    return [label for label in labels if label in most]


def frequent_confusions(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells with most mistakes, the most frequent first."""
    wrong = cells[(cells["true"] != cells["predicted"]) & (cells["count"] > 0)]
    return wrong.sort_values("count", ascending=False, kind="stable", ignore_index=True).head(MOST_LISTED)
