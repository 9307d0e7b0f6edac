"""The page of two or more runs: where they differ."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from core.config import differing_values
from core.text.formatting import DASH, MIN_SUPPORT, format_class_score, format_count, format_points, format_setting
from dashboard import data
from dashboard.components.confusion.view_data import confusion
from dashboard.components.estimates import with_interval

MOST_CLASSES = 15
"""A chart of more classes than this shows those that differ most."""
MOST_MARKS = 1500
OPPOSITE = {"helped": "hurt", "hurt": "helped"}


def comparable(run_id: int, others: list[int], test_set: int) -> tuple[list[int], list[str]]:
    """Return those of the others that a run can be compared with, and for each of the rest the reason.

    Complete runs on one test set always can: to find that out nothing is compared, which takes time.
    """
    done = set(data.complete_runs(test_set)["id"])
    doubtful = [other for other in others if not {run_id, other} <= done]
    fine, reasons = data.split_comparable(run_id, doubtful)
    return [other for other in others if other not in doubtful or other in fine], reasons


def offers(run_id: int, complete: pd.DataFrame) -> list[tuple[int, int]]:
    """Return up to four pairs that can be compared: this run against others, else the best one against others."""
    ids = [int(number) for number in complete["id"]]
    first = run_id if run_id in ids else next(iter(ids), None)
    return [] if first is None else [(first, other) for other in ids if other != first][:4]


def best(runs: pd.DataFrame) -> Any:
    """Return the run with the highest macro F1, its columns as attributes."""
    return next(runs.sort_values("macro_f1", ascending=False).itertuples(index=False))


def class_changes(run_id: int, against: int) -> pd.DataFrame:
    """Return a row a class, regressions first: both F1, the differences with their intervals, p, flips, support.

    ``a`` and ``b`` are the two runs' F1, each with its interval.
    """
    compared = data.comparison(run_id, against)
    rows = [
        {
            "label": label,
            **with_interval("f1", one.f1),
            **with_interval("recall", one.recall),
            **with_interval("precision", one.precision),
            "p": one.p,
            "gained": one.gained,
            "lost": one.lost,
            "support": one.support,
        }
        for label, one in zip(data.labels(run_id), compared.result.classes, strict=True)
    ]
    frame = pd.DataFrame(rows)
    for name, own in (("a", data.class_metrics(run_id)), ("b", data.class_metrics(against))):
        known = own.set_index("label").reindex(frame["label"])
        for end in ("", "_low", "_high"):
            frame[f"{name}{end}"] = known[f"f1{end}"].to_numpy(dtype=float)
    frame["said"] = [_said(row) for row in frame.itertuples()]
    return frame.sort_values("f1").reset_index(drop=True)


def _said(row: Any) -> str:
    few = f", too few examples ({format_count(row.support)})" if row.support < MIN_SUPPORT else ""
    return f"{format_points(row.f1, row.f1_low, row.f1_high)}{few}"


def most_changed(changes: pd.DataFrame) -> pd.DataFrame:
    """Return the classes whose F1 differs most, in the order in which they came; not those where it is undefined.

    Those with few test examples come last: their F1 leaps by chance.
    """
    known = changes.dropna(subset="f1")
    order = known.assign(enough=known["support"] >= MIN_SUPPORT, size=known["f1"].abs())
    most = order.sort_values(["enough", "size"], ascending=False).index[:MOST_CLASSES]
    return known.loc[most.sort_values()].reset_index(drop=True)


def most_flipped(changes: pd.DataFrame) -> pd.DataFrame:
    """Return the classes with the most flips, these first."""
    flips = changes["gained"] + changes["lost"]
    return changes.loc[flips[flips > 0].nlargest(MOST_CLASSES).index].reset_index(drop=True)


def flips(run_id: int, against: int, flip: str, label: str | None = None) -> pd.DataFrame:
    """Return the examples of one flip, the surest first, of one true label if it is given."""
    predictions_with_outcomes = data.predictions_with_outcomes(run_id, against)
    shown = predictions_with_outcomes[
        (predictions_with_outcomes["flip"] == flip)
        & (True if label is None else predictions_with_outcomes["label"] == label)
    ]
    return shown.sort_values("confidence", ascending=False).reset_index(drop=True)


def confusion_change(run_id: int, against: int) -> pd.DataFrame:
    """Return a row a cell of the confusion matrix: true, predicted, both runs' counts and shares, and the difference.

    ``a`` and ``b`` are the counts, ``a_share`` and ``b_share`` shares of the row, ``more`` is a minus b.
    """
    ours = confusion(run_id).rename(columns={"count": "a", "share": "a_share"})
    theirs = confusion(against).rename(columns={"count": "b", "share": "b_share"})
    cells = ours.merge(theirs, on=["true", "predicted"])
    cells["more"] = cells["a"] - cells["b"]
    cells["text"] = [f"{more:+,}".replace("-", "−") if more else "0" for more in cells["more"]]
    return cells


def most_confused(cells: pd.DataFrame) -> list[str]:
    """Return the labels whose row or column of the confusion matrix changed most, in their order."""
    change = cells["more"].abs()
    by_label = change.groupby(cells["true"]).sum().add(change.groupby(cells["predicted"]).sum(), fill_value=0)
    most = set(by_label.nlargest(MOST_CLASSES).index)
    return [label for label in cells["true"].unique() if label in most]


def pairwise(run_id: int, others: list[int]) -> pd.DataFrame:
    """Return a row a run as in `data.all_runs`; with ``gap``, ``verdict`` and ``p``: how it stands to the first.

    p is Holm-adjusted for the number of runs, and the verdict goes by it.
    """
    from core.evaluation.comparison import verdict_of

    frame = data.run_rows([run_id, *others])
    results = [data.comparison(other, run_id).result for other in others]
    gaps = [with_interval("gap", one) for one in (None, *(one.macro_f1 for one in results))]
    frame[["gap", "gap_low", "gap_high"]] = pd.DataFrame(gaps)
    adjusted = data.adjusted_p(others, run_id)
    frame["verdict"] = [DASH, *(verdict_of(one.macro_f1, p) for one, p in zip(results, adjusted, strict=True))]
    frame["p"] = [np.nan, *adjusted]
    return frame


def of_metric(runs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return number and label of some runs, and one metric with its interval."""
    return runs[["id", "label", metric, f"{metric}_low", f"{metric}_high"]]


