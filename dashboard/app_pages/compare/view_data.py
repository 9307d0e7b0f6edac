"""Data of the Compare page: where runs differ."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from core.report.settings_differences import differing_values
from core.text.formatting import DASH, MIN_SUPPORT, format_class_score, format_count, format_points, format_setting
from dashboard import data
from dashboard.components.confusion.view_data import clustered_labels, confusion_counts, matrix_cells
from dashboard.components.estimates import with_interval

MAX_CLASSES = 20
"""With more classes, a chart of flips or of confusions shows those that differ most."""
MAX_CURVE_POINTS = 1500
MAX_SUGGESTIONS = 4


def select_comparable(run_id: int, others: list[int], test_set: int) -> tuple[list[int], list[str]]:
    """Return the other runs that a run can be compared with, and a reason for each of the rest.

    Complete runs on one test set are comparable, so only the rest is compared here, which takes time.
    """
    complete = set(data.complete_runs(test_set)["id"])
    unchecked = [other for other in others if not {run_id, other} <= complete]
    comparable, reasons = data.split_comparable(run_id, unchecked)
    return [other for other in others if other not in unchecked or other in comparable], reasons


def suggest_pairs(run_id: int, complete: pd.DataFrame) -> list[tuple[int, int]]:
    """Return pairs of comparable runs: the given run, or the best if it is not complete, with others."""
    ids = [int(id_) for id_ in complete["id"]]
    first = run_id if run_id in ids else next(iter(ids), None)
    return [] if first is None else [(first, other) for other in ids if other != first][:MAX_SUGGESTIONS]


def best_run(runs: pd.DataFrame) -> Any:
    """Return the row of the run with the highest macro F1."""
    return next(runs.sort_values("macro_f1", ascending=False).itertuples(index=False))


def class_changes(run_id: int, against: int) -> pd.DataFrame:
    """Return a row per class, the largest loss first.

    Columns: label; the differences f1, recall and precision with their intervals; p_adjusted, gained,
    lost, support; ``a`` and ``b`` (F1 of either run with its interval); text (the difference in F1).
    """
    comparison = data.comparison(run_id, against)
    rows = [
        {
            "label": label,
            **with_interval("f1", change.f1),
            **with_interval("recall", change.recall),
            **with_interval("precision", change.precision),
            "p_adjusted": change.p,
            "gained": change.gained,
            "lost": change.lost,
            "support": change.support,
        }
        for label, change in zip(data.labels(run_id), comparison.result.classes, strict=True)
    ]
    frame = pd.DataFrame(rows)
    for column, metrics in (("a", data.class_metrics(run_id)), ("b", data.class_metrics(against))):
        by_label = metrics.set_index("label").reindex(frame["label"])
        for bound in ("", "_low", "_high"):
            frame[f"{column}{bound}"] = by_label[f"f1{bound}"].to_numpy(dtype=float)
    frame["text"] = [_format_change(row) for row in frame.itertuples()]
    return frame.sort_values("f1").reset_index(drop=True)


def _format_change(row: Any) -> str:
    few = f", too few examples ({format_count(row.support)})" if row.support < MIN_SUPPORT else ""
    return f"{format_points(row.f1, row.f1_low, row.f1_high)}{few}"


def select_most_flipped(changes: pd.DataFrame) -> pd.DataFrame:
    """Return the classes with the most flips, in descending order."""
    flips = changes["gained"] + changes["lost"]
    return changes.loc[flips[flips > 0].nlargest(MAX_CLASSES).index].reset_index(drop=True)


def select_flips(run_id: int, against: int, flip: str, label: str | None = None) -> pd.DataFrame:
    """Return the examples of a flip, most confident first; ``label``: of this true label only."""
    frame = data.predictions_with_outcomes(run_id, against)
    selected = frame[frame["flip"] == flip]
    if label is not None:
        selected = selected[selected["label"] == label]
    return selected.sort_values("confidence", ascending=False).reset_index(drop=True)


def confusion_difference(run_id: int, against: int, labels: Sequence[str]) -> pd.DataFrame:
    """Return a row per cell of the confusion matrix among some labels.

    Columns: true, predicted; ``a`` and ``b`` (counts of either run), a_share and b_share (of the row);
    ``more`` (a minus b) and ``text`` (``more`` as text).
    """
    cells = matrix_cells(run_id, labels).rename(columns={"count": "a", "share": "a_share"})
    second = matrix_cells(against, labels)
    cells = cells.assign(b=second["count"], b_share=second["share"], more=cells["a"] - second["count"])
    cells["text"] = [f"{more:+,}".replace("-", "−") if more else "0" for more in cells["more"]]
    return cells


def select_most_confused(run_id: int, against: int) -> list[str]:
    """Return the labels whose row or column of the confusion matrix differs most.

    All labels are in their order; of many, those that are confused with each other are next to each other.
    """
    labels = data.labels(run_id)
    if len(labels) <= MAX_CLASSES:
        return labels
    change = np.abs(confusion_counts(run_id) - confusion_counts(against))
    most = np.argsort(-(change.sum(axis=0) + change.sum(axis=1)), kind="stable")[:MAX_CLASSES]
    selected = {labels[index] for index in most}
    return [label for label in clustered_labels(run_id) if label in selected]


def compare_with_first(run_id: int, others: list[int]) -> pd.DataFrame:
    """Return the rows of `data.all_runs` of several runs with gap (and its interval), verdict and p_adjusted.

    The gap is the difference in macro F1 to the first run. p is Holm-adjusted for the number of runs,
    and the verdict uses it.
    """
    from core.evaluation.comparison import verdict_of

    frame = data.run_rows([run_id, *others])
    compared = [data.comparison(other, run_id) for other in others]
    gaps = [with_interval("gap", gap) for gap in (None, *(pair.result.macro_f1 for pair in compared))]
    frame[["gap", "gap_low", "gap_high"]] = pd.DataFrame(gaps)
    adjusted = data.adjusted_p(others, run_id)
    verdicts = (verdict_of(pair.result.macro_f1, p) for pair, p in zip(compared, adjusted, strict=True))
    frame["verdict"] = [DASH, *(pair.word_for(verdict) for pair, verdict in zip(compared, verdicts, strict=True))]
    frame["p_adjusted"] = [np.nan, *adjusted]
    return frame


def select_metric(runs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return id and label of runs, and one metric with its interval."""
    return runs[["id", "label", metric, f"{metric}_low", f"{metric}_high"]]


