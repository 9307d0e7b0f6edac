"""The rows of the Runs page: filters, order, groups of seeds, differences to baselines, points of the chart."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from core.catalog.figures import FIGURES
from core.text.formatting import DASH, format_p_value
from dashboard import data
from dashboard.components.configurations import is_newest_of_seed
from dashboard.components.cost.view_data import recorded_cost

if TYPE_CHECKING:
    from core.evaluation.intervals import Estimate

PAGE_SIZE = 50
"""Rows of the table on one page."""
MAX_POINTS = 200
"""The most points in the cost chart: more cannot be distinguished."""
_MAX_BEST = 150
MAX_CONFIGURATIONS = 5
"""Selected configurations that are compared with their baselines over seeds: each takes tenths of a second."""
TEXT_FIELDS = {"name", "kind", "title", "state", "verdict", "worst_class", "model", "version", "tags", "notes"}
"""Columns that sort alphabetically, all others by value."""
_AVERAGED = [figure.name for figure in FIGURES.values() if figure.listed and figure.group not in ("baseline", "cost")]
_AVERAGED += ["train_seconds"]
"""The figures that differ between the seeds of a configuration."""
_USUAL_SETTINGS = {f"{data.SETTING}{name}" for name in ("r", "lr", "epochs", "batch_size", "train_size")}
_FIXED_SETTINGS = {f"{data.SETTING}{name}" for name in ("method", "model", "seed", "dataset")}
"""Settings that have a column and a filter of their own."""
_GAP = ["gap", "gap_low", "gap_high"]


@dataclass(frozen=True)
class Filters:
    """Filters of runs: words of the search, values by column, tags, and first and last day of the start (UTC)."""

    words: str = ""
    values: Mapping[str, list[str]] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    since: date | None = None
    until: date | None = None


def filter_runs(runs: pd.DataFrame, filters: Filters) -> pd.DataFrame:
    """Return the runs that match all filters; each searched word must be in id and name, tags or notes."""
    keep = pd.Series(True, index=runs.index)
    if filters.words.strip():
        text = runs["label"] + " " + runs["tags"].map(" ".join) + " " + runs["notes"].fillna("").astype(str)
        for word in filters.words.split():
            keep &= text.str.contains(word, case=False, regex=False)
    for column, values in filters.values.items():
        if values:
            keep &= runs[column].fillna(DASH).isin(values)
    if filters.tags:
        requested = set(filters.tags)
        keep &= runs["tags"].map(lambda tags: not requested.isdisjoint(tags)).astype(bool)
    if filters.since:
        keep &= runs["created_at"] >= pd.Timestamp(filters.since, tz="UTC")
    if filters.until:
        keep &= runs["created_at"] < pd.Timestamp(filters.until + timedelta(days=1), tz="UTC")
    return runs[keep].reset_index(drop=True)


def varying_settings(runs: pd.DataFrame) -> dict[str, list[str]]:
    """Return the settings in which fine-tuned runs differ: a column of the runs and its values in ascending order.

    A setting that a run does not have counts as a value if another run of the same method has it. The usual settings
    come first, then those with the fewest values.
    """
    tuned = runs[runs["kind"] != "baseline"]
    columns = [column for column in tuned if column.startswith(data.SETTING) and column not in _FIXED_SETTINGS]
    varying = {}
    for column in columns:
        values = tuned[column].fillna(DASH)
        recorded = values[values != DASH].unique()
        if len(recorded) > 1 or values.groupby(tuned["method"]).nunique().max() > 1:
            varying[column] = sorted(values.unique(), key=_sort_key)
    return dict(sorted(varying.items(), key=lambda item: (item[0] not in _USUAL_SETTINGS, len(item[1]))))


def _sort_key(value: str) -> tuple[float, str]:
    """Return a key that sorts numbers by value, before other texts."""
    number = pd.to_numeric(value, errors="coerce")
    return (float(number) if pd.notna(number) else np.inf, value)


def tags_of(runs: pd.DataFrame) -> list[str]:
    """Return all tags of these runs, sorted."""
    return sorted({tag for tags in runs["tags"] for tag in tags})


def add_versions(runs: pd.DataFrame, versions: Mapping[int, str]) -> pd.DataFrame:
    """Add ``version``, the title of each run's data set."""
    return runs.assign(version=runs["dataset_id"].map(versions).astype(object).fillna(DASH))


