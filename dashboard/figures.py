"""What the screens make of the records: frames in the shape that charts and tables need."""

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from core.config import differences, flag, make_config
from core.formatting import DASH, class_score, count, percent, points, score, setting
from dashboard import data

if TYPE_CHECKING:
    from core.evaluation.intervals import Estimate

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
    """Return a row a class, regressions first: the differences with their intervals, p, flips and support."""
    compared = data.comparison(run_id, against)
    rows = [
        {
            "label": label,
            **_with_interval("f1", one.f1),
            **_with_interval("recall", one.recall),
            **_with_interval("precision", one.precision),
            "p": one.p,
            "fixed": one.fixed,
            "broken": one.broken,
            "support": one.support,
        }
        for label, one in zip(compared.labels, compared.result.classes, strict=True)
    ]
    return pd.DataFrame(rows).sort_values("f1").reset_index(drop=True)


def _with_interval(name: str, estimate: "Estimate | None") -> dict[str, float]:
    """Return a figure's three columns; what is undefined is not a number."""
    parts = (None, None, None) if estimate is None else (estimate.value, estimate.low, estimate.high)
    values = (np.nan if part is None else part for part in parts)
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))


def flips(run_id: int, against: int) -> pd.DataFrame:
    """Return a row a confusion that was repaired or damaged: true, taken_for, repaired, damaged, net and text."""
    from core.evaluation.comparison import flip_matrices

    names = data.labels(run_id)
    place = {name: code for code, name in enumerate(names)}
    judged = data.judged(run_id, against)
    true, mine, theirs = (judged[name].map(place).to_numpy(dtype=np.int64) for name in ("label", "predicted", "other"))
    repaired, damaged = flip_matrices(true, mine, theirs, len(names))
    rows = [
        {"true": name, "taken_for": other, "repaired": int(repaired[i, j]), "damaged": int(damaged[i, j])}
        for i, name in enumerate(names)
        for j, other in enumerate(names)
        if i != j
    ]
    frame = pd.DataFrame(rows)
    frame["net"] = frame["repaired"] - frame["damaged"]
    frame["text"] = [f"{count(row.repaired)} fixed\n{count(row.damaged)} broken" for row in frame.itertuples()]
    return frame


def pairwise(run_id: int, others: list[int]) -> pd.DataFrame:
    """Return a row a run as in `data.everything`; with ``gap``, ``verdict`` and ``p``: how it stands to the first."""
    frame = data.some_runs([run_id, *others])
    results = [data.comparison(other, run_id).result for other in others]
    gaps = [_with_interval("gap", one) for one in (None, *(one.macro_f1 for one in results))]
    frame[["gap", "gap_low", "gap_high"]] = pd.DataFrame(gaps)
    frame["verdict"] = [DASH, *(one.verdict for one in results)]
    frame["p"] = [np.nan, *data.adjusted_p(others, run_id)]
    return frame


def verdict_matrix(run_ids: list[int]) -> pd.DataFrame:
    """Return a row an ordered pair of runs: row, column, points (row minus column) and text."""
    cells = []
    for first in run_ids:
        for second in run_ids:
            if first != second:
                result = data.comparison(first, second).result
                gap = _with_interval("gap", result.macro_f1)
                interval = points(*gap.values()).partition(" ")
                text = "\n".join([interval[0], interval[2], result.verdict.removesuffix(" either way")])
                cells.append({"row": data.label(first), "column": data.label(second), "gap": gap["gap"], "text": text})
    return pd.DataFrame(cells)


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
        row |= _with_interval("gap", over_seeds.result.macro_f1 if over_seeds else None)
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


def class_scores(run_ids: list[int]) -> pd.DataFrame:
    """Return a row a class with each run's F1 and interval, to be read."""
    frame = pd.DataFrame({"class": data.labels(run_ids[0])})
    for run_id in run_ids:
        own = data.class_metrics(run_id)
        figures = (own["f1"], own["f1_low"], own["f1_high"], own["support"])
        frame[data.label(run_id)] = list(map(class_score, *figures))
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
    truncated = recorded.get("truncated", {})
    plain |= {f"truncated texts, {split}": f"{percent(share)} %" for split, share in truncated.items()}
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