def verdict_matrix(run_ids: list[int]) -> pd.DataFrame:
    """Return a row an ordered pair of runs: row, column, gap (row minus column), its interval, verdict and text."""
    labels = data.run_rows(run_ids)["label"].tolist()
    pairs = []
    # As `pairwise` compares them, the later against the earlier: what is known is not computed again.
    for (earlier, column), (later, row) in combinations(zip(run_ids, labels, strict=True), 2):
        result = data.comparison(later, earlier).result
        gap, low, high = with_interval("gap", result.macro_f1).values()
        pairs.append(_pair(row, column, (gap, low, high), result.verdict))
        pairs.append(_pair(column, row, (-gap, -high, -low), OPPOSITE.get(result.verdict, result.verdict)))
    return pd.DataFrame(pairs)


def _pair(row: str, column: str, gap: tuple[float, float, float], verdict: str) -> dict[str, Any]:
    value, _, interval = format_points(*gap).partition(" ")
    pair = {"row": row, "column": column, "gap": gap[0], "verdict": verdict}
    return pair | {"interval": interval.strip("()"), "text": value}


def class_scores(run_ids: list[int]) -> pd.DataFrame:
    """Return a row a class with each run's F1 and interval, to be read."""
    frame = pd.DataFrame({"class": data.labels(run_ids[0])})
    for run_id in run_ids:
        own = data.class_metrics(run_id)
        figures = (own["f1"], own["f1_low"], own["f1_high"], own["support"])
        frame[data.run_label(run_id)] = list(map(format_class_score, *figures))
    return frame


def curves(run_ids: list[int], name: str) -> tuple[pd.DataFrame, list[str]]:
    """Return id, label, epoch and value of what runs logged under one name; and the labels of those that have none.

    Of long curves every so many steps are left out, evenly, never the last one.
    """
    whole = {run_id: data.history(run_id) for run_id in run_ids}
    logged = {run_id: own[own["name"] == name].dropna(subset="value") for run_id, own in whole.items()}
    room = max(2, MOST_MARKS // max(1, len(run_ids)))
    parts = [
        own.iloc[np.unique(np.linspace(0, len(own) - 1, min(room, len(own))).astype(int))].assign(
            id=run_id, label=data.run_label(run_id)
        )
        for run_id, own in logged.items()
        if len(own)
    ]
    columns = ["id", "label", "epoch", "value"]
    drawn = pd.concat(parts)[columns].reset_index(drop=True) if parts else pd.DataFrame(columns=columns)
    return drawn, [data.run_label(run_id) for run_id, own in logged.items() if own.empty]


def setting_differences(run_ids: list[int]) -> tuple[pd.DataFrame, int]:
    """Return a row a setting in which the runs differ, a column a run; and how many settings are alike."""
    configs: list[Mapping[str, Any]] = [data.run(run_id).config for run_id in run_ids]
    rows = differing_values(configs)
    frame = pd.DataFrame([[name, *map(format_setting, values)] for name, values in rows.items()])
    frame.columns = pd.Index(["setting", *map(data.run_label, run_ids)][: frame.shape[1]])
    return frame, len({name for config in configs for name in config}) - len(rows)
