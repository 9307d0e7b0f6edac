"""Cost and quality of runs: their points in the chart, the Pareto front, and the labels that fit."""

import numpy as np
import pandas as pd

FEW_RUNS = 10
"""Up to this many points, each has a label; with more, only the Pareto front and the baselines."""
MAX_LABELS = 14
_COLUMNS = ["id", "label", "kind", "macro_f1", "macro_f1_low", "macro_f1_high"]
_COLUMNS += ["place", "front", "name", "name_at", "leftwards"]
_FREE_GAP = 0.18  # the distance of runs with a cost of 0 from the cheapest other one, as a share of the axis
_LABEL_WIDTH, _LABEL_HEIGHT = 0.3, 0.055  # as shares of the chart
_LABEL_LIFT = 0.6  # how far the chart draws a label above its position, as a share of the label's height
_POINT_WIDTH = 0.005


def cost_quality(runs: pd.DataFrame, cost: str) -> pd.DataFrame:
    """Return the runs with a recorded cost, cheapest first, with their place in the chart.

    ``runs``: rows of `data.all_runs`. Columns besides id, label, kind, macro F1 and cost: ``place``
    (the cost; a run with a cost of 0 is left of all others, as a log scale has no 0), ``front`` (whether
    it is on the Pareto front), ``name`` (the label; empty if there is no room), ``name_at`` (its
    height) and ``leftwards`` (whether it is left of its point).
    """
    points = runs.assign(**{cost: recorded_cost(runs, cost)}).dropna(subset=[cost, "macro_f1"])
    points = points.sort_values([cost, "macro_f1"], ascending=[True, False]).reset_index(drop=True)
    paid = np.log10(points.loc[points[cost] > 0, cost].astype(float))
    edge = 10 ** (paid.min() - max(_FREE_GAP * (paid.max() - paid.min()), 0.3)) if len(paid) else 1.0
    best_before = points["macro_f1"].cummax().shift(fill_value=-np.inf)
    points = points.assign(place=points[cost].where(points[cost] > 0, edge), front=points["macro_f1"] > best_before)
    return _add_labels(points)[[*_COLUMNS, cost]]


def without_cost(runs: pd.DataFrame, cost: str) -> list[str]:
    """Return the labels of the runs without a recorded cost."""
    return list(runs.loc[recorded_cost(runs, cost).isna(), "label"])


def has_untrained(points: pd.DataFrame, cost: str) -> bool:
    """Return whether the chart of `cost_quality` points shows a baseline whose training time is 0."""
    return cost == "train_seconds" and bool(points[cost].eq(0).any())


def recorded_cost(runs: pd.DataFrame, cost: str) -> pd.Series:
    """Return the cost of each run; a run without trainable parameters took no training time."""
    is_untrained = runs["trainable_parameters"].eq(0) & (cost == "train_seconds")
    return runs[cost].astype(float).mask(is_untrained & runs[cost].isna(), 0.0)


def _add_labels(points: pd.DataFrame) -> pd.DataFrame:
    """Place the labels, best runs first, so that none covers a point, the Pareto front or another label."""
    x, y = points["place"].astype(float).map(np.log10), points["macro_f1"].astype(float)
    width = max(x.max() - x.min(), 1e-9)
    leftwards = x > x.min() + width / 2
    height = _LABEL_HEIGHT * float(points["macro_f1_high"].max() - points["macro_f1_low"].min()) or 1e-9
    is_labeled = points["front"] | (points["kind"] == "baseline") | (len(points) <= FEW_RUNS)
    labels: dict[int, float] = {}
    for row in y[is_labeled].sort_values(ascending=False).index[:MAX_LABELS]:
        ahead = (x - x[row]) * np.where(leftwards[row], -1, 1) / width
        points_ahead = y[ahead.between(_POINT_WIDTH, _LABEL_WIDTH)]
        end = x[row] + _LABEL_WIDTH * width * (-1 if leftwards[row] else 1)
        front = [] if points["front"][row] else [y[x <= max(place, x.min())].max() for place in (x[row], end)]
        labels_near = [at for other, at in labels.items() if abs(x[row] - x[other]) < _LABEL_WIDTH * width]
        lifted = np.array([*points_ahead, *front]) - _LABEL_LIFT * height
        occupied, at = np.array([*lifted, *labels_near]), y[row]
        while (abs(occupied - at) < 0.95 * height).any():
            at -= height
        labels[row] = at
    names = points["label"].where(points.index.isin(list(labels)), "")
    return points.assign(name=names, name_at=pd.Series(labels, dtype=float), leftwards=leftwards)
