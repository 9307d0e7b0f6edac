"""The page of all runs: how each stands to its baseline, and seeds as one line."""

from typing import Any

import numpy as np
import pandas as pd

from core.formatting import DASH, count, percent, score
from dashboard import data
from dashboard.frames.estimates import with_interval


def narrowed(frame: pd.DataFrame, search: str, chosen: dict[str, list[str]]) -> pd.DataFrame:
    """Return the runs whose label holds the words and whose columns have one of the chosen values."""
    keep = frame["label"].str.contains(search, case=False, regex=False)
    for column, values in chosen.items():
        if values:
            keep &= frame[column].isin(values)
    return frame[keep].reset_index(drop=True)


def against_baselines(frame: pd.DataFrame) -> pd.DataFrame:
    """Return runs with how each adapter stands to the baseline that was recorded for it: ``gap`` and ``verdict``."""
    from core.evaluation.comparison import verdict_of
    from core.evaluation.intervals import Estimate

    recorded = frame[["macro_f1_over_baseline", "macro_f1_over_baseline_low", "macro_f1_over_baseline_high"]].astype(
        float
    )
    gaps = recorded.set_axis(["gap", "gap_low", "gap_high"], axis=1).where(frame["baseline_id"].notna())
    found = zip(gaps.itertuples(index=False), frame["macro_f1_over_baseline_p"].astype(float), strict=True)
    verdicts = [verdict_of(Estimate(*row), p) if pd.notna(row[0]) else DASH for row, p in found]
    return frame.assign(**gaps, verdict=verdicts)


def groups(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row a group of complete runs that differ in the seed alone; the other runs stand for themselves.

    ``runs``: as `against_baselines` gives them. Columns are those that `tables.groups` shows, and ``ids``.
    """
    alone = runs["group_key"].isna() | (runs["state"] != "complete")
    keys = runs["group_key"].where(~alone, "run " + runs["id"].astype(str))
    return pd.DataFrame([_group(own) for _, own in runs.groupby(keys, sort=False)])


def _group(own: pd.DataFrame) -> dict[str, Any]:
    first, several = own.iloc[0], len(own) > 1
    row = {name: first[name] for name in ("kind", "title", "state", "trainable_parameters", "total_parameters")}
    row |= {name: first[name] for name in ("gap", "gap_low", "gap_high", "verdict")}
    row |= {"ids": own["id"].tolist(), "name": f"{first['name']} ×{len(own)}" if several else first["name"]}
    row["seeds"] = "no seed" if pd.isna(first["seed"]) else count(len(own)) if several else "one seed"
    row["train_seconds"] = own["train_seconds"].mean()
    for metric in ("macro_f1", "accuracy"):
        row |= _over_seeds(own, metric)
    if several and pd.notna(first["baseline_id"]) and first["kind"] != "baseline":
        over_seeds = data.configurations(int(first["id"]), int(first["baseline_id"]))
        row |= with_interval("gap", over_seeds.result.macro_f1 if over_seeds else None)
        row["verdict"] = over_seeds.result.verdict if over_seeds else "fewer than two seeds in common"
    return row


def _over_seeds(own: pd.DataFrame, metric: str) -> dict[str, Any]:
    """Return one metric's mean with what stands beside it: deviation and range, or one run's interval."""
    from core.evaluation.groups import spread

    over, one = spread(own[metric].tolist()), own.iloc[0]
    if over is None or over.deviation is None:
        text, range_ = score(one[metric], one[f"{metric}_low"], one[f"{metric}_high"]), DASH
    else:
        text = f"{percent(over.mean)} ± {percent(over.deviation)}"
        range_ = f"{percent(over.lowest)}–{percent(over.highest)}"
    return {metric: over.mean if over else np.nan, f"{metric}_text": text, f"{metric}_range": range_}
