"""From configs to records: the one place that knows the order of things."""

import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError

from core.catalog.baselines import BASELINES
from core.catalog.methods import METHODS, rate_for_width
from core.config import RunConfig, as_flags, make_config, section
from core.data import load_data
from core.data.splits import DataSet
from core.errors import RequestError, RunError
from core.evaluation.calibration import fit_temperature
from core.evaluation.intervals import Estimate
from core.evaluation.metrics import evaluate
from core.evaluation.predictions import leaked_positions
from core.models.backbone import find_backbone, length_for, load_tokenizer
from core.models.baselines import fit_frozen, fit_majority, fit_tfidf, fit_untrained
from core.models.classifier import Classifier, Fitted, probabilities
from core.models.dry_run import dry_run_adapter
from core.models.fine_tuned import tokenizer_for
from core.report.model_card import render_model_card
from core.runs.progress import Progress
from core.runs.recovery import measure_against_baseline, recover
from core.search.grid import distinct
from core.serving.inference import load_classifier
from core.store import queries
from core.store.engine import Store
from core.store.recorder import recording
from core.store.records import Run, require_resumable, unused_adapter_folder
from core.store.run_writer import RunWriter
from core.system.environment import PeakMemory, describe_environment, package_versions
from core.system.files import CHECKSUM_PATTERNS, WEIGHT_PATTERN, compute_checksum, publish_atomically
from core.training import fine_tune
from core.training.checkpoints import Checkpoints
from core.training.oom import translate_oom
from core.training.reproducibility import base_fingerprint

FITTERS = {"majority": fit_majority, "tfidf": fit_tfidf, "frozen": fit_frozen, "untrained": fit_untrained}
SECONDS_BETWEEN_CHECKPOINTS = 60.0
SECONDS_BETWEEN_STEPS = 2.0
"""How often a training tells the record how far it is."""
PROOF_EXAMPLES = 32
PROOF_TOLERANCE = 1e-4
"""Largest difference between a logit before saving and after loading that passes."""


def with_baselines(configs: Sequence[RunConfig]) -> list[RunConfig]:
    """Put in front of the configs the baselines that they are to be measured against, each once."""
    baselines = [
        config.model_copy(update={"method": baseline.name})
        for baseline in BASELINES
        for config in configs
        if config.kind != "baseline"
    ]
    return distinct([*baselines, *configs])


@dataclass(frozen=True)
class Job:
    """A config with nothing left open, and its data set, loaded and split."""

    config: RunConfig
    data: DataSet


def prepare(configs: Sequence[RunConfig], store_folder: Path) -> list[Job]:
    """Settle all that can be settled before anything is written: where to write, models and data.

    Raises `RequestError` for the first thing wrong.
    """
    _check_writable(store_folder)
    configs = [config.relevant_settings() for config in configs]
    for config in configs:
        dry_run_adapter(config)
    settled = [_settled(config) for config in configs]
    data = {_data_settings(config): config for config in settled}
    loaded = {settings: load_data(config) for settings, config in data.items()}
    return [_fitted_to(Job(config, loaded[_data_settings(config)])) for config in settled]


def _settled(config: RunConfig) -> RunConfig:
    """Return the config with the learning rate that suits its model; a model that can't be read is refused."""
    if "model" not in METHODS[config.method].sections:
        return config
    backbone = find_backbone(config)
    tokenizer_for(config, backbone)  # for its refusals alone
    return config.model_copy(update={"lr": config.lr or rate_for_width(config.method, backbone.width)})


def _fitted_to(job: Job) -> Job:
    """Return the job with the length of text that its training texts ask for, where that was left open."""
    config = job.config
    if config.max_length != "auto" or "model" not in METHODS[config.method].sections:
        return job
    length = length_for(load_tokenizer(find_backbone(config), "auto"), job.data.train.texts)
    return replace(job, config=config.model_copy(update={"max_length": length}))


def _data_settings(config: RunConfig) -> str:
    return str([value for name, value in config.settings().items() if section(name) == "data"])


