"""Check whether a recorded run still gives the same predictions with the installed packages."""

from dataclasses import dataclass

import numpy as np

from core.errors import RequestError
from core.report.settings_differences import differing_values
from core.serving.inference import load_run
from core.store import queries
from core.store.engine import Store
from core.store.run_writer import save_recheck
from core.system.environment import package_versions

DRIFT_TOLERANCE = 1e-3
"""A larger change of a probability counts as drift; rounding errors are far smaller."""


@dataclass(frozen=True)
class RecheckResult:
    """Differences between stored and new predictions; ``versions``: changed package versions, old and new."""

    run_id: int
    examples: int
    changed_labels: int
    max_difference: float
    drifted: bool
    versions: dict[str, list[object]]


def recheck_run(store: Store, run_id: int, *, trust_remote_code: bool = False) -> RecheckResult:
    """Predict a run's stored test set again with its stored files, and record the result."""
    run = queries.run(store, run_id)
    loaded = load_run(store, run_id, trust_remote_code=trust_remote_code)
    stored, texts = queries.probabilities(store, run_id), list(queries.predictions(store, run_id)["text"])
    if not texts:
        raise RequestError(f"Run {run_id} has no stored predictions to compare with.", code="no_predictions")
    new = loaded.predict(texts)
    difference = float(np.abs(new - stored).max())
    changed = int((new.argmax(axis=1) != stored.argmax(axis=1)).sum())
    result = RecheckResult(
        run_id,
        examples=len(texts),
        changed_labels=changed,
        max_difference=difference,
        drifted=changed > 0 or not difference <= DRIFT_TOLERANCE,
        versions=differing_values([run.environment.get("packages", {}), package_versions()]),
    )
    save_recheck(store, run_id, changed, difference, result.drifted, {"packages": package_versions()})
    return result