def add_baseline_differences(runs: pd.DataFrame, best_baseline: int | None) -> pd.DataFrame:
    """Add ``gap`` with its interval and ``verdict``: each run compared with its recorded baseline.

    Both are kept when that baseline is deleted. Also adds ``ids``, the run ids of a row, and
    ``is_best_baseline``.
    """
    from core.evaluation.intervals import Estimate

    recorded = [f"macro_f1_over_baseline{end}" for end in ("", "_low", "_high")]
    gaps = runs[recorded].astype(float).set_axis(_GAP, axis=1)
    differences = zip(gaps.itertuples(index=False), runs["macro_f1_over_baseline_p"].astype(float), strict=True)
    verdicts = [_verdict(Estimate(*gap), p) if pd.notna(gap[0]) else DASH for gap, p in differences]
    ids = pd.Series([[run_id] for run_id in runs["id"]], index=runs.index, dtype=object)
    return runs.assign(**gaps, verdict=verdicts, ids=ids, is_best_baseline=runs["id"] == best_baseline)


def _verdict(gap: "Estimate", p: float) -> str:
    """Return the verdict on a difference to a baseline; with p if it is inconclusive though the interval excludes 0."""
    from core.evaluation.comparison import verdict_of

    verdict = verdict_of(gap, p)
    if verdict in ("helped", "hurt"):
        return verdict
    low, high = (float("nan") if end is None else end for end in (gap.low, gap.high))
    excludes_zero = low > 0 or high < 0
    return f"inconclusive, p {format_p_value(p)}" if excludes_zero else "inconclusive"