def run_jobs(
    jobs: Sequence[Job],
    store: Store,
    progress: Progress,
    *,
    name: str | None = None,
    rerun_baselines: bool = False,
    seconds: float = SECONDS_BETWEEN_CHECKPOINTS,
) -> list[Run]:
    """Run the jobs one after another and return their records, in the same order.

    A baseline that is recorded already for the same settings, data and versions is used again.
    A run that fails is recorded as failed, and the next one begins. ``seconds``: at least so long
    lies between two checkpoints of a training; 0 writes one after every step.
    """
    records = []
    for position, job in enumerate(jobs, start=1):
        known = None if rerun_baselines else _recorded_baseline(store, job)
        if known is None:
            progress.started(_name(job.config, name), job.config, position, len(jobs))
        record = known or run_job(job, store, progress, name, seconds=seconds)
        progress.ended(record, reused=known is not None)
        records.append(record)
    return records


def prepare_resume(store: Store, run_id: int, *, auto_batch: bool = False, trust_remote_code: bool = False) -> Job:
    """Settle all that it takes to take up a run that ended early: as it was asked for, on the same data and model.

    Raises `RequestError` where it is at work or complete, and where its data or its model have changed since.
    """
    run = queries.run(store, run_id)
    require_resumable(run_id, run)
    config = make_config({**run.config, "trust_remote_code": trust_remote_code})
    config = config.model_copy(update={"auto_batch": config.auto_batch or auto_batch})
    (job,) = prepare([config], store.folder)
    changed = _changed_since(store, run, job)
    if changed:
        raise RequestError(
            f"Run {run_id} can't go on: {changed} changed since it began. "
            f"Run it anew: {store.format_command(shlex.join(as_flags(run.config)))}"
        )
    return job


def _changed_since(store: Store, run: Run, job: Job) -> str | None:
    """Return what is not as it was when a run began; the model, where a checkpoint is there to go on from."""
    if run.dataset_id is not None and queries.dataset(store, run.dataset_id).fingerprint != job.data.fingerprint:
        return f"the data of {job.config.dataset} have"
    start = Checkpoints(run.work_folder(store.folder), 0).newest()
    if start is not None and start.values.get("base") not in (None, base_fingerprint(find_backbone(job.config))):
        return f"the model {job.config.model} has"
    return None


def run_job(
    job: Job,
    store: Store,
    progress: Progress,
    name: str | None = None,
    *,
    again: int | None = None,
    seconds: float = SECONDS_BETWEEN_CHECKPOINTS,
) -> Run:
    """Run one job from its data to its record; the row exists before the model loads.

    A run that fails comes back as a failed record. ``again``: the number of a run that ended early
    and goes on; ``seconds``: see `run_jobs`.
    """
    config, data = job.config, job.data
    with (
        recording(store, config, _name(config, name), describe_environment(), again) as run,
        _told_of_a_stop(run, progress),
        translate_oom(config),
        PeakMemory() as memory,
    ):
        progress = _Recorded(run, config.batch_size, memory, progress)
        progress.entered("data")
        dataset_id = run.save_dataset(data, config.group_key(data.fingerprint))
        fitted = _fit(run, config, data, progress, seconds)
        _record_fit(run, fitted)

        progress.entered("evaluation")
        temperature = _evaluate_validation(run, dataset_id, data, fitted)
        _evaluate_test(run, dataset_id, data, fitted, temperature)
        if config.kind != "baseline":
            measure_against_baseline(run, dataset_id, data.labels, config.seed)

        progress.entered("saving")
        card = render_model_card(run.store, run.id)
        _save_and_verify(run, config, data, fitted.classifier, card)
        run.update(peak_memory_bytes=memory.bytes)
    return _at_home(run, progress)


@contextmanager
def _told_of_a_stop(run: RunWriter, progress: Progress) -> Iterator[None]:
    """Tell a person who stops a run what it is called, and how it goes on."""
    try:
        yield
    except KeyboardInterrupt:
        progress.noted(
            f"Run {run.id} is cancelled. Go on with it: {run.requested_store.format_command(f'resume {run.id}')}"
        )
        raise


