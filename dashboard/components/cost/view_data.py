"""Cost and quality of runs: their points in the chart, the Pareto front, and the names that fit."""

from typing import Any

import numpy as np
import pandas as pd

_COLUMNS = ["id", "label", "kind", "macro_f1", "macro_f1_low", "macro_f1_high"]
_COLUMNS += ["place", "front", "height", "low", "high", "below", "name"]
_FREE_GAP = 0.18  # the distance of runs with a cost of 0 from the cheapest other one, as a share of the axis
_SPAN, _MIN_SPAN = 2.5, 0.06
"""The height of the axis: this multiple of the distance between the best and the median run, at least `_MIN_SPAN`."""
_MARGIN = 0.005
_NAME_WIDTH, _NAME_HEIGHT = 0.22, 0.06
"""The size of a name as shares of the chart."""


def cost_quality(runs: pd.DataFrame, cost: str) -> pd.DataFrame:
    """Return the runs with a recorded cost, cheapest first, with their place in the chart.

    ``runs``: rows of `data.all_runs`. Columns besides id, label, kind, macro F1 and cost: ``place``
    (the cost; a run with a cost of 0 is left of all others, as a log scale has no 0), ``front`` (whether it is on the
    Pareto front), ``height``, ``low`` and ``high`` (macro F1 and its interval, at the lower edge of the axis if it is
    ``below``) and ``name`` (the label; empty if it is not on the front or there is no room).
    """
    points = runs.assign(**{cost: recorded_cost(runs, cost)}).dropna(subset=[cost, "macro_f1"])
    points = points.sort_values([cost, "macro_f1"], ascending=[True, False]).reset_index(drop=True)
    paid = np.log10(points.loc[points[cost] > 0, cost].astype(float))
    edge = 10 ** (paid.min() - max(_FREE_GAP * (paid.max() - paid.min()), 0.3)) if len(paid) else 1.0
    best_before = points["macro_f1"].cummax().shift(fill_value=-np.inf)
    points = points.assign(place=points[cost].where(points[cost] > 0, edge), front=points["macro_f1"] > best_before)
    return _add_names(_add_height(points))[[*_COLUMNS, cost]]


def without_cost(runs: pd.DataFrame, cost: str) -> list[str]:
    """Return the labels of the runs without a recorded cost."""
    return list(runs.loc[recorded_cost(runs, cost).isna(), "label"])


def recorded_cost(runs: pd.DataFrame, cost: str) -> pd.Series:
    """Return the cost of each run; a run without trainable parameters took no training time."""
    is_untrained = runs["trainable_parameters"].eq(0) & (cost == "train_seconds")
    return runs[cost].astype(float).mask(is_untrained & runs[cost].isna(), 0.0)


def _add_height(points: pd.DataFrame) -> pd.DataFrame:
    """Add ``height``, ``low`` and ``high``: macro F1 and its interval, with those below the axis at its lower edge."""
    score = points["macro_f1"].astype(float)
    span = max(_MIN_SPAN, _SPAN * (score.max() - score.median()))
    edge = max(score.max() - span, 0.0) if len(points) else 0.0
    lowest = points["macro_f1_low"].fillna(score).where(score >= edge).min()
    edge = max(edge, lowest - _MARGIN)  # no empty band below the lowest run
    clipped = points[["macro_f1", "macro_f1_low", "macro_f1_high"]].astype(float).clip(lower=edge)
    clipped.columns = pd.Index(["height", "low", "high"])
    return points.assign(**clipped, below=score < edge)


def _add_names(points: pd.DataFrame) -> pd.DataFrame:
    """Name the runs on the Pareto front, the best first, where no other name is near.

    A name stands above and to the left of its point: a run there would be cheaper and better, so no point is.
    """
    span = max(float(points["high"].max() - points["low"].min()), 1e-9) if len(points) else 1.0
    width = max(float(np.log10(points["place"].max() / points["place"].min())), 1e-9) if len(points) else 1.0
    named: list[Any] = []
    for row in points[points["front"] & ~points["below"]].sort_values("height", ascending=False).itertuples():
        is_free = all(
            other.height - row.height > _NAME_HEIGHT * span or np.log10(other.place / row.place) > _NAME_WIDTH * width
            for other in named
        )
        named += [row] if is_free else []
    names = points["label"].where(points.index.isin([row.Index for row in named]), "")
    return points.assign(name=names)
