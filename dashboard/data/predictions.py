"""The predictions of a run on the examples of its data set."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.store import queries
from core.store.engine import Store
from dashboard.data.cache import cached
from dashboard.data.datasets import test_set_of
from dashboard.data.runs import complete_runs, run, temperature
from dashboard.data.table import runs_key

if TYPE_CHECKING:
    from core.evaluation.label_errors import SuspectLabels

MIN_JUDGES = 2
"""The least number of runs that must agree on another label: one alone may just be wrong."""
_IGNORE_TEXT = ("majority", "untrained")
_EVIDENCE = {"tfidf": "words", "model2vec": "static embeddings", "frozen": "features", "knn": "features"}
"""What a baseline judges a text by; all other methods are fine-tuned models."""

_SMALLEST = float(np.finfo(np.float32).smallest_subnormal)  # probabilities are stored as float32


@cached(runs_key, keep=24)
def probabilities(db: Store, run_id: int, split: str = "test") -> NDArray[np.float32]:
    """Return a run's stored probabilities on a split, [n, k]; empty if it has none."""
    return queries.probabilities(db, run_id, split)


@cached(runs_key, keep=24)
def class_indices(db: Store, run_id: int, split: str = "test") -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the true and the predicted class indices of a split's examples: [n] and [n]."""
    return queries.labels_and_predictions(db, run_id, queries.dataset(db, run(run_id).dataset_id or 0).labels, split)


def true_codes(run_id: int, split: str = "test") -> NDArray[np.int64]:
    """Return the true class indices of a split's examples: [n]."""
    return class_indices(run_id, split)[0]


@cached(runs_key, keep=24)
def reliability(db: Store, run_id: int, *, calibrated: bool) -> pd.DataFrame:
    """Return the reliability diagram of the test set: confidence, accuracy, count, null_low and null_high of each bin.

    ``calibrated``: at the fitted temperature, else as trained.
    """
    from core.evaluation import calibration

    shares = probabilities(run_id)
    if calibrated:
        shares = calibration.apply_temperature(shares, temperature(run_id) or 1.0)
    diagram = calibration.reliability(shares.max(axis=1), shares.argmax(axis=1) == true_codes(run_id))
    return pd.DataFrame([vars(bin_) for bin_ in diagram.bins])


def label_judges(run_id: int) -> list[int]:
    """Return the runs on a run's data set whose probabilities judge its test labels.

    These are the best run of each kind of evidence, such as all fine-tuned models: they tend to err on the same
    examples, whatever their method. Runs that ignore the text, or have no probabilities, are excluded.
    """
    frame = complete_runs(test_set_of(run_id) or 0)
    judges = frame[(frame["dataset_id"] == run(run_id).dataset_id) & ~frame["method"].isin(_IGNORE_TEXT)]
    evidence = judges["method"].map(_EVIDENCE).fillna("fine-tuned")
    best = map(int, judges.loc[~evidence.duplicated(), "id"])
    return [judge for judge in best if len(probabilities(judge))]


def suspects(run_id: int) -> "SuspectLabels":
    """Return the test examples whose labels are likely errors by the runs of `label_judges`.

    None are returned if these are fewer than `MIN_JUDGES`.
    """
    from core.evaluation.label_errors import SuspectLabels

    judges = label_judges(run_id)
    return _suspects(judges) if len(judges) >= MIN_JUDGES else SuspectLabels((), 0.0)


@cached(runs_key, keep=24)
def _suspects(db: Store, judges: list[int]) -> "SuspectLabels":
    from core.evaluation.label_errors import find_suspect_labels

    return find_suspect_labels(true_codes(judges[0]), [queries.probabilities(db, judge) for judge in judges])


@cached(runs_key, keep=24, exact=["text"])
def predictions_with_outcomes(db: Store, run_id: int, against: int | None = None) -> pd.DataFrame:
    """Return a run's predictions on the test examples with their outcomes; texts are exact.

    Columns: those of `queries.predictions`, ``is_correct`` and ``loss``; with ``against`` also ``flip`` and
    ``other`` (the other run's prediction).
    """
    frame = queries.predictions(db, run_id)
    frame["is_correct"] = frame["label"] == frame["predicted"]
    frame["loss"] = -np.log(frame["true_probability"].astype(float).clip(lower=_SMALLEST))
    if against is not None:
        from core.evaluation.comparison import flips

        other = queries.predictions(db, against)
        frame["other"] = other["predicted"]
        frame["flip"] = flips(frame["is_correct"].to_numpy(), (other["label"] == other["predicted"]).to_numpy())
    return frame


def test_size(run_id: int) -> int:
    """Return the number of test examples that a run was evaluated on."""
    return len(predictions_with_outcomes(run_id))
