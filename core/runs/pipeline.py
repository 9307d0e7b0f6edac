"""Run jobs: train, evaluate, save and record each of them."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.catalog.figures import TRAINING_MACRO_F1
from core.data.splits import DataSet
from core.errors import RequestError, RunError
from core.evaluation.calibration import fit_temperature
from core.evaluation.intervals import Estimate
from core.evaluation.metrics import evaluate
from core.evaluation.predictions import leaked_positions
from core.models.baselines import IMPLEMENTATIONS
from core.models.classifier import Classifier, FitResult, probabilities
from core.models.logit_adjustment import adjust_logits
from core.models.neural_classifier import NeuralClassifier
from core.runs.artifacts import save_and_verify
from core.runs.baseline_link import link_to_baseline
from core.runs.job import Job
from core.runs.progress import Progress, RecordingProgress
from core.runs.recovery import recover
from core.runs.reuse import find_recorded_run
from core.serving.model_cards import model_card_of_run
from core.store import queries
from core.store.engine import Store
from core.store.recorder import recording
from core.store.records import PARENT_GROUP_KEY, Run, TrialKey
from core.store.run_writer import RunWriter
from core.system.environment import PeakMemory, describe_environment
from core.training.checkpoints import CheckpointManager
from core.training.fine_tuning import fine_tune
from core.training.oom import translate_oom

CHECKPOINT_INTERVAL = 60.0
"""Default number of seconds between two checkpoints."""
_CONTINUED = "-continued"
FIT_EXAMPLES = 500
"""Maximum number of training examples on which the fit is measured."""


def run_jobs(
    jobs: Sequence[Job],
    store: Store,
    progress: Progress,
    *,
    name: str | None = None,
    again: bool = False,
    checkpoint_interval: float = CHECKPOINT_INTERVAL,
) -> list[Run]:
    """Run jobs one after another and return their records, in the same order.

    A run that is recorded already is reused, see `find_recorded_run`; ``again`` runs it again. A run that fails is
    recorded as failed, and the next one starts. ``checkpoint_interval``: the minimum number of seconds between two
    checkpoints; 0 writes one after every step.
    """
    records = []
    for position, job in enumerate(jobs, start=1):
        recorded = None if again else find_recorded_run(store, job)
        if recorded is None:
            progress.on_run_begin(_run_name(job, name), job.config, position, len(jobs))
        record = recorded or run_job(job, store, progress, name, checkpoint_interval=checkpoint_interval)
        progress.on_run_end(record, reused=recorded is not None)
        records.append(record)
    return records


def run_job(
    job: Job,
    store: Store,
    progress: Progress,
    name: str | None = None,
    *,
    resume_run_id: int | None = None,
    trial: TrialKey | None = None,
    checkpoint_interval: float = CHECKPOINT_INTERVAL,
) -> Run:
    """Run one job and return its record; the row is inserted before the model loads.

    A run that fails returns a record with the status failed. ``resume_run_id``: the run to resume instead of
    starting a new one. ``trial``: the trial of a search that a new run carries out; it is evaluated on the validation
    split only. ``checkpoint_interval``: see `run_jobs`.
    """
    config, data = job.config, job.data
    parent_id, parent_key = (job.continues.run_id, job.continues.group_key) if job.continues else (None, None)
    with (
        recording(
            store, config, _run_name(job, name), _initial_environment(job), resume_run_id, parent_id, trial
        ) as run,
        _announced_cancellation(run, progress),
        translate_oom(config),
        PeakMemory() as memory,
    ):
        progress = RecordingProgress(run, config.batch_size, memory, progress)
        progress.on_phase("data")
        dataset_id = run.save_dataset(data, config.group_key(data.fingerprint, parent_key))
        fitted = _fit(run, job, progress, checkpoint_interval)
        _record_fit(run, job, fitted)

        progress.on_phase("evaluation")
        temperature = _evaluate_validation(run, dataset_id, job, fitted)
        if not run.is_trial:
            _evaluate_test(run, dataset_id, data, fitted.classifier, temperature)
            _link_and_save(run, job, dataset_id, fitted.classifier, progress)
        run.update(peak_memory_bytes=memory.bytes)
    return _recovered_record(run, job, progress)


def _link_and_save(run: RunWriter, job: Job, dataset_id: int, classifier: Classifier, progress: Progress) -> None:
    """Record the fit to the training examples and the best baseline of a trained run, and save its files."""
    if job.config.kind != "baseline":
        _evaluate_fit(run, job.data, classifier)
        link_to_baseline(run, dataset_id, job.data.labels, job.config.seed)
    progress.on_phase("saving")
    card = model_card_of_run(run.store, run.id, job.backbone)
    save_and_verify(run, job, classifier, card)


def _initial_environment(job: Job) -> dict[str, Any]:
    parent = {PARENT_GROUP_KEY: job.continues.group_key} if job.continues else {}
    return {**describe_environment(), **parent}


@contextmanager
def _announced_cancellation(run: RunWriter, progress: Progress) -> Iterator[None]:
    """Send a message on how to resume the run if the user stops it."""
    try:
        yield
    except KeyboardInterrupt:
        progress.on_message(
            f"Run {run.id} was cancelled. Resume it: {run.requested_store.format_command(f'resume {run.id}')}"
        )
        raise


def _recovered_record(run: RunWriter, job: Job, progress: Progress) -> Run:
    """Return the run's record, merged back from its fallback database if possible."""
    record = queries.run(run.store, run.id)
    if not run.is_in_fallback:
        return record
    run.store.engine.dispose()
    try:
        run_id = recover(run.requested_store, run.store.folder, job.backbone)
    except RequestError as error:
        command = run.requested_store.format_command("db recover")
        progress.on_message(f"{error} The run is in the fallback database {run.store.folder}. Merge it: {command}")
        return record
    return queries.run(run.requested_store, run_id)