def _at_home(run: RunWriter, progress: Progress) -> Run:
    """Return the run's record; one that went aside is taken into its database first, where that is possible by now."""
    record = queries.run(run.store, run.id)
    if run.store is run.requested_store:
        return record
    run.store.engine.dispose()
    try:
        taken = recover(run.requested_store, run.store.folder)
    except RequestError as error:
        way = run.requested_store.format_command("db recover")
        progress.noted(f"{error} The record is kept in {run.store.folder}. Take it in: {way}")
        return record
    return queries.run(run.requested_store, taken)


class _Recorded(Progress):
    """Writes phases and learning curves to the run's record, and passes all on."""

    def __init__(self, run: RunWriter, batch_size: int, memory: PeakMemory, inner: Progress) -> None:
        self.run, self.batch_size, self.memory, self.inner = run, batch_size, memory, inner
        self.began = self.written = time.monotonic()
        self.after = 0

    def entered(self, phase: str) -> None:
        self.run.enter_phase(phase, peak_memory_bytes=self.memory.bytes)
        self.run.log_line(f"Phase: {phase}")
        self.began = self.written = time.monotonic()
        self.inner.entered(phase)

    def stepped(self, step: int, total: int, epoch: float) -> None:
        now = time.monotonic()
        if now - self.written >= SECONDS_BETWEEN_STEPS or step == total:
            self.written, seconds = now, now - self.began
            speed = (step - self.after) * self.batch_size / seconds
            self.run.update_progress(step, total, seconds, speed, peak_memory_bytes=self.memory.bytes)
        self.inner.stepped(step, total, epoch)

    def begins(self, after: int) -> None:
        self.after = after
        self.run.delete_history_after(after)
        if after:
            self.noted(f"Going on after step {after}.")
        self.inner.begins(after)

    def stopping(self) -> bool:
        return self.inner.stopping()

    def logged(self, step: int, epoch: float, values: Mapping[str, float]) -> None:
        self.run.log_history(step, epoch, values)
        if any(name.startswith("validation_") for name in values):
            self.run.log_line(f"Epoch {epoch:g}: {', '.join(f'{name} {value:.4g}' for name, value in values.items())}")
        self.inner.logged(step, epoch, values)

    def noted(self, text: str) -> None:
        self.run.log_line(text)
        self.inner.noted(text)


def _name(config: RunConfig, asked: str | None) -> str:
    return (asked if config.kind != "baseline" else None) or config.default_name()


def _recorded_baseline(store: Store, job: Job) -> Run | None:
    if job.config.kind != "baseline":
        return None
    return queries.find_identical_run(store, job.config.settings(), job.data.fingerprint, package_versions())


def _fit(run: RunWriter, config: RunConfig, data: DataSet, progress: Progress, seconds: float) -> Fitted:
    if config.kind == "baseline":
        progress.entered("training")
        return FITTERS[config.method](config, data)
    return fine_tune(config, data, progress, _checkpoints(run, progress, seconds))


def _checkpoints(run: RunWriter, progress: Progress, seconds: float) -> Checkpoints:
    """Return where the training's checkpoints go; nowhere, where there is no folder to be had."""
    try:
        return Checkpoints(run.create_work_folder(), seconds)
    except OSError as error:
        progress.noted(
            f"No checkpoints are written, as they have no place ({error}): a run that is stopped begins anew."
        )
        return Checkpoints(None, seconds)


def _record_fit(run: RunWriter, fitted: Fitted) -> None:
    run.update(
        model=fitted.model,
        model_revision=fitted.model_revision,
        trainable_parameters=fitted.trainable_parameters,
        total_parameters=fitted.total_parameters,
        base_memory_bytes=fitted.base_bytes,
        train_seconds=fitted.train_seconds,
        train_examples_per_second=fitted.train_examples_per_second,
        environment=queries.run(run.store, run.id).environment | fitted.environment,
    )


