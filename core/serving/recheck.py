"""Whether a recorded run still says what it said, under the libraries of today."""

from dataclasses import dataclass

import numpy as np

from core.config import differing_values
from core.errors import RequestError
from core.serving.inference import load_run
from core.store import queries
from core.store.engine import Store
from core.store.run_writer import save_recheck
from core.system.environment import package_versions

DRIFT_TOLERANCE = 1e-3
"""A probability that moved by more than this has drifted; rounding moves it by far less."""


@dataclass(frozen=True)
class RecheckResult:
    """What predicting the stored test set again gave; ``versions`` are those that differ, then and now."""

    run_id: int
    examples: int
    changed_labels: int
    max_difference: float
    drifted: bool
    versions: dict[str, list[object]]


def recheck_run(store: Store, run_id: int, *, trust_remote_code: bool = False) -> RecheckResult:
    """Load a run's stored files, predict its stored test set again, and record what became of it."""
    run = queries.run(store, run_id)
    loaded = load_run(store, run_id, trust_remote_code=trust_remote_code)
    stored, texts = queries.probabilities(store, run_id), list(queries.predictions(store, run_id)["text"])
    if not texts:
        raise RequestError(f"Run {run_id} has no stored predictions to hold against.")
    again = loaded.predict(texts)
    difference = float(np.abs(again - stored).max())
    changed = int((again.argmax(axis=1) != stored.argmax(axis=1)).sum())
    found = RecheckResult(
        run_id,
        examples=len(texts),
        changed_labels=changed,
        max_difference=difference,
        drifted=changed > 0 or not difference <= DRIFT_TOLERANCE,
        versions=differing_values([run.environment.get("packages", {}), package_versions()]),
    )
    save_recheck(store, run_id, changed, difference, found.drifted, {"packages": package_versions()})
    return found
