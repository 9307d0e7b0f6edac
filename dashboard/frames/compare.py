"""The page of two or more runs: where they differ."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from core.config import differences
from core.formatting import DASH, class_score, count, points, setting
from dashboard import data
from dashboard.frames.estimates import with_interval

if TYPE_CHECKING:
    pass


def class_changes(run_id: int, against: int) -> pd.DataFrame:
    """Return a row a class, regressions first: the differences with their intervals, p, flips and support."""
    compared = data.comparison(run_id, against)
    rows = [
        {
            "label": label,
            **with_interval("f1", one.f1),
            **with_interval("recall", one.recall),
            **with_interval("precision", one.precision),
            "p": one.p,
            "fixed": one.fixed,
            "broken": one.broken,
            "support": one.support,
        }
        for label, one in zip(compared.labels, compared.result.classes, strict=True)
    ]
    return pd.DataFrame(rows).sort_values("f1").reset_index(drop=True)


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
    gaps = [with_interval("gap", one) for one in (None, *(one.macro_f1 for one in results))]
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
                gap = with_interval("gap", result.macro_f1)
                interval = points(*gap.values()).partition(" ")
                text = "\n".join([interval[0], interval[2], result.verdict.removesuffix(" either way")])
                cells.append({"row": data.label(first), "column": data.label(second), "gap": gap["gap"], "text": text})
    return pd.DataFrame(cells)


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