def _run_name(job: Job, name: str | None) -> str:
    if job.continues is not None:
        return job.continues.name if job.continues.name.endswith(_CONTINUED) else job.continues.name + _CONTINUED
    return (name if job.config.kind != "baseline" else None) or job.config.default_name()


def _fit(run: RunWriter, job: Job, progress: Progress, checkpoint_interval: float) -> FitResult:
    if job.config.kind == "baseline":
        progress.on_phase("training")
        return IMPLEMENTATIONS[job.config.method].fit(job)
    return fine_tune(job, progress, _checkpoints(run, progress, checkpoint_interval))


def _checkpoints(run: RunWriter, progress: Progress, interval: float) -> CheckpointManager:
    """Return the checkpoints in the run's work folder; none are written if it cannot be created."""
    try:
        return CheckpointManager(run.create_work_folder(), interval)
    except OSError as error:
        progress.on_message(
            f"No checkpoints are written, because their folder cannot be created ({error}). "
            "If the run is stopped, it restarts from the beginning."
        )
        return CheckpointManager(None, interval)


def _record_fit(run: RunWriter, job: Job, fitted: FitResult) -> None:
    run.update(
        model=job.backbone and job.backbone.name,
        model_revision=job.backbone and job.backbone.revision,
        trainable_parameters=fitted.trainable_parameters,
        total_parameters=fitted.total_parameters,
        base_memory_bytes=fitted.base_bytes,
        train_seconds=fitted.train_seconds,
        train_examples_per_second=fitted.train_examples_per_second,
    )
    reason = {"max_length_reason": job.max_length_reason} if job.max_length_reason else {}
    _update_environment(run, {**fitted.environment, **reason})


def _update_environment(run: RunWriter, values: Mapping[str, Any]) -> None:
    run.update(environment={**queries.run(run.store, run.id).environment, **values})


def _evaluate_validation(run: RunWriter, dataset_id: int, job: Job, fitted: FitResult) -> float:
    """Adjust the logits; record the validation predictions, the temperature and the best epoch; return the temperature.

    Predictions on the validation split are those of the adjusted classifier.
    """
    classifier, data, split = fitted.classifier, job.data, job.data.validation
    logits = _require_finite(classifier.logits(split.texts))
    if job.config.uses("logit_adjustment") and job.config.logit_adjustment == "auto":
        assert isinstance(classifier, NeuralClassifier), "baselines have no such setting"
        strength, logits = adjust_logits(classifier, logits, split.texts, split.labels, data.train.labels)
        _update_environment(run, {"logit_adjustment": strength})
    temperature = fit_temperature(logits, split.labels)
    evaluation = evaluate(split.labels, probabilities(logits), data.labels)
    truncated = classifier.truncated(split.texts)
    run.save_predictions(data, "validation", dataset_id, probabilities(logits), evaluation, truncated)
    selected = {"temperature": temperature} | ({"best_epoch": fitted.best_epoch} if fitted.best_epoch else {})
    run.save_metrics("validation", {name: Estimate(value) for name, value in selected.items()})
    return temperature


def _evaluate_test(run: RunWriter, dataset_id: int, data: DataSet, classifier: Classifier, temperature: float) -> None:
    """Predict the test split, once, and record the predictions and their metrics."""
    start = time.perf_counter()
    logits = _require_finite(classifier.logits(data.test.texts))
    run.update(evaluation_seconds=time.perf_counter() - start)
    predicted, true = probabilities(logits), data.test.labels
    leaked = leaked_positions(data.checks, len(true))
    evaluation = evaluate(true, predicted, data.labels, temperature=temperature, leaked=leaked)
    truncated = classifier.truncated(data.test.texts)
    run.save_predictions(data, "test", dataset_id, predicted, evaluation, truncated)


def _evaluate_fit(run: RunWriter, data: DataSet, classifier: Classifier) -> None:
    """Record macro F1 on the first training examples, which are stratified."""
    texts, labels = data.train.texts[:FIT_EXAMPLES], data.train.labels[:FIT_EXAMPLES]
    predicted = probabilities(_require_finite(classifier.logits(texts)))
    fit = evaluate(labels, predicted, data.labels, n_resamples=0).metrics["macro_f1"]
    run.save_metrics("train", {TRAINING_MACRO_F1: Estimate(fit.value)})


def _require_finite(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the logits. Raise `RunError` if any is NaN or infinite."""
    finite = np.isfinite(logits).all(axis=1)
    if not finite.all():
        raise RunError(
            f"The model's outputs are NaN or infinite for {int((~finite).sum()):,} of {len(logits):,} examples: the "
            "training diverged. Try a lower --lr, or --dtype float32."
        )
    return logits
