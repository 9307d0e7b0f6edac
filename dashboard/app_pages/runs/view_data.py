"""The page of all runs: which pass the filters, in which order, how each stands to its baseline, what is drawn."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from core.catalog.figures import FIGURES
from core.text.formatting import DASH
from dashboard.components.cost.view_data import known_cost

PAGE = 50
"""Rows of the table on one page."""
MOST_POINTS = 200
"""Points in the chart of cost against quality: more cannot be told apart."""
AT_ONCE = 5
"""So many ticked configurations are compared with their baselines over the seeds: each takes tenths of a second."""
_BEST = 150
TEXTS = {"name", "kind", "title", "state", "verdict", "worst_class", "model", "version", "tags", "notes"}
"""Columns in the order of the alphabet, all others by size."""
_AVERAGED = [figure.name for figure in FIGURES.values() if figure.listed and figure.group not in ("baseline", "cost")]
_AVERAGED += ["train_seconds"]
"""The figures that differ between the seeds of a configuration."""
_GAP = ["gap", "gap_low", "gap_high"]


@dataclass(frozen=True)
class Filters:
    """What a person wants to see: words, values by column of the runs, tags, and days of the start (UTC)."""

    words: str = ""
    values: Mapping[str, list[str]] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    since: date | None = None
    until: date | None = None


def filtered(frame: pd.DataFrame, wanted: Filters) -> pd.DataFrame:
    """Return the runs that pass: each word stands in number and name, tags or note."""
    keep = pd.Series(True, index=frame.index)
    if wanted.words.strip():
        text = frame["label"] + " " + frame["tags"].map(" ".join) + " " + frame["notes"].fillna("").astype(str)
        for word in wanted.words.split():
            keep &= text.str.contains(word, case=False, regex=False)
    for column, values in wanted.values.items():
        if values:
            keep &= frame[column].isin(values)
    if wanted.tags:
        asked = set(wanted.tags)
        keep &= frame["tags"].map(lambda tags: not asked.isdisjoint(tags)).astype(bool)
    began = frame["created_at"]
    if wanted.since:
        keep &= began >= pd.Timestamp(wanted.since, tz="UTC")
    if wanted.until:
        keep &= began < pd.Timestamp(wanted.until + timedelta(days=1), tz="UTC")
    return frame[keep].reset_index(drop=True)


def tags_of(frame: pd.DataFrame) -> list[str]:
    """Return all tags of these runs, in their order."""
    return sorted({tag for tags in frame["tags"] for tag in tags})


def with_versions(frame: pd.DataFrame, versions: Mapping[int, str]) -> pd.DataFrame:
    """Return runs with ``version``, the title of the data set that each was trained on."""
    return frame.assign(version=frame["dataset_id"].map(versions).astype(object).fillna(DASH))


def against_baselines(frame: pd.DataFrame, best_baseline: int | None) -> pd.DataFrame:
    """Return runs with how each adapter stands to the baseline that was recorded for it: ``gap`` and ``verdict``.

    Both stay where that baseline was deleted since. ``ids``: the numbers of the runs that a row
    stands for. ``is_best_baseline``: whether it is that one.
    """
    from core.evaluation.comparison import verdict_of
    from core.evaluation.intervals import Estimate

    recorded = [f"macro_f1_over_baseline{end}" for end in ("", "_low", "_high")]
    gaps = frame[recorded].astype(float).set_axis(_GAP, axis=1)
    found = zip(gaps.itertuples(index=False), frame["macro_f1_over_baseline_p"].astype(float), strict=True)
    verdicts = [verdict_of(Estimate(*row), p) if pd.notna(row[0]) else DASH for row, p in found]
    ids = pd.Series([[number] for number in frame["id"]], index=frame.index, dtype=object)
    return frame.assign(**gaps, verdict=verdicts, ids=ids, is_best_baseline=frame["id"] == best_baseline)


def groups(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row a group of complete runs that differ in the seed alone; the other runs stand for themselves.

    ``runs``: as `against_baselines` gives them. The figures of a group are means; beside each stands
    ``…_deviation`` (of the sample), and ``macro_f1_lowest`` and ``macro_f1_highest``. Its gap is the
    mean of the recorded ones: the interval over seeds takes a comparison, too slow for every row.
    Of several runs of one seed the newest counts; ``ids`` holds them all.
    """
    alone = runs["group_key"].isna() | (runs["state"] != "complete")
    keys = pd.Series(pd.factorize(runs["group_key"].astype(object).where(~alone, runs["id"]))[0], index=runs.index)
    everyone = _by_group(runs["id"], keys), runs["is_best_baseline"].groupby(keys).any()
    runs = runs[_newest_of_seed(runs.assign(group_key=keys))]
    keys = keys[runs.index]
    figures = [*_AVERAGED, "gap"]
    numbers, sizes = runs[figures].astype(float).groupby(keys), keys.value_counts().sort_index()
    means, deviations, several = numbers.mean(), numbers.std(), sizes > 1
    worst = pd.Series(pd.factorize(runs["worst_class"])[0], index=runs.index).groupby(keys)
    rows = runs[~keys.duplicated()].set_index(keys[~keys.duplicated()]).sort_index()
    rows = rows.assign(**{name: means[name].where(several, rows[name]) for name in figures})
    rows = rows.assign(**{f"{name}_deviation": deviations[name] for name in figures})
    return rows.assign(
        ids=everyone[0],
        seeds=sizes,
        macro_f1_lowest=numbers["macro_f1"].min(),
        macro_f1_highest=numbers["macro_f1"].max(),
        is_best_baseline=everyone[1],
        verdict=rows["verdict"].where(~several, _tally(runs["verdict"], keys, sizes)),
        worst_class=rows["worst_class"].astype(object).where(worst.min() == worst.max(), "several"),
    )