def group_seeds(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per configuration of complete runs; other runs keep a row of their own.

    ``runs``: from `add_baseline_differences`. The figures of a configuration and the ends of their intervals are means
    over its seeds: an interval that resamples seeds takes a comparison, too slow for every row. Besides, of macro F1:
    ``macro_f1_deviation`` (of the sample), ``macro_f1_lowest`` and ``macro_f1_highest``. If several runs have the same
    seed, the newest counts; ``ids`` contains all of them.
    """
    is_single = runs["group_key"].isna() | (runs["state"] != "complete")
    keys = runs["group_key"].astype(object).where(~is_single, runs["id"])
    groups = pd.Series(pd.factorize(keys)[0], index=runs.index)
    ids, has_best_baseline = _values_by_group(runs["id"], groups), runs["is_best_baseline"].groupby(groups).any()
    runs = runs[is_newest_of_seed(runs.assign(group_key=groups))]
    groups = groups[runs.index]
    ends = [f"{name}{end}" for name in _AVERAGED for end in ("_low", "_high") if f"{name}{end}" in runs]
    figures = [*_AVERAGED, *ends, *_GAP]
    numbers, sizes = runs[figures].astype(float).groupby(groups), groups.value_counts().sort_index()
    means, is_several = numbers.mean(), sizes > 1
    worst_class = pd.Series(pd.factorize(runs["worst_class"])[0], index=runs.index).groupby(groups)
    rows = runs[~groups.duplicated()].set_index(groups[~groups.duplicated()]).sort_index()
    rows = rows.assign(**{name: means[name].where(is_several, rows[name]) for name in figures})
    return rows.assign(
        ids=ids,
        seeds=sizes,
        macro_f1_deviation=numbers["macro_f1"].std(),
        macro_f1_lowest=numbers["macro_f1"].min(),
        macro_f1_highest=numbers["macro_f1"].max(),
        is_best_baseline=has_best_baseline,
        verdict=rows["verdict"].where(~is_several, _count_verdicts(runs["verdict"], groups, sizes)),
        worst_class=rows["worst_class"].astype(object).where(worst_class.min() == worst_class.max(), "several"),
    )


def _values_by_group(values: pd.Series, groups: pd.Series) -> pd.Series:
    """Return the values of each group as a list."""
    sizes = groups.value_counts().sort_index()
    order = np.argsort(groups.to_numpy(), kind="stable")
    parts = np.split(values.to_numpy()[order], np.cumsum(sizes.to_numpy())[:-1])
    return pd.Series([part.tolist() for part in parts], dtype=object)


def _count_verdicts(verdicts: pd.Series, groups: pd.Series, sizes: pd.Series) -> pd.Series:
    """Return for each group how many of its runs helped and hurt, as text."""
    flags = ((verdicts != DASH), verdicts == "helped", verdicts == "hurt")
    with_verdict, helped, hurt = (flag.groupby(groups).sum() for flag in flags)
    text = helped.astype(str) + " of " + sizes.astype(str) + " helped"
    return text.where(hurt == 0, text + ", " + hurt.astype(str) + " hurt").where(with_verdict > 0, DASH)


def configurations_to_compare(selected: pd.DataFrame) -> list[Any]:
    """Return a row for each selected configuration with several seeds and a baseline, at most `MAX_CONFIGURATIONS`."""
    is_adapter = (selected["state"] == "complete") & (selected["kind"] != "baseline")
    candidates = selected[is_adapter & selected["baseline_id"].notna()]
    seeds = candidates.groupby("group_key")["seed"].transform("nunique")
    several = candidates[seeds > 1].drop_duplicates("group_key").head(MAX_CONFIGURATIONS)
    return list(several.astype({"baseline_id": int}).itertuples(index=False))


def sort_runs(rows: pd.DataFrame, column: str, *, descending: bool) -> pd.DataFrame:
    """Return the rows sorted by a column; ties newest first, undefined values last."""
    values = rows[column] if column in rows else pd.Series(np.nan, index=rows.index)  # a setting that no run has
    if column == "tags":
        values = values.map(" ".join)
    if column.startswith(data.SETTING):
        values = values.map(_sort_key, na_action="ignore")
        ranks = {key: rank for rank, key in enumerate(sorted(set(values.dropna())))}
        values = values.map(ranks).astype(float)
    elif column in TEXT_FIELDS:
        values = values.astype(object).map(str.casefold, na_action="ignore")
    elif not isinstance(values.dtype, pd.DatetimeTZDtype):
        values = values.astype(float)
    rows = rows.assign(_by=values).sort_values("id", ascending=False, kind="stable")
    rows = rows.sort_values("_by", ascending=not descending, kind="stable", na_position="last")
    return rows.drop(columns="_by").reset_index(drop=True)


def page_range(number: int, rows: int) -> tuple[int, int]:
    """Return the numbers of the first and the last row of a page, from 1."""
    return (number - 1) * PAGE_SIZE + 1, min(number * PAGE_SIZE, rows)


def select_page(rows: pd.DataFrame, number: int) -> pd.DataFrame:
    """Return a page of the rows, from 1, with the best baseline pinned on top if it is on another page.

    Other baselines keep their place in the order. A filter may hide the best baseline, but sorting and
    paging may not: all adapters are compared with it.
    """
    page = rows.iloc[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    best = rows[rows["is_best_baseline"]]
    pinned = best[~best.index.isin(page.index)]
    is_pinned = [True] * len(pinned) + [False] * len(page)
    return pd.concat([pinned, page]).assign(pinned=is_pinned).reset_index(drop=True)


def select_for_chart(complete: pd.DataFrame, cost: str) -> pd.DataFrame:
    """Return the runs of the cost chart: of many the Pareto front, the best baseline of each method, and the best runs.

    ``complete``: complete runs, highest macro F1 first.
    """
    if len(complete) <= MAX_POINTS:
        return complete
    cheapest = complete.assign(_cost=recorded_cost(complete, cost)).sort_values("_cost", kind="stable")
    cheapest = cheapest[cheapest["_cost"].notna()]
    front = cheapest.index[cheapest["macro_f1"] > cheapest["macro_f1"].cummax().shift(fill_value=-np.inf)]
    baselines = complete[complete["kind"] == "baseline"].drop_duplicates("method").index
    first = [*front, *baselines, *complete.index[:_MAX_BEST]]
    return complete.loc[sorted(set(first[:MAX_POINTS]))]
