"""Group the rows of the Runs page: by seeds, or by settings."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
import pandas as pd

from core.catalog.figures import FIGURES
from core.text.formatting import DASH
from dashboard import data
from dashboard.components.configurations import is_newest_of_seed

SEEDS = "seeds"
"""The grouping of the runs of one configuration."""
GAP = ["gap", "gap_low", "gap_high"]
_AVERAGED = [figure.name for figure in FIGURES.values() if figure.listed and figure.group != "baseline"]
"""The figures of a group that are means over its runs."""
_SHARED = ["title", "kind", "model", "version"]
"""The texts of several configurations that are shown if all of their runs have the same one; so are settings."""


def group_runs(runs: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return one row per group of complete runs; other runs keep a row of their own.

    ``runs``: from `view_data.prepare_runs`. ``by``: columns with equal values in a group, or `SEEDS` for the runs of
    one configuration. By settings, baselines form one group per method, as they have no settings. Figures are means; so
    are the ends of the intervals of a configuration, as an interval that resamples seeds takes a comparison, too slow
    for every row. Groups of several configurations have no intervals. Besides, of macro F1: ``macro_f1_deviation`` (of
    the sample), ``macro_f1_lowest`` and ``macro_f1_highest``. If several runs of a configuration have the same seed,
    the newest counts; ``ids`` contains all of them, ``seeds`` is the number of those that count.
    """
    groups = pd.Series(pd.factorize(_group_keys(runs, by))[0], index=runs.index)
    tags, has_best_baseline = _tags_by_group(runs["tags"], groups), runs["is_best_baseline"].groupby(groups).any()
    configurations = pd.Series(pd.factorize(runs["group_key"])[0], index=runs.index).groupby(groups).nunique()
    ids = _values_by_group(runs["id"], groups)
    runs = runs[is_newest_of_seed(runs.assign(_group=groups), "_group")]
    groups = groups[runs.index]
    rows = runs[~groups.duplicated()].set_index(groups[~groups.duplicated()]).sort_index()
    rows = rows.assign(ids=ids, configurations=configurations, tags=tags, is_best_baseline=has_best_baseline)
    return _summarize_groups(rows, runs, groups, by)


def _summarize_groups(rows: pd.DataFrame, runs: pd.DataFrame, groups: pd.Series, by: Sequence[str]) -> pd.DataFrame:
    """Return the first run of each group with the means, verdicts and names of its group."""
    ends = [f"{name}{end}" for name in _AVERAGED for end in ("_low", "_high") if f"{name}{end}" in runs]
    figures = [*(name for name in _AVERAGED if name in runs), *ends, *GAP]
    numbers, sizes = runs[figures].astype(float).groupby(groups), groups.value_counts().sort_index()
    means, is_several, is_mixed = numbers.mean(), sizes > 1, rows["configurations"] > 1
    means.loc[is_mixed, [*ends, *GAP[1:]]] = np.nan
    settings = [column for column in runs if column.startswith(data.SETTING)]
    shared = ["worst_class", *([*_SHARED, *settings] if is_mixed.any() else [])]
    rows = rows.assign(
        **{name: means[name].where(is_several, rows[name]) for name in figures},
        **{column: rows[column].astype(object).where(_is_same(runs[column], groups), "several") for column in shared},
        direction=rows["direction"].where(_is_same(runs["direction"], groups), ""),
        seeds=sizes,
        macro_f1_deviation=numbers["macro_f1"].std(),
        macro_f1_lowest=numbers["macro_f1"].min(),
        macro_f1_highest=numbers["macro_f1"].max(),
        verdict=rows["verdict"].where(~is_several, _count_verdicts(runs["verdict"], groups, sizes)),
    )
    is_named = (rows["state"] != "complete") | (SEEDS in by)
    return rows.assign(name=rows["name"].where(is_named, _group_names(rows, by)))


def _group_keys(runs: pd.DataFrame, by: Sequence[str]) -> pd.Series:
    keys = runs["group_key"].astype(object)
    if SEEDS not in by:
        settings = [column for column in by if column.startswith(data.SETTING)]
        is_baseline = runs["kind"] == "baseline"
        values = runs[list(by)].fillna(DASH).astype(str)
        texts = values.iloc[:, 0].str.cat([values[column] for column in by[1:]], sep="\n")
        keys = texts.where(~is_baseline, "baseline\n" + runs["title"]) if settings else texts
    return keys.astype(object).where(keys.notna() & (runs["state"] == "complete"), runs["id"])


def _group_names(rows: pd.DataFrame, by: Sequence[str]) -> pd.Series:
    """Return the names of groups by settings, such as "r 8, lr 0.001"."""
    parts = [
        (f"{column.removeprefix(data.SETTING).replace('_', ' ')} " if column.startswith(data.SETTING) else "")
        + rows[column].fillna(DASH).astype(str)
        for column in by
        if column != SEEDS
    ]
    names = parts[0].str.cat(parts[1:], sep=", ") if parts else rows["name"]
    return names.where(rows["kind"] != "baseline", rows["title"])


def _is_same(values: pd.Series, groups: pd.Series) -> pd.Series:
    """Return for each group whether its runs have the same value."""
    codes = pd.Series(pd.factorize(values)[0], index=values.index).groupby(groups)
    return codes.min() == codes.max()


def _tags_by_group(tags: pd.Series, groups: pd.Series) -> pd.Series:
    """Return all tags of the runs of each group, sorted."""
    tagged = tags[tags.map(len) > 0]
    united = {group: sorted(set(chain(*lists))) for group, lists in tagged.groupby(groups[tagged.index])}
    return pd.Series([united.get(group, []) for group in range(int(groups.max()) + 1)], dtype=object)


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
