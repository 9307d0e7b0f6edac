"""The rows of the Runs page: filters, order, differences to baselines, points of the chart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from core.text.formatting import DASH, format_p_value
from dashboard import data
from dashboard.app_pages.runs.groups import GAP, group_runs
from dashboard.components import default_runs
from dashboard.components.cost.view_data import cost_quality, recorded_cost

if TYPE_CHECKING:
    from core.evaluation.intervals import Estimate

PAGE_SIZE = 50
"""Rows of the table on one page."""
MAX_POINTS = 200
"""The most points in the cost chart: more cannot be distinguished."""
_MAX_BEST = 150
MAX_CONFIGURATIONS = 5
"""Selected configurations that are compared with their baselines over seeds: each takes tenths of a second."""
ACTIVE, ARCHIVED, TRASH = "active", "archived", "trash"
TEXT_FIELDS = {"name", "kind", "title", "state", "verdict", "worst_class", "model", "version", "tags", "notes"}
"""Columns that sort alphabetically, all others by value."""
_USUAL_SETTINGS = {f"{data.SETTING}{name}" for name in ("r", "lr", "epochs", "batch_size", "train_size")}
_FIXED_SETTINGS = {f"{data.SETTING}{name}" for name in ("method", "model", "seed", "dataset")}
"""Settings that have a column and a filter of their own."""


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
    fine_tuned = runs[runs["kind"] != "baseline"]
    columns = [column for column in fine_tuned if column.startswith(data.SETTING) and column not in _FIXED_SETTINGS]
    varying = {}
    for column in columns:
        values = fine_tuned[column].fillna(DASH)
        recorded = values[values != DASH].unique()
        if len(recorded) > 1 or values.groupby(fine_tuned["method"]).nunique().max() > 1:
            varying[column] = sorted(values.unique(), key=_sort_key)
    return dict(sorted(varying.items(), key=lambda item: (item[0] not in _USUAL_SETTINGS, len(item[1]))))


def _sort_key(value: str) -> tuple[float, str]:
    """Return a key that sorts numbers by value, before other texts."""
    number = pd.to_numeric(value, errors="coerce")
    return (float(number) if pd.notna(number) else np.inf, value)


def tags_of(runs: pd.DataFrame) -> list[str]:
    """Return all tags of these runs, sorted."""
    return sorted({tag for tags in runs["tags"] for tag in tags})


def select_runs(view: str, test_set: int) -> pd.DataFrame:
    """Return the active, archived or trashed runs on a test set."""
    if view == TRASH:
        return data.filter_test_set(data.trashed_runs(), test_set)
    return data.archived_runs(test_set) if view == ARCHIVED else data.runs(test_set)


@data.cached_by_runs()
def prepare_runs(view: str, test_set: int) -> pd.DataFrame:
    """Return the runs of a view with the titles of their data sets and their differences to baselines."""
    runs = add_versions(select_runs(view, test_set), data.dataset_versions(test_set))
    return add_baseline_differences(runs, default_runs.best_baseline(test_set))


@data.cached_by_runs()
def settings_of_view(view: str, test_set: int) -> dict[str, list[str]]:
    """Return the `varying_settings` of the runs of a view."""
    return varying_settings(prepare_runs(view, test_set))


@data.cached_by_runs(keep=16)
def filtered_runs(view: str, test_set: int, filters: Filters) -> pd.DataFrame:
    """Return the runs of a view that match all filters."""
    return filter_runs(prepare_runs(view, test_set), filters)


@data.cached_by_runs(keep=16)
def sorted_rows(
    view: str, test_set: int, filters: Filters, by: Sequence[str], column: str, *, descending: bool
) -> pd.DataFrame:
    """Return the rows of the table; ``by``: as for `group_runs`, empty for one row per run."""
    runs = filtered_runs(view, test_set, filters)
    return sort_runs(group_runs(runs, by) if by else runs, column, descending=descending)


def excluded_from_means(test_set: int) -> dict[str, int]:
    """Return the number of runs on a test set that no mean contains, by the reason."""
    states = data.runs(test_set)["state"].value_counts()
    numbers = {"archived": len(data.archived_runs(test_set)), "in the trash": len(select_runs(TRASH, test_set))}
    numbers |= {str(state): int(states[state]) for state in states.index if state not in ("complete", "running")}
    return {reason: number for reason, number in numbers.items() if number}


def add_versions(runs: pd.DataFrame, versions: Mapping[int, str]) -> pd.DataFrame:
    """Add ``version``, the title of each run's data set."""
    return runs.assign(version=runs["dataset_id"].map(versions).astype(object).fillna(DASH))


