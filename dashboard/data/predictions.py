"""What a run said of each example."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.store import queries
from core.store.engine import Store
from dashboard.data.cache import cached
from dashboard.data.runs import run, temperature
from dashboard.data.table import these_runs

if TYPE_CHECKING:
    from core.evaluation.label_errors import Suspect

_SMALLEST = float(np.finfo(np.float32).smallest_subnormal)  # probabilities are stored as float32


@cached(these_runs, keep=24)
def probabilities(db: Store, run_id: int, split: str = "test") -> NDArray[np.float32]:
    """Return a run's stored probabilities on a split: [n, k]; empty where it has none."""
    return queries.probabilities(db, run_id, split)


@cached(these_runs, keep=24)
def outcomes(db: Store, run_id: int, split: str = "test") -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the true and the predicted label codes of the examples of a split that a run judged: [n] and [n]."""
    return queries.labels_and_predictions(db, run_id, queries.dataset(db, run(run_id).dataset_id or 0).labels, split)


def codes(run_id: int, split: str = "test") -> NDArray[np.int64]:
    """Return the true label codes of the examples of a split that a run judged: [n]."""
    return outcomes(run_id, split)[0]


@cached(these_runs, keep=24)
def reliability(db: Store, run_id: int, *, calibrated: bool) -> pd.DataFrame:
    """Return a row a bin of confidence on the test set: confidence, accuracy, count, null_low and null_high.

    ``calibrated``: at the fitted temperature, else as trained.
    """
    from core.evaluation import calibration

    shares = probabilities(run_id)
    if calibrated:
        shares = calibration.apply_temperature(shares, temperature(run_id) or 1.0)
    diagram = calibration.reliability(shares.max(axis=1), shares.argmax(axis=1) == codes(run_id))
    return pd.DataFrame([vars(one) for one in diagram.bins])


@cached(these_runs, keep=24)
def suspects(db: Store, run_id: int) -> "list[Suspect]":
    """Return the test examples whose label a run's probabilities speak against."""
    from core.evaluation.label_errors import suspects

    return suspects(codes(run_id), queries.probabilities(db, run_id))


@cached(these_runs, keep=24)
def predictions_with_outcomes(db: Store, run_id: int, against: int | None = None) -> pd.DataFrame:
    """Return a row a test example with what a run said of it, and how that stands to another run.

    Columns: those of `queries.predictions`, ``right``, ``loss``; with ``against`` also ``flip`` and
    ``other`` (what the other run said).
    """
    frame = queries.predictions(db, run_id)
    frame["right"] = frame["label"] == frame["predicted"]
    frame["loss"] = -np.log(frame["true_probability"].astype(float).clip(lower=_SMALLEST))
    if against is not None:
        from core.evaluation.comparison import flips

        other = queries.predictions(db, against)
        frame["other"] = other["predicted"]
        frame["flip"] = flips(frame["right"].to_numpy(), (other["label"] == other["predicted"]).to_numpy())
    return frame


def test_size(run_id: int) -> int:
    """Return how many test examples a run was measured on."""
    return len(predictions_with_outcomes(run_id))
