"""What runs cost against what they are worth: where each stands, and which no other run beats on both."""

import numpy as np
import pandas as pd

FEW_RUNS = 10
"""Up to this many points each has its name beside it; of more only the front and the baselines have."""
MOST_NAMES = 14
_DRAWN = ["id", "label", "kind", "macro_f1", "macro_f1_low", "macro_f1_high"]
_DRAWN += ["place", "front", "name", "name_at", "leftwards"]
_NOTHING = 0.18  # how far left of the cheapest run those stand that cost nothing, as a share of the axis
_NAME, _LINE = 0.3, 0.055  # how wide and high a name is, as shares of the chart


def cost_quality(runs: pd.DataFrame, cost: str) -> pd.DataFrame:
    """Return the runs whose cost is known, cheapest first, and where each stands in the chart.

    ``runs``: rows of `data.everything`. The columns besides number, label, kind, macro F1 and
    cost: ``place`` (the cost; a run that cost nothing stands left of all others, since a log scale
    has no 0), ``front`` (no other run is cheaper and better), ``name`` (empty where there is no room),
    ``name_at`` (the height of that name) and ``leftwards`` (it stands left of its point).
    """
    known = runs.assign(**{cost: known_cost(runs, cost)}).dropna(subset=[cost, "macro_f1"])
    known = known.sort_values([cost, "macro_f1"], ascending=[True, False]).reset_index(drop=True)
    paid = np.log10(known.loc[known[cost] > 0, cost].astype(float))
    edge = 10 ** (paid.min() - max(_NOTHING * (paid.max() - paid.min()), 0.3)) if len(paid) else 1.0
    best_before = known["macro_f1"].cummax().shift(fill_value=-np.inf)
    known = known.assign(place=known[cost].where(known[cost] > 0, edge), front=known["macro_f1"] > best_before)
    return _with_names(known)[[*_DRAWN, cost]]


def without_cost(runs: pd.DataFrame, cost: str) -> list[str]:
    """Return the labels of the runs whose cost nobody recorded: these have no place in the chart."""
    return list(runs.loc[known_cost(runs, cost).isna(), "label"])


def known_cost(runs: pd.DataFrame, cost: str) -> pd.Series:
    """Return what each run cost; where no weights were trained, training took no time."""
    untrained = runs["trainable_parameters"].eq(0) & (cost == "train_seconds")
    return runs[cost].astype(float).mask(untrained & runs[cost].isna(), 0.0)


def _with_names(known: pd.DataFrame) -> pd.DataFrame:
    """Say which points are named, the best first, on which side, and how high: no name covers a point or another."""
    across, height = known["place"].astype(float).map(np.log10), known["macro_f1"].astype(float)
    wide = max(across.max() - across.min(), 1e-9)
    leftwards = across > across.min() + wide / 2
    line = _LINE * float(known["macro_f1_high"].max() - known["macro_f1_low"].min()) or 1e-9
    wanted = known["front"] | (known["kind"] == "baseline") | (len(known) <= FEW_RUNS)
    names: dict[int, float] = {}
    for row in height[wanted].sort_values(ascending=False).index[:MOST_NAMES]:
        ahead = (across - across[row]) * np.where(leftwards[row], -1, 1) / wide
        points = height[ahead.between(0.02, _NAME)]
        others = [at for other, at in names.items() if abs(across[row] - across[other]) < _NAME * wide]
        taken, at = np.array([*points, *others]), height[row]
        while (abs(taken - at) < 0.95 * line).any():
            at -= line
        names[row] = at
    named = known["label"].where(known.index.isin(list(names)), "")
    return known.assign(name=named, name_at=pd.Series(names, dtype=float), leftwards=leftwards)
