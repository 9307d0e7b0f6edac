"""Data of the charts and tables of the Searches page."""

from collections.abc import Mapping
from math import log10
from numbers import Real
from typing import TYPE_CHECKING, Any

import pandas as pd

from core.text.formatting import format_setting

if TYPE_CHECKING:
    from core.search.studies import SearchRecord

MAX_AXES = 8
"""Number of parameters in the parallel coordinates, the most important first."""
_LOG_SPAN = 20
"""Positive values whose largest is this many times the smallest are drawn on a log scale."""
_MAX_SPREAD = 3
"""Scores further below the median than this many times the distance of the best from it are drawn at the edge."""


def history(trials: pd.DataFrame) -> pd.DataFrame:
    """Return number, state, value and height of each trial that has begun.

    ``height``: the value, but not below the lower edge of the chart, where trials without a value are drawn too.
    """
    begun = trials.loc[trials["state"] != "waiting", ["number", "state", "value"]].astype({"value": float})
    scores = begun["value"].dropna()
    if scores.empty:
        return begun.assign(height=0.0)
    median, best = scores.median(), scores.max()
    edge = max(scores.min(), median - _MAX_SPREAD * max(best - median, 0.01))
    return begun.assign(height=begun["value"].fillna(edge).clip(lower=edge))


def best_so_far(trials: pd.DataFrame) -> pd.DataFrame:
    """Return number and best: the highest score of the complete trials up to each of them."""
    complete = trials[trials["state"] == "complete"].sort_values("number")
    return pd.DataFrame({"number": complete["number"], "best": complete["value"].astype(float).cummax()})


def importance_bars(importance: Mapping[str, float]) -> pd.DataFrame:
    """Return parameter and importance, the most important first."""
    bars = pd.DataFrame({"parameter": list(importance), "importance": list(importance.values())})
    return bars.sort_values("importance", ascending=False, kind="stable")


def ordered_parameters(search: "SearchRecord", importance: Mapping[str, float]) -> list[str]:
    """Return the parameters of a search, the most important first."""
    return sorted(search.parameters, key=lambda name: -importance.get(name, 0.0))


def slice_of(trials: pd.DataFrame, parameter: str) -> pd.DataFrame:
    """Return number, state, value and parameter of the trials that have a score and this parameter.

    A column with other values than numbers is returned as text.
    """
    has_score = trials["value"].notna() & trials["state"].isin(["complete", "pruned"])
    rows = trials[has_score & ~trials[parameter].map(_is_missing).astype(bool)]
    values = rows[parameter]
    values = values.astype(float) if _is_numeric(values) else values.map(_name_of)
    frame = rows[["number", "state", "value"]].astype({"value": float})
    return frame.assign(parameter=values).reset_index(drop=True)


def is_log(values: pd.Series) -> bool:
    """Return whether numbers are drawn on a log scale."""
    return _is_numeric(values) and bool(values.min() > 0 and values.max() > _LOG_SPAN * values.min())


def _is_numeric(values: pd.Series) -> bool:
    return all(isinstance(value, Real) and not isinstance(value, bool) for value in values.tolist())


def _is_missing(value: Any) -> bool:
    """Return whether a trial lacks a parameter; one that is left to its default is None."""
    return isinstance(value, float) and value != value


def _name_of(value: Any) -> str:
    return "default" if value is None else format_setting(value)


def parallel_coordinates(search: "SearchRecord", importance: Mapping[str, float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the lines of the complete trials, and the values at the ends of each axis.

    Lines: number, score, is_best, parameter, place (from 0 to 1) and text. Ends: parameter, place and text. Only the
    `MAX_AXES` most important parameters that all complete trials have are axes.
    """
    complete = search.trials[search.trials["state"] == "complete"]
    shared = [name for name in ordered_parameters(search, importance) if not complete[name].map(_is_missing).any()]
    names = [name for name in shared if complete[name].nunique(dropna=False) > 1]
    axes = [_axis(complete, name) for name in names[:MAX_AXES]]
    if not axes:
        return pd.DataFrame(), pd.DataFrame()
    lines = pd.concat(axes, ignore_index=True)
    best = complete.sort_values(["value", "number"], ascending=[False, True])["number"].iloc[0]
    lines["is_best"] = lines["number"] == best
    is_end = lines["place"].isin([0.0, 1.0])
    ends = lines.loc[is_end, ["parameter", "place", "text"]].drop_duplicates(["parameter", "place"])
    return lines, ends


def _axis(complete: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the places of the trials on the axis of one parameter."""
    values = complete[name]
    if _is_numeric(values):
        numbers = values.astype(float)
        numbers = numbers.map(log10) if is_log(values) else numbers
        texts = [f"{value:.3g}" for value in values]
    else:
        texts = [_name_of(value) for value in values]
        numbers = pd.Series(pd.Categorical(texts, categories=sorted(set(texts))).codes, index=values.index, dtype=float)
    span = numbers.max() - numbers.min()
    return pd.DataFrame(
        {
            "number": complete["number"],
            "score": complete["value"].astype(float),
            "parameter": name,
            "place": (numbers - numbers.min()) / (span or 1.0),
            "text": texts,
        }
    )


def trials_best_first(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the trials that have begun: the complete ones by score, then the others by number."""
    begun = trials[trials["state"] != "waiting"]
    is_complete = begun["state"] == "complete"
    ranked = begun[is_complete].sort_values(["value", "number"], ascending=[False, True])
    return pd.concat([ranked, begun[~is_complete]]).reset_index(drop=True)
