"""Properties of predicted examples: lengths, other runs' predictions, error slices."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.errors import RequestError
from core.store import queries
from core.store.engine import Store
from dashboard.data.cache import cached
from dashboard.data.predictions import class_indices, predictions_with_outcomes
from dashboard.data.runs import complete_runs
from dashboard.data.sanitize_records import sanitize_record
from dashboard.data.table import runs_key

if TYPE_CHECKING:
    from core.evaluation.slices import Slice

MAX_OTHER_RUNS = 10
"""The number of best other runs whose predictions are compared on an example."""


@cached(runs_key, keep=8)
def word_counts(db: Store, run_id: int) -> pd.Series:
    """Return the number of words of each example in `predictions_with_outcomes`."""
    from core.evaluation.tokenization import tokenize

    return predictions_with_outcomes(run_id)["text"].map(lambda text: len(tokenize(text))).astype("int64")


@cached(runs_key, keep=8)
def prediction_columns(db: Store, run_id: int) -> pd.DataFrame:
    """Return the other columns of the source, with the same rows as `predictions_with_outcomes`."""
    frame = predictions_with_outcomes(run_id)
    return pd.DataFrame([extra or {} for extra in frame["extra"]], index=frame.index)


def other_runs(run_id: int, test_set: int) -> list[int]:
    """Return the best other complete runs on a test set, best first."""
    best = complete_runs(test_set)["id"].head(MAX_OTHER_RUNS + 1)
    return [int(other) for other in best if other != run_id][:MAX_OTHER_RUNS]


@cached(runs_key, keep=8)
def disagreement(db: Store, run_id: int, others: list[int]) -> pd.Series:
    """Return the share of other runs with another prediction for each example of `predictions_with_outcomes`.

    NaN if no other run has a prediction.
    """
    frame, counts = predictions_with_outcomes(run_id), sanitize_record(queries.predicted_label_counts(db, others))
    votes = counts.set_index(["position", "predicted"])["votes"]
    same = votes.reindex(pd.MultiIndex.from_frame(frame[["position", "predicted"]]), fill_value=0).to_numpy()
    total = counts.groupby("position")["votes"].sum().reindex(frame["position"]).to_numpy(dtype=float)
    return pd.Series(1 - same / total, index=frame.index)


@cached(runs_key, keep=8)
def errors(db: Store, run_ids: list[int]) -> NDArray[np.bool_]:
    """Return which test examples each of several runs on one test set misclassifies: [runs, n].

    Runs without a prediction for every example of the first run are refused by `RequestError`.
    """
    rows = [np.not_equal(*class_indices(run_id)) for run_id in run_ids]
    incomplete = next((run_id for run_id, row in zip(run_ids, rows, strict=True) if len(row) != len(rows[0])), None)
    if incomplete is not None:
        raise RequestError(
            f"Run {incomplete} has no prediction for some test examples. Compare without it.", code="incomplete_run"
        )
    return np.stack(rows)


@cached(runs_key, keep=64)
def predictions_on_example(db: Store, example_id: int, run_ids: list[int]) -> pd.DataFrame:
    """Return several runs' predictions on one example: run_id, predicted and confidence, in the order of the runs."""
    frame = queries.predictions_on_example(db, example_id, run_ids).set_index("run_id")
    return frame.reindex([run_id for run_id in run_ids if run_id in frame.index]).reset_index()


@cached(runs_key, keep=8)
def slices(db: Store, run_id: int) -> "tuple[Slice, ...]":
    """Return the error slices of a run in the order of `find_slices`."""
    from core.evaluation.slices import find_slices

    frame = predictions_with_outcomes(run_id)
    is_recorded = frame["truncated"].notna().all()
    truncated = frame["truncated"].to_numpy(dtype=bool) if is_recorded else None
    is_wrong = ~frame["is_correct"].to_numpy(dtype=bool)
    return find_slices(frame["text"].tolist(), is_wrong, truncated, frame["extra"].tolist())
