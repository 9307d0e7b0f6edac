"""Configurations: runs that differ only in the seed, ranked by their mean."""

from typing import Any

import pandas as pd

from core.errors import RequestError
from dashboard import data


def is_newest_of_seed(runs: pd.DataFrame, *within: str) -> pd.Series:
    """Return for each run whether it is the newest of its configuration and seed, and of the columns ``within``."""
    return ~runs.sort_values("id").duplicated([*within, "group_key", "seed"], keep="last").reindex(runs.index)


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


@data.cached_by_runs()
def ranking_of(test_set: int) -> pd.DataFrame:
    """Return the `rank_configurations` of the complete runs on a test set."""
    return rank_configurations(data.complete_runs(test_set))


def seeds_left(run_ids: list[int]) -> dict[str, int]:
    """Return the number of seeds in the means of the configurations of runs, by name.

    Configurations without other complete runs are left out. Call it after the runs were archived, deleted or restored.
    """
    moved, frame = data.run_rows(run_ids), data.all_runs()
    moved = moved[(moved["state"] == "complete") & moved["group_key"].notna()]
    counted = frame[(frame["state"] == "complete") & ~frame["archived"].astype(bool)]
    shared = set(moved["group_key"]) & set(counted.loc[~counted["id"].isin(run_ids), "group_key"])
    seeds = counted[counted["group_key"].isin(shared)].groupby("group_key")["seed"].nunique(dropna=False)
    names = dict(zip(moved["group_key"], moved["name"], strict=True))
    return {names[key]: int(number) for key, number in seeds.items()}


@data.cached_by_runs()
def excluded_runs(group_key: str) -> dict[str, int]:
    """Return the number of runs of a configuration by the reason why its mean excludes them."""
    same = pd.concat([frame[frame["group_key"] == group_key] for frame in (data.all_runs(), data.trashed_runs())])
    reason = same["state"].mask(same["archived"].astype(bool), "archived")
    reason = reason.mask(same["deleted_at"].notna(), "in the trash")
    return {str(name): int(number) for name, number in reason[reason != "complete"].value_counts().items()}


def typical_runs(runs: pd.DataFrame) -> list[int]:
    """Return the id of one run per configuration, see `rank_configurations`, and those of runs without a score."""
    scored = (runs["state"] == "complete") & runs["macro_f1"].notna()
    return [int(run_id) for run_id in (*rank_configurations(runs[scored])["id"], *runs.loc[~scored, "id"])]


@data.cached_by_runs()
def leading_configurations(test_set: int) -> list[Any]:
    """Return the best configuration on a test set and the next one to compare it with, as rows of `ranking_of`.

    The best is a baseline if its mean is higher than that of the best fine-tuned configuration, which is then the next.
    """
    ranking = ranking_of(test_set)
    best, best_baseline = best_fine_tuned(ranking), _first(ranking[ranking["kind"] == "baseline"])
    if best is None or (best_baseline is not None and best_baseline.mean > best.mean):
        return [row for row in (best_baseline, best) if row is not None]
    following = _first(ranking[(ranking["kind"] != "baseline") & (ranking["id"] != best.id)])
    return [best] if following is None else [best, following]


def best_fine_tuned(ranking: pd.DataFrame) -> Any:
    """Return the best fine-tuned configuration, a row of `rank_configurations`; None without any.

    One with a single seed is the best only if it is significantly better than the first one with several seeds: its
    score depends on a seed more than a mean does.
    """
    fine_tuned = ranking[ranking["kind"] != "baseline"]
    best, several = _first(fine_tuned), _first(fine_tuned[fine_tuned["seeds"] > 1])
    if best is None or best.seeds > 1 or several is None or _is_better(best, several):
        return best
    return several


def _first(ranking: pd.DataFrame) -> Any:
    return next(ranking.head(1).itertuples(index=False), None)


def _is_better(row: Any, other: Any) -> bool:
    """Return whether the run of one row is significantly better than that of another; False without predictions."""
    try:
        return data.comparison(int(row.id), int(other.id)).result.verdict == "helped"
    except RequestError:
        return False
