"""What the screens make of the records: frames in the shape that charts and tables need."""

import shlex
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from core.config import differences, flag, make_config
from core.formatting import DASH, score, setting
from dashboard import data

RARE_SHARE = 0.1
"""A class with less of the test set than this is called rare."""


def failures(run_id: int, against: int | None = None) -> pd.DataFrame:
    """Return the wrong examples of a run, the surest mistakes first; with ``against`` also what it fixed."""
    frame = data.judged(run_id, against)
    shown = ~frame["right"] if against is None else frame["flip"] != "both right"
    return frame[shown].sort_values(["right", "confidence"], ascending=[True, False]).reset_index(drop=True)


def confusion(run_id: int) -> pd.DataFrame:
    """Return a row a cell of the confusion matrix: true, predicted, count, and share of its row."""
    names, frame = data.labels(run_id), data.judged(run_id)
    counts = pd.crosstab(frame["label"], frame["predicted"]).reindex(index=names, columns=names, fill_value=0)
    counts.index.name, counts.columns.name = "true", "predicted"
    cells = counts.stack().rename("count").reset_index()
    total = cells.groupby("true")["count"].transform("sum")
    cells["share"] = (cells["count"] / total).where(total > 0)
    return cells


def class_changes(run_id: int, against: int) -> pd.DataFrame:
    """Return a row a class, regressions first: F1 of both runs, the difference with its interval, and flips."""
    compared = data.comparison(run_id, against)
    flips = data.judged(run_id, against).groupby("label")["flip"].value_counts().unstack(fill_value=0)
    mine, theirs = data.class_metrics(run_id), data.class_metrics(against)
    frame = pd.DataFrame(
        [vars(one.f1) for one in compared.result.classes], columns=["value", "low", "high"], dtype=float
    )
    frame.insert(0, "label", list(compared.labels))
    frame["f1"], frame["other_f1"] = mine["f1"], theirs["f1"]
    for name in ("fixed", "broken"):
        frame[name] = frame["label"].map(flips.get(name, {})).fillna(0).astype(int)
    return frame.sort_values("value").reset_index(drop=True)


def pairwise(run_id: int, others: list[int]) -> pd.DataFrame:
    """Return a row a run as in `data.everything`; with ``gap`` and ``verdict``: how it stands to the first."""
    frame = data.some_runs([run_id, *others])
    results = [data.comparison(other, run_id).result for other in others]
    for name, part in (("gap", "value"), ("gap_low", "low"), ("gap_high", "high")):
        frame[name] = pd.Series([None, *(getattr(one.macro_f1, part) for one in results)], dtype=float)
    frame["verdict"] = [DASH, *(one.verdict for one in results)]
    return frame


def class_scores(run_ids: list[int]) -> pd.DataFrame:
    """Return a row a class with each run's F1 and interval, to be read."""
    frame = pd.DataFrame({"class": data.labels(run_ids[0])})
    for run_id in run_ids:
        own = data.class_metrics(run_id)
        frame[data.label(run_id)] = list(map(score, own["f1"], own["f1_low"], own["f1_high"]))
    return frame


def setting_differences(run_ids: list[int]) -> tuple[pd.DataFrame, int]:
    """Return a row a setting in which the runs differ, a column a run; and how many settings are alike."""
    configs: list[Mapping[str, Any]] = [data.run(run_id).config for run_id in run_ids]
    rows = differences(configs)
    frame = pd.DataFrame([[name, *map(setting, values)] for name, values in rows.items()])
    frame.columns = pd.Index(["setting", *map(data.label, run_ids)][: frame.shape[1]])
    return frame, len({name for config in configs for name in config}) - len(rows)


def settings(run_id: int) -> pd.DataFrame:
    """Return a row a setting of a run: its value, the default, and whether they differ."""
    config = data.run(run_id).config
    defaults = make_config({"method": config["method"]}).settings()
    return pd.DataFrame(
        {
            "setting": list(config),
            "value": [setting(value) for value in config.values()],
            "default": [setting(defaults.get(name)) for name in config],
            "differs": [value != defaults.get(name) for name, value in config.items()],
        }
    )


def command(run_id: int) -> str:
    """Return the command that makes a run again: the flags that matter, no others."""
    config = data.run(run_id).config
    defaults = make_config({}).settings()
    given = {name: value for name, value in config.items() if name not in defaults or value != defaults[name]}
    for name in list(given):
        fewer = {other: value for other, value in given.items() if other != name}
        if make_config(fewer).settings() == config:  # it follows from the others, as alpha does from r
            given = fewer
    flags = [part for name, value in given.items() for part in (flag(name), setting(value))]
    return shlex.join(["python", "runner.py", *flags])


def environment(run_id: int) -> dict[str, Any]:
    """Return under what a run took place, with a name for people for each fact."""
    recorded = data.run(run_id).environment
    packages = recorded.get("packages", {})
    commit = str(recorded.get("git_commit") or "")[:10]
    plain = {name: value for name, value in recorded.items() if not isinstance(value, dict)}
    plain.pop("git_dirty", None)
    plain["git_commit"] = f"{commit}, with changes" if commit and recorded.get("git_dirty") else commit
    return {name.replace("_", " "): setting(value) for name, value in (plain | packages).items()}


def lengths(dataset_id: int) -> pd.DataFrame:
    """Return how long the texts are: label, from, to (characters) and share of the label's examples, in 30 bins.

    The longest hundredth is counted in the last bin, so that one long text does not flatten the rest.
    """
    frame = data.examples(dataset_id)
    longest = max(float(frame["length"].quantile(0.99)), 1.0)
    edges = np.linspace(0, longest, 31)
    parts = []
    for label, own in frame.groupby("label")["length"]:
        counts, _ = np.histogram(own.clip(upper=longest), edges)
        parts.append(pd.DataFrame({"label": label, "from": edges[:-1], "to": edges[1:], "share": counts / len(own)}))
    return pd.concat(parts)


def length_summary(dataset_id: int) -> pd.DataFrame:
    """Return a row a label: shortest, median, 95th percentile and longest text in characters."""
    of_label = data.examples(dataset_id).groupby("label")["length"]
    steps = {"shortest": 0.0, "median": 0.5, "95 % are shorter than": 0.95, "longest": 1.0}
    return pd.DataFrame({name: of_label.quantile(step) for name, step in steps.items()}).reset_index()


def rare_classes(dataset_id: int) -> pd.DataFrame:
    """Return the classes that are a small part of the test set: label, count and share."""
    frame = data.balance(dataset_id)
    return frame[(frame["split"] == "test") & (frame["share"] < RARE_SHARE)]
