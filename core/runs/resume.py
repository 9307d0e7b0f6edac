"""Prepare the job of a run that ended early, or of one that continues to train the weights of a complete run."""

import shlex
from dataclasses import replace

import numpy as np

from core.catalog.methods import METHODS
from core.config import RunConfig, format_flags, make_config
from core.errors import RequestError
from core.models.classifier import SavedClassifier, probabilities
from core.runs.job import Job, Parent, prepare_jobs
from core.serving.inference import load_classifier, resolve_saved_run, translate_load_errors
from core.serving.recheck import DRIFT_TOLERANCE
from core.serving.verification import VERIFICATION_EXAMPLES
from core.store import queries
from core.store.engine import Store
from core.store.records import PARENT_GROUP_KEY, Run, require_not_running, require_resumable
from core.training.checkpoints import CheckpointManager
from core.training.reproducibility import base_fingerprint

_AUTO_SETTINGS = ("patience", "max_steps", "time_budget")
"""Settings that only ``epochs="auto"`` uses."""


def prepare_resume(store: Store, run_id: int, *, auto_batch: bool = False, trust_remote_code: bool = False) -> Job:
    """Prepare the job of a run that ended early, with its recorded settings.

    Raises `RequestError` if the run is running or complete, or its data, its base model or the run that it continues
    changed since it started.
    """
    run = queries.run(store, run_id)
    require_resumable(run_id, run)
    config = make_config({**run.settings, "trust_remote_code": trust_remote_code})
    config = config.model_copy(update={"auto_batch": config.auto_batch or auto_batch})
    (job,) = prepare_jobs([config], store.folder)
    _refuse_changes(store, run, _changed_data(store, run, job) or _changed_base(store, run, job))
    if PARENT_GROUP_KEY not in run.environment:
        return job
    if run.parent_id is None:
        raise RequestError(
            f"Run {run_id} cannot be resumed: it continues to train another run, which was deleted. "
            f"Start a new run: {store.format_command(shlex.join(format_flags(run.settings)))}"
        )
    saved = resolve_saved_run(store, run.parent_id, trust_remote_code=trust_remote_code)
    return replace(job, continues=_describe_parent(queries.run(store, run.parent_id), saved))


def prepare_continuation(
    store: Store, run_id: int, epochs: str, *, auto_batch: bool = False, trust_remote_code: bool = False
) -> Job:
    """Prepare the job of a new run that trains the saved weights of a complete run for more epochs.

    ``epochs``: a number or ``auto``. Raises `RequestError` if the run is not complete, its method does not support it,
    its data changed, or its files and base model no longer reproduce its predictions.
    """
    run = queries.run(store, run_id)
    _require_continuable(store, run)
    settings = {name: value for name, value in run.settings.items() if epochs == "auto" or name not in _AUTO_SETTINGS}
    config = make_config({**settings, "epochs": epochs, "trust_remote_code": trust_remote_code})
    config = config.model_copy(update={"auto_batch": config.auto_batch or auto_batch})
    _require_supported(store, run, config)
    saved = resolve_saved_run(store, run_id, trust_remote_code=trust_remote_code)
    (job,) = prepare_jobs([config], store.folder)
    _refuse_changes(store, run, _changed_data(store, run, job) or _changed_model(store, run, job, saved))
    return replace(job, continues=_describe_parent(run, saved))


def _describe_parent(run: Run, saved: SavedClassifier) -> Parent:
    assert run.group_key is not None, "a complete run has one"
    return Parent(run.id, run.name, run.group_key, saved.folder)


def _require_continuable(store: Store, run: Run) -> None:
    """Raise `RequestError` for a baseline, and for a run that is not complete or is in the trash."""
    if run.kind == "baseline":
        raise RequestError(
            f"Run {run.id} is a baseline, which is not trained in epochs. Pass an adapter or full fine-tuning run.",
            code="not_continuable",
        )
    require_not_running(run)
    if run.deleted_at is not None:
        raise RequestError(
            f"Run {run.id} is in the trash. Restore it on the dashboard's Runs page first.", code="run_in_trash"
        )
    if run.state != "complete":
        raise RequestError(
            f"Run {run.id} is {run.state}. Resume it without --epochs first: "
            f"{store.format_command(f'resume {run.id}')}",
            code="run_is_incomplete",
        )


def _require_supported(store: Store, run: Run, config: RunConfig) -> None:
    """Raise `RequestError` for a method whose saved files are not enough to train it further."""
    method = METHODS[run.method]
    if method.reallocates_budget:
        reason = "it plans its ranks for the steps of one training run"
    elif method.is_reparametrized or config.peft.get("prefix_projection"):
        reason = "it trains a small network that generates the virtual tokens, and saves only the tokens"
    else:
        return
    raise RequestError(
        f"{method.title} runs cannot be trained for more epochs: {reason}. Start a new run with more epochs: "
        f"{store.format_command(shlex.join(format_flags(config.settings())))}",
        code="not_continuable",
    )


def _refuse_changes(store: Store, run: Run, changed: str | None) -> None:
    """Raise `RequestError` if an input of a run changed."""
    if changed:
        raise RequestError(
            f"Run {run.id} cannot be resumed: {changed} changed since it started. "
            f"Start a new run: {store.format_command(shlex.join(format_flags(run.settings)))}"
        )


def _changed_data(store: Store, run: Run, job: Job) -> str | None:
    """Return the name of a run's data if they changed since it started."""
    if run.dataset_id is not None and queries.dataset(store, run.dataset_id).fingerprint != job.data.fingerprint:
        return f"the data of {job.config.dataset}"
    return None


def _changed_base(store: Store, run: Run, job: Job) -> str | None:
    """Return the name of a run's base model if it changed since the run's newest checkpoint."""
    checkpoint = CheckpointManager(run.work_folder(store.folder), 0).newest()
    if checkpoint is None or job.backbone is None:
        return None
    is_same = checkpoint.values.get("base") in (None, base_fingerprint(job.backbone))
    return None if is_same else f"the model {job.config.model}"


def _changed_model(store: Store, run: Run, job: Job, saved: SavedClassifier) -> str | None:
    """Return the name of a complete run's base model if it has another revision or gives other predictions."""
    name = f"the model {job.config.model}, or a package that it needs,"
    if job.backbone is not None and job.backbone.revision != run.model_revision:
        return name
    with translate_load_errors(run.id):
        predicted = probabilities(load_classifier(saved).logits(job.data.test.texts[:VERIFICATION_EXAMPLES]))
    recorded = queries.probabilities(store, run.id)[:VERIFICATION_EXAMPLES]
    is_same = predicted.shape == recorded.shape and np.abs(predicted - recorded).max() <= DRIFT_TOLERANCE
    return None if is_same else name
