"""Configurations: runs that differ only in the seed, ranked by their mean."""

from itertools import islice
from typing import Any

import pandas as pd

from core.errors import RequestError
from dashboard import data


def is_newest_of_seed(runs: pd.DataFrame) -> pd.Series:
    """Return for each run whether it is the newest of its configuration and seed."""
    return ~runs.sort_values("id").duplicated(["group_key", "seed"], keep="last").reindex(runs.index)


def rank_configurations(complete: pd.DataFrame) -> pd.DataFrame:
    """Return one row per configuration of complete runs, the highest mean of macro F1 over its seeds first.

    ``id`` and the other columns are those of the run whose macro F1 is closest to the mean. Besides: mean, deviation
    (of the sample; undefined for one seed), seeds, and runs, which counts repetitions of a seed.
    """
    keys = complete["group_key"].astype(object).where(complete["group_key"].notna(), complete["id"])
    complete = complete.assign(group_key=keys)
    repetitions = complete.groupby("group_key").size().rename("runs")
    newest = complete[is_newest_of_seed(complete)]
    scores = newest.groupby("group_key")["macro_f1"]
    summary = scores.agg(mean="mean", deviation="std", seeds="size").join(repetitions)
    rows = newest.merge(summary, left_on="group_key", right_index=True)
    rows = rows.assign(_distance=(rows["macro_f1"] - rows["mean"]).abs()).sort_values(["_distance", "id"])
    rows = rows.drop_duplicates("group_key").drop(columns="_distance")
    return rows.sort_values(["mean", "id"], ascending=[False, True]).reset_index(drop=True)


def excluded_runs(runs: pd.DataFrame, group_key: str) -> dict[str, int]:
    """Return the number of runs of a configuration by the reason why its mean excludes them.

    ``runs``: all runs on the test set, those that are archived or in the trash included.
    """
    same = runs[runs["group_key"] == group_key]
    reason = same["state"].mask(same["archived"].astype(bool), "archived")
    reason = reason.mask(same["deleted_at"].notna(), "in the trash")
    return {str(name): int(number) for name, number in reason[reason != "complete"].value_counts().items()}


def typical_runs(runs: pd.DataFrame) -> list[int]:
    """Return the id of one run per configuration, see `rank_configurations`, and those of runs without a score."""
    scored = (runs["state"] == "complete") & runs["macro_f1"].notna()
    return [int(run_id) for run_id in (*rank_configurations(runs[scored])["id"], *runs.loc[~scored, "id"])]


def leading_configurations(ranking: pd.DataFrame) -> list[Any]:
    """Return the best configuration and the next one to compare it with, as rows of a `rank_configurations`.

    The best is a baseline if its mean is higher than that of the best fine-tuned configuration, which is then the next.
    """
    is_baseline = ranking["kind"] == "baseline"
    tuned, best_baseline = ranking[~is_baseline], next(ranking[is_baseline].itertuples(index=False), None)
    best = best_fine_tuned(ranking)
    if best is None or (best_baseline is not None and best_baseline.mean > best.mean):
        return [row for row in (best_baseline, best) if row is not None]
    others = (row for row in tuned.itertuples(index=False) if row.id != best.id)
    return [best, *islice(others, 1)]


def best_fine_tuned(ranking: pd.DataFrame) -> Any:
    """Return the best fine-tuned configuration, a row of `rank_configurations`; None without any.

    One with a single seed is the best only if it is significantly better than the first one with several seeds: its
    score depends on a seed more than a mean does.
    """
    tuned = list(ranking[ranking["kind"] != "baseline"].itertuples(index=False))
    several = next((row for row in tuned if row.seeds > 1), None)
    if not tuned or tuned[0].seeds > 1 or several is None or _is_better(tuned[0], several):
        return tuned[0] if tuned else None
    return several


def _is_better(row: Any, other: Any) -> bool:
    """Return whether the run of one row is significantly better than that of another; False without predictions."""
    try:
        return data.comparison(int(row.id), int(other.id)).result.verdict == "helped"
    except RequestError:
        return False