def of_group(runs: pd.DataFrame, group_key: str | None) -> pd.DataFrame:
    """Return the runs of a group; of several of one seed the newest."""
    mine = runs[runs["group_key"] == group_key]
    return mine[_newest_of_seed(mine)]


def _newest_of_seed(runs: pd.DataFrame) -> pd.Series:
    """Tell of each run whether it is the newest of its group and seed."""
    return ~runs.sort_values("id").duplicated(["group_key", "seed"], keep="last").reindex(runs.index)


def _by_group(values: pd.Series, keys: pd.Series) -> pd.Series:
    """Return the values of each group as a list."""
    sizes = keys.value_counts().sort_index()
    parts = np.split(values.to_numpy()[np.argsort(keys.to_numpy(), kind="stable")], np.cumsum(sizes.to_numpy())[:-1])
    return pd.Series([part.tolist() for part in parts], dtype=object)


def _tally(verdicts: pd.Series, keys: pd.Series, sizes: pd.Series) -> pd.Series:
    """Say of each group how many of its runs helped and hurt."""
    known, helped, hurt = ((verdicts != DASH), verdicts == "helped", verdicts == "hurt")
    known, helped, hurt = (one.groupby(keys).sum() for one in (known, helped, hurt))
    said = helped.astype(str) + " of " + sizes.astype(str) + " helped"
    return said.where(hurt == 0, said + ", " + hurt.astype(str) + " hurt").where(known > 0, DASH)


def configurations(chosen: pd.DataFrame) -> list[Any]:
    """Return of the ticked runs those of several seeds that have a baseline, a row a group, at most `AT_ONCE`."""
    done = chosen[(chosen["state"] == "complete") & (chosen["kind"] != "baseline") & chosen["baseline_id"].notna()]
    several = done[done.groupby("group_key")["seed"].transform("nunique") > 1].drop_duplicates("group_key")
    return list(several.head(AT_ONCE).astype({"baseline_id": int}).itertuples(index=False))


def ordered(frame: pd.DataFrame, column: str, *, descending: bool) -> pd.DataFrame:
    """Return all rows in the order of a column; equal ones the newest first, undefined ones last."""
    values = frame[column]
    if column == "tags":
        values = values.map(" ".join)
    if column in TEXTS:
        values = values.astype(object).map(str.casefold, na_action="ignore")
    elif not isinstance(values.dtype, pd.DatetimeTZDtype):
        values = values.astype(float)
    frame = frame.assign(_by=values).sort_values("id", ascending=False, kind="stable")
    frame = frame.sort_values("_by", ascending=not descending, kind="stable", na_position="last")
    return frame.drop(columns="_by").reset_index(drop=True)


def range_of(number: int, rows: int) -> tuple[int, int]:
    """Return the first and the last row of a page, all from 1."""
    return (number - 1) * PAGE + 1, min(number * PAGE, rows)


def page(frame: pd.DataFrame, number: int) -> pd.DataFrame:
    """Return a page of the rows in their order, from 1, with the best baseline on top where it stands on another.

    Baselines keep their place in the order, so that what lies above and below them can be seen; but
    what every adapter is measured against must not be sorted or paged away. A filter may hide it.
    """
    shown = frame.iloc[(number - 1) * PAGE : number * PAGE]
    best = frame[frame["is_best_baseline"]]
    pinned = best[~best.index.isin(shown.index)]
    return pd.concat([pinned, shown]).assign(pinned=[True] * len(pinned) + [False] * len(shown)).reset_index(drop=True)


def for_chart(complete: pd.DataFrame, cost: str) -> pd.DataFrame:
    """Return the runs that the chart of cost against quality draws: of many the best, the front and the baselines.

    Of each kind of baseline the best stands for all. ``complete``: the best by macro F1 first.
    """
    if len(complete) <= MOST_POINTS:
        return complete
    cheapest = complete.assign(_cost=known_cost(complete, cost)).sort_values("_cost", kind="stable")
    cheapest = cheapest[cheapest["_cost"].notna()]
    front = cheapest.index[cheapest["macro_f1"] > cheapest["macro_f1"].cummax().shift(fill_value=-np.inf)]
    baselines = complete[complete["kind"] == "baseline"].drop_duplicates("method").index
    first = [*front, *baselines, *complete.index[:_BEST]]
    return complete.loc[sorted(set(first[:MOST_POINTS]))]