def _evaluate_validation(run: RunWriter, dataset_id: int, data: DataSet, fitted: Fitted) -> float:
    """Record the validation predictions and what was chosen on them; return the fitted temperature."""
    logits = _checked(fitted.classifier.logits(data.validation.texts))
    temperature = fit_temperature(logits, data.validation.labels)
    evaluation = evaluate(data.validation.labels, probabilities(logits), data.labels)
    truncated = fitted.classifier.truncated(data.validation.texts)
    run.save_predictions(data, "validation", dataset_id, probabilities(logits), evaluation, truncated)
    chosen = {"temperature": temperature} | ({"best_epoch": fitted.best_epoch} if fitted.best_epoch else {})
    run.save_metrics("validation", {name: Estimate(value) for name, value in chosen.items()})
    return temperature


def _evaluate_test(run: RunWriter, dataset_id: int, data: DataSet, fitted: Fitted, temperature: float) -> None:
    """Read the test split, once, and record the predictions with all that they say."""
    start = time.perf_counter()
    logits = _checked(fitted.classifier.logits(data.test.texts))
    run.update(evaluation_seconds=time.perf_counter() - start)
    predicted, true = probabilities(logits), data.test.labels
    evaluation = evaluate(
        true, predicted, data.labels, temperature=temperature, leaked=leaked_positions(data.checks, len(true))
    )
    truncated = fitted.classifier.truncated(data.test.texts)
    run.save_predictions(data, "test", dataset_id, predicted, evaluation, truncated)


def _checked(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    if not np.isfinite(logits).all():
        rows = int((~np.isfinite(logits)).any(axis=1).sum())
        raise RunError(
            f"The model's outputs are not numbers for {rows:,} of {len(logits):,} examples: "
            "the training diverged. Try a lower --lr, or --dtype float32."
        )
    return logits


def _save_and_verify(run: RunWriter, config: RunConfig, data: DataSet, classifier: Classifier, card: str) -> None:
    """Save what was learnt, load it again on a fresh base, and compare the logits of some test examples.

    It is written aside and renamed only when it has proved itself: no half adapter is ever recorded.
    Where the database's folder takes no files, it goes on with the whole record in another place.
    """
    try:
        _save(run, config, data, classifier, card)
    except (OSError, SafetensorError) as error:
        run.switch_to_fallback(f"The files of run {run.id} can't be written to {run.store.folder}: {error}.")
        _save(run, config, data, classifier, card)


def _save(run: RunWriter, config: RunConfig, data: DataSet, classifier: Classifier, card: str) -> None:
    written = run.create_work_folder() / "adapter"
    shutil.rmtree(written, ignore_errors=True)
    written.mkdir()
    classifier.save(written)
    (written / "README.md").write_text(card, encoding="utf-8")
    texts = data.test.texts[:PROOF_EXAMPLES]
    reloaded = load_classifier(config, data.labels, written).logits(texts)
    difference = float(np.abs(reloaded - classifier.logits(texts)).max())
    run.update(reload_max_difference=difference)
    if not difference <= PROOF_TOLERANCE:
        raise RunError(
            f"The saved adapter does not give the same answers when it is loaded again: its logits differ by "
            f"{difference:.2g}, at most {PROOF_TOLERANCE:g} was expected. It was not kept."
        )
    target = unused_adapter_folder(run.store.folder, run.id, config.default_name())
    # The row names it before it is there: a folder that no row names would belong to nobody.
    run.update(
        adapter_path=target.relative_to(run.store.folder).as_posix(),
        adapter_bytes=sum(path.stat().st_size for path in written.glob(WEIGHT_PATTERN)),
        adapter_sha256=compute_checksum(written, *CHECKSUM_PATTERNS),
    )
    publish_atomically(written, target)


def _check_writable(folder: Path) -> None:
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise RequestError(
            f"The folder {folder} can't be written to ({error.strerror}). "
            "Name a database in another folder with --db: its adapters will lie beside it."
        ) from None