def verdict_matrix(run_ids: list[int]) -> pd.DataFrame:
    """Return a row per ordered pair of runs: row, column, gap (row minus column), interval, verdict and text.

    ``significant`` is the gap if the verdict is conclusive, else undefined.
    """
    labels = data.run_rows(run_ids)["label"].tolist()
    pairs = []
    # The later run is compared with the earlier one, as in `compare_with_first`, whose results are cached.
    for (earlier, column), (later, row) in combinations(zip(run_ids, labels, strict=True), 2):
        compared = data.comparison(later, earlier)
        gap, low, high = with_interval("gap", compared.result.macro_f1).values()
        pairs.append(_pair(row, column, (gap, low, high), compared.verdict))
        pairs.append(_pair(column, row, (-gap, -high, -low), compared.opposite_verdict))
    return pd.DataFrame(pairs)


def _pair(row: str, column: str, gap: tuple[float, float, float], verdict: str) -> dict[str, Any]:
    value, _, interval = format_points(*gap).partition(" ")
    significant = None if verdict == "inconclusive" else gap[0]
    pair = {"row": row, "column": column, "significant": significant, "verdict": verdict}
    return pair | {"interval": interval.strip("()"), "text": value}


def class_scores(run_ids: list[int]) -> pd.DataFrame:
    """Return a row per class: the formatted F1 of each run with its interval."""
    frame = pd.DataFrame({"class": data.labels(run_ids[0])})
    for run_id in run_ids:
        metrics = data.class_metrics(run_id)
        columns = (metrics["f1"], metrics["f1_low"], metrics["f1_high"], metrics["support"])
        frame[data.run_label(run_id)] = list(map(format_class_score, *columns))
    return frame


def learning_curves(run_ids: list[int], name: str) -> tuple[pd.DataFrame, list[str]]:
    """Return id, label, epoch and value of a logged figure, and the labels of the runs that did not log it.

    Long curves are thinned evenly; the first and the last value are kept.
    """
    histories = {run_id: data.history(run_id) for run_id in run_ids}
    logged = {run_id: rows[rows["name"] == name].dropna(subset="value") for run_id, rows in histories.items()}
    points = max(2, MAX_CURVE_POINTS // max(1, len(run_ids)))
    parts = [
        rows.iloc[np.unique(np.linspace(0, len(rows) - 1, min(points, len(rows))).astype(int))].assign(
            id=run_id, label=data.run_label(run_id)
        )
        for run_id, rows in logged.items()
        if len(rows)
    ]
    columns = ["id", "label", "epoch", "value"]
    curves = pd.concat(parts)[columns].reset_index(drop=True) if parts else pd.DataFrame(columns=columns)
    return curves, [data.run_label(run_id) for run_id, rows in logged.items() if rows.empty]


def setting_differences(run_ids: list[int]) -> tuple[pd.DataFrame, int]:
    """Return a row per setting in which runs differ, with a column per run; and the number of equal settings."""
    configs: list[Mapping[str, Any]] = [data.run(run_id).config for run_id in run_ids]
    rows = differing_values(configs)
    frame = pd.DataFrame([[name, *map(format_setting, values)] for name, values in rows.items()])
    frame.columns = pd.Index(["setting", *map(data.run_label, run_ids)][: frame.shape[1]])
    return frame, len({name for config in configs for name in config}) - len(rows)


def setting_changes(run_id: int, against: int) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Return the two values of each setting in which two runs differ, and the settings that only one of them uses."""
    differences, _ = setting_differences([run_id, against])
    rows = {name: (first, second) for name, first, second in differences.itertuples(index=False, name=None)}
    unused = [name for name, values in rows.items() if DASH in values]
    return {name: values for name, values in rows.items() if name not in unused}, unused
