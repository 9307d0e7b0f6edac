"""What else is known of the examples that a run judged: their length, what other runs said, where it errs more."""

from typing import TYPE_CHECKING

import pandas as pd

from core.store import queries
from core.store.engine import Store
from dashboard.data.cache import cached
from dashboard.data.predictions import predictions_with_outcomes
from dashboard.data.runs import complete_runs
from dashboard.data.sanitize_records import sanitize_record
from dashboard.data.table import these_runs

if TYPE_CHECKING:
    from core.evaluation.slices import Slice

OTHERS = 10
"""So many of the best other runs are asked what they say of an example."""


@cached(these_runs, keep=8)
def lengths(db: Store, run_id: int) -> pd.Series:
    """Return the number of words of each example in `predictions_with_outcomes`."""
    from core.evaluation.tokenization import words

    return predictions_with_outcomes(run_id)["text"].map(lambda text: len(words(text))).astype("int64")


@cached(these_runs, keep=8)
def columns(db: Store, run_id: int) -> pd.DataFrame:
    """Return the other columns of the data, a row an example in `predictions_with_outcomes`."""
    frame = predictions_with_outcomes(run_id)
    return pd.DataFrame([one or {} for one in frame["extra"]], index=frame.index)


def other_runs(run_id: int, test_set: int) -> list[int]:
    """Return the best other complete runs on a test set, the best first."""
    found = complete_runs(test_set)["id"].head(OTHERS + 1)
    return [int(one) for one in found if one != run_id][:OTHERS]


@cached(these_runs, keep=8)
def disagreement(db: Store, run_id: int, others: list[int]) -> pd.Series:
    """Return the share of other runs that name another label, an example each; NaN for none."""
    frame, votes = predictions_with_outcomes(run_id), sanitize_record(queries.predicted_label_counts(db, others))
    said = votes.set_index(["position", "predicted"])["votes"]
    alike = said.reindex(pd.MultiIndex.from_frame(frame[["position", "predicted"]]), fill_value=0).to_numpy()
    every = votes.groupby("position")["votes"].sum().reindex(frame["position"]).to_numpy(dtype=float)
    return pd.Series(1 - alike / every, index=frame.index)


@cached(these_runs, keep=64)
def answers(db: Store, example_id: int, run_ids: list[int]) -> pd.DataFrame:
    """Return what some runs said of one example: run_id, predicted and confidence, in the order of the runs."""
    found = queries.predictions_on_example(db, example_id, run_ids).set_index("run_id")
    return found.reindex([one for one in run_ids if one in found.index]).reset_index()


@cached(these_runs, keep=8)
def slices(db: Store, run_id: int) -> "tuple[Slice, ...]":
    """Return the kinds of texts that were looked at, with how often a run errs on them, as `find_slices` ranks them."""
    from core.evaluation.slices import find_slices

    frame = predictions_with_outcomes(run_id)
    known = frame["truncated"].notna().all()
    truncated = frame["truncated"].to_numpy(dtype=bool) if known else None
    return find_slices(frame["text"].tolist(), ~frame["right"].to_numpy(dtype=bool), truncated, frame["extra"].tolist())