def add_baseline_differences(runs: pd.DataFrame, best_baseline: int | None) -> pd.DataFrame:
    """Add ``gap`` with its interval and ``verdict``: each run compared with its recorded baseline.

    Both are kept when that baseline is deleted. Also adds ``direction`` (helped, hurt or empty), ``ids``, the run ids
    of a row, and ``is_best_baseline``.
    """
    from core.evaluation.intervals import Estimate

    recorded = [f"macro_f1_over_baseline{end}" for end in ("", "_low", "_high")]
    gaps = runs[recorded].astype(float).set_axis(GAP, axis=1)
    differences = zip(gaps.itertuples(index=False), runs["macro_f1_over_baseline_p"].astype(float), strict=True)
    verdicts = [_verdict(Estimate(*gap), p) if pd.notna(gap[0]) else DASH for gap, p in differences]
    ids = pd.Series([[run_id] for run_id in runs["id"]], index=runs.index, dtype=object)
    directions = [verdict if verdict in ("helped", "hurt") else "" for verdict in verdicts]
    is_best_baseline = runs["id"] == best_baseline
    return runs.assign(**gaps, verdict=verdicts, direction=directions, ids=ids, is_best_baseline=is_best_baseline)


def _verdict(gap: "Estimate", p: float) -> str:
    """Return the verdict on a difference to a baseline; with p if it is inconclusive though the interval excludes 0."""
    from core.evaluation.comparison import verdict_of

    verdict = verdict_of(gap, p)
    if verdict in ("helped", "hurt"):
        return verdict
    low, high = (float("nan") if end is None else end for end in (gap.low, gap.high))
    excludes_zero = low > 0 or high < 0
    return f"inconclusive, p {format_p_value(p)}" if excludes_zero else "inconclusive"


def configurations_to_compare(selected: pd.DataFrame) -> list[Any]:
    """Return a row for each selected configuration with several seeds and a baseline, at most `MAX_CONFIGURATIONS`."""
    is_adapter = (selected["state"] == "complete") & (selected["kind"] != "baseline")
    candidates = selected[is_adapter & selected["baseline_id"].notna()]
    seeds = candidates.groupby("group_key")["seed"].transform("nunique")
    several = candidates[seeds > 1].drop_duplicates("group_key").head(MAX_CONFIGURATIONS)
    return list(several.astype({"baseline_id": int}).itertuples(index=False))


def add_curves(rows: pd.DataFrame) -> pd.DataFrame:
    """Add ``curve``, the learning curve of each row's run; empty for several configurations, and without one."""
    ids = rows["id"].where(rows["configurations"] == 1).dropna().astype(int) if "configurations" in rows else rows["id"]
    curves = data.learning_curves([int(run_id) for run_id in ids])
    return rows.assign(curve=[curves.get(run_id, []) for run_id in ids.reindex(rows.index, fill_value=0)])


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


@data.cached_by_runs()
def chart_points(test_set: int, cost: str) -> tuple[pd.DataFrame, int]:
    """Return the points of the cost chart, and the number of runs that it considers."""
    drawn = select_for_chart(data.complete_runs(test_set), cost)
    return cost_quality(drawn, cost), len(drawn)


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
