"""Data of the Data page: text lengths, rater disagreement, and what the data quality checks flagged."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.evaluation.intervals import proportion
from core.report import data_quality
from dashboard import data
from dashboard.components.estimates import with_interval
from dashboard.components.filters import filter_texts
from dashboard.components.ratings import rater_deviation

ALL_CLASSES = "all classes"
QUARTILES = ("lowest quartile", "second quartile", "third quartile", "highest quartile")
"""The names of the quartiles of the test set by the standard deviation of the ratings."""
_LENGTH_BINS = 30
_MAX_DISPUTED = 100
_MAX_RUNS_SEARCHED = 20


def filter_examples(dataset_id: int, split: str | None, label: str | None, contains: str) -> pd.DataFrame:
    """Return the examples of a split and a label whose text contains a phrase, with their index in `data.examples`."""
    frame = data.examples(dataset_id)
    for column, value in (("split", split), ("label", label)):
        frame = frame if value is None else frame[frame[column] == value]
    return filter_texts(frame, contains)


def length_bins(dataset_id: int, *, by_class: bool) -> pd.DataFrame:
    """Return the distribution of text lengths: label, from, to (characters) and share of the label's examples.

    The last bin includes the longest 1%, so that a single long text does not stretch the axis.
    ``by_class=False``: all classes together, with the label `ALL_CLASSES`.
    """
    frame = data.examples(dataset_id)
    longest = max(float(frame["length"].quantile(0.99)), 1.0)
    edges = np.linspace(0, longest, _LENGTH_BINS + 1)
    groups = frame["label"] if by_class else np.full(len(frame), ALL_CLASSES)
    parts = []
    for label, lengths in frame.groupby(groups)["length"]:
        counts, _ = np.histogram(lengths.clip(upper=longest), edges)
        parts.append(
            pd.DataFrame({"label": label, "from": edges[:-1], "to": edges[1:], "share": counts / len(lengths)})
        )
    return pd.concat(parts)


def length_summary(dataset_id: int) -> pd.DataFrame:
    """Return minimum, median, 95th percentile and maximum of the text lengths by label, in characters."""
    lengths = data.examples(dataset_id).groupby("label")["length"]
    quantiles = {"minimum": 0.0, "median": 0.5, "95th percentile": 0.95, "maximum": 1.0}
    return pd.DataFrame({name: lengths.quantile(quantile) for name, quantile in quantiles.items()}).reset_index()


def disputed_examples(dataset_id: int) -> pd.DataFrame:
    """Return the examples with the highest rating SD: split, label, text and deviation; empty without ratings."""
    frame = data.examples(dataset_id)
    frame = frame.assign(deviation=rater_deviation(frame["extra"]).to_numpy())
    if frame["deviation"].isna().all():
        return pd.DataFrame()
    return frame.nlargest(_MAX_DISPUTED, "deviation").reset_index(drop=True)


def errors_by_disagreement(run_id: int) -> pd.DataFrame:
    """Return the error rate of a run by quartile of the standard deviation of the ratings.

    Columns: raters (one of `QUARTILES`), errors with errors_low and errors_high, and size; empty without
    ratings.
    """
    frame = data.predictions_with_outcomes(run_id)
    deviation = rater_deviation(frame["extra"])
    if deviation.nunique() < len(QUARTILES):
        return pd.DataFrame()
    quartiles = pd.qcut(deviation, len(QUARTILES), labels=list(QUARTILES), duplicates="drop")
    rows = [
        {"raters": name, **with_interval("errors", proportion(int(wrong.sum()), len(wrong))), "size": len(wrong)}
        for name, wrong in (~frame["is_correct"]).groupby(quartiles, observed=True)
    ]
    return pd.DataFrame(rows)


def best_run_with_truncation(dataset_id: int, test_set: int) -> int | None:
    """Return the best run on a data set that recorded how many texts it truncated; None without one."""
    runs = data.complete_runs(test_set)
    best = map(int, runs.loc[runs["dataset_id"] == dataset_id, "id"].head(_MAX_RUNS_SEARCHED))
    return next((run_id for run_id in best if truncated_shares(run_id)), None)


def truncated_shares(run_id: int) -> dict[str, float]:
    """Return the share of each split's texts that a run truncated; empty if it is not recorded."""
    return dict(data.run(run_id).environment.get("truncated") or {})


def rare_classes(dataset_id: int, best_run: int | None) -> pd.DataFrame:
    """Return the rare classes of the test set: label, count, share and half.

    ``half`` is half the width of the interval of the best run's F1.
    """
    metrics = None if best_run is None else data.class_metrics(best_run)
    return data_quality.rare_classes(data.balance(dataset_id), metrics)


@data.cached_by_dataset()
def duplicates(dataset_id: int) -> pd.DataFrame:
    """Return the texts that occur several times within a split: split, text, label and times."""
    from core.data.checks import normalize_text

    frame = data.examples(dataset_id)
    groups = frame.assign(key=frame["text"].map(normalize_text)).groupby(["split", "key"], sort=False)
    texts = groups.agg(text=("text", "first"), label=("label", "first"), times=("text", "size")).reset_index()
    return texts[texts["times"] > 1][["split", "text", "label", "times"]].reset_index(drop=True)


@data.cached_by_dataset()
def leaks(dataset_id: int) -> pd.DataFrame:
    """Return the test examples that have a duplicate or a near duplicate in another split, the most similar first."""
    recorded = data.dataset(dataset_id).checks.get("leaks", [])
    if not recorded:
        return pd.DataFrame()
    examples = data.examples(dataset_id).set_index(["split", "position"])
    rows = pd.DataFrame([_leak(leak, examples) for leak in recorded])
    return rows.sort_values("similarity", ascending=False, kind="stable", ignore_index=True)


def _leak(leak: Mapping[str, Any], examples: pd.DataFrame) -> dict[str, Any]:
    test, duplicate = examples.loc[("test", leak["test"])], examples.loc[(leak["split"], leak["position"])]
    return {
        "test text": test["text"],
        "test label": test["label"],
        "duplicate": duplicate["text"],
        "duplicate label": duplicate["label"],
        "split": leak["split"],
        "similarity": leak["similarity"],
    }


def conflicts(dataset_id: int) -> pd.DataFrame:
    """Return the texts that have several labels: text and labels (each with its split)."""
    return pd.DataFrame(
        [
            {"text": conflict["text"], "labels": _format_places(conflict["places"])}
            for conflict in data.dataset(dataset_id).checks.get("conflicts", [])
        ]
    )


def _format_places(places: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{place['label']} ({place['split']})" for place in places)


def truncated_examples(run_id: int) -> pd.DataFrame:
    """Return the test examples that a run truncated: label, text and characters."""
    frame = data.predictions_with_outcomes(run_id)
    truncated = frame[frame["truncated"].fillna(False).astype(bool)]
    columns = truncated.assign(characters=truncated["text"].str.len())[["label", "text", "characters"]]
    return columns.reset_index(drop=True)
