"""From configs to records: the one place that knows the order of things."""

import itertools
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.card import model_card
from core.config import RunConfig, section
from core.data import load_data
from core.data.splits import DataSet
from core.environment import PeakMemory, describe, packages
from core.errors import RequestError, RunError
from core.evaluation.calibration import calibration_metrics, fit_temperature
from core.evaluation.comparison import compare
from core.evaluation.intervals import Estimate
from core.evaluation.metrics import evaluate
from core.inference import load_classifier
from core.methods import BASELINES, METHODS, rate_for_width
from core.models.backbone import find_backbone, length_for, load_tokenizer
from core.models.baselines import fit_frozen, fit_majority, fit_tfidf, fit_untrained
from core.models.classifier import Classifier, Fitted, probabilities
from core.models.trial import try_out
from core.models.tuned import tokenizer_for
from core.progress import Progress
from core.store import queries
from core.store.engine import Store
from core.store.recorder import RunWriter, recording, save_dataset
from core.store.records import Run
from core.sweeps.grid import distinct
from core.training import fine_tune

FITTERS = {"majority": fit_majority, "tfidf": fit_tfidf, "frozen": fit_frozen, "untrained": fit_untrained}
SECONDS_BETWEEN_STEPS = 2.0
"""How often a training tells the record how far it is."""
PROOF_EXAMPLES = 32
PROOF_TOLERANCE = 1e-4
"""Largest difference between a logit before saving and after loading that passes."""


def with_baselines(configs: Sequence[RunConfig]) -> list[RunConfig]:
    """Put in front of the configs the baselines that they are to be measured against, each once."""
    baselines = [
        config.model_copy(update={"method": method})
        for method in BASELINES
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
    configs = [config.as_used() for config in configs]
    for config in configs:
        try_out(config)
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


def bench(
    jobs: Sequence[Job],
    store: Store,
    progress: Progress,
    *,
    name: str | None = None,
    rerun_baselines: bool = False,
) -> list[Run]:
    """Run the jobs one after another and return their records, in the same order.

    A baseline that is recorded already for the same settings, data and versions is used again.
    A run that fails is recorded as failed, and the next one begins.
    """
    records = []
    for position, job in enumerate(jobs, start=1):
        known = None if rerun_baselines else _recorded_baseline(store, job)
        if known is None:
            progress.started(_name(job.config, name), job.config, position, len(jobs))
        record = known or execute(job, store, progress, name)
        progress.ended(record, reused=known is not None)
        records.append(record)
    return records


def execute(job: Job, store: Store, progress: Progress, name: str | None = None) -> Run:
    """Run one job from its data to its record; the row exists before the model loads.

    A run that fails comes back as a failed record.
    """
    config, data = job.config, job.data
    with recording(store, config, _name(config, name), describe()) as run, PeakMemory() as memory:
        progress = _Recorded(run, config.batch_size, progress)
        progress.entered("data")
        dataset_id = save_dataset(store, data)
        run.update(dataset_id=dataset_id, group_key=config.group_key(data.fingerprint))
        fitted = _fit(config, data, progress)
        _record_fit(run, fitted)

        progress.entered("evaluation")
        temperature = _evaluate_validation(run, dataset_id, data, fitted)
        _evaluate_test(run, dataset_id, data, fitted, temperature)
        if config.kind != "baseline":
            measure_against_baseline(run, dataset_id, data.labels, config.seed)

        progress.entered("saving")
        card = model_card(store, run.id)
        _save_and_prove(run, config, data, fitted.classifier, card)
        run.update(peak_memory_bytes=memory.bytes)
    return queries.run(store, run.id)


class _Recorded(Progress):
    """Writes phases and learning curves to the run's record, and passes all on."""

    def __init__(self, run: RunWriter, batch_size: int, inner: Progress) -> None:
        self.run, self.batch_size, self.inner = run, batch_size, inner
        self.began = self.written = time.monotonic()

    def entered(self, phase: str) -> None:
        self.run.enter(phase)
        self.run.say(f"Phase: {phase}")
        self.began = self.written = time.monotonic()
        self.inner.entered(phase)

    def stepped(self, step: int, total: int, epoch: float) -> None:
        now = time.monotonic()
        if now - self.written >= SECONDS_BETWEEN_STEPS or step == total:
            self.written, seconds = now, now - self.began
            self.run.step(step, total, seconds, step * self.batch_size / seconds)
        self.inner.stepped(step, total, epoch)

    def logged(self, step: int, epoch: float, values: Mapping[str, float]) -> None:
        self.run.log(step, epoch, values)
        if any(name.startswith("validation_") for name in values):
            self.run.say(f"Epoch {epoch:g}: {', '.join(f'{name} {value:.4g}' for name, value in values.items())}")
        self.inner.logged(step, epoch, values)

    def noted(self, text: str) -> None:
        self.run.say(text)
        self.inner.noted(text)


def _name(config: RunConfig, asked: str | None) -> str:
    return (asked if config.kind != "baseline" else None) or config.default_name()


def _recorded_baseline(store: Store, job: Job) -> Run | None:
    if job.config.kind != "baseline":
        return None
    return queries.same_run(store, job.config.settings(), job.data.fingerprint, packages())


def _fit(config: RunConfig, data: DataSet, progress: Progress) -> Fitted:
    if config.kind == "baseline":
        progress.entered("training")
        return FITTERS[config.method](config, data)
    return fine_tune(config, data, progress)


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


def measure_against_baseline(run: RunWriter, dataset_id: int, labels: Sequence[str], seed: int) -> None:
    """Link a run to the best baseline of its data set, and record the difference in macro F1."""
    baseline = queries.best_baseline(run.store, dataset_id, seed)
    if baseline is None:
        return
    true, ours = queries.outcomes(run.store, run.id, labels)
    _, theirs = queries.outcomes(run.store, baseline, labels)
    run.update(baseline_id=baseline)
    result = compare(true, ours, theirs, len(labels))
    run.save_metrics("test", {queries.OVER_BASELINE: result.macro_f1, queries.OVER_BASELINE_P: Estimate(result.p)})


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
    evaluation = evaluate(true, predicted, data.labels)
    truncated = fitted.classifier.truncated(data.test.texts)
    run.save_predictions(data, "test", dataset_id, predicted, evaluation, truncated)
    run.save_metrics("test", calibration_metrics(true, predicted, temperature))
    leaked = [leak["test"] for leak in data.checks["leaks"]]
    if 0 < len(leaked) < len(true):
        clean = np.setdiff1d(np.arange(len(true)), leaked)
        without = evaluate(true[clean], predicted[clean], data.labels).metrics
        run.save_metrics("test", {f"{name}_without_leaks": without[name] for name in ("accuracy", "macro_f1")})


def _checked(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    if not np.isfinite(logits).all():
        rows = int((~np.isfinite(logits)).any(axis=1).sum())
        raise RunError(
            f"The model's outputs are not numbers for {rows:,} of {len(logits):,} test examples: "
            "the training diverged. Try a lower --lr, or --dtype float32."
        )
    return logits


def _save_and_prove(run: RunWriter, config: RunConfig, data: DataSet, classifier: Classifier, card: str) -> None:
    """Save what was learnt, load it again on a fresh base, and compare the logits of some test examples.

    It is written aside and renamed only when it has proved itself: no half adapter is ever recorded.
    """
    adapters = run.store.folder / "adapters"
    adapters.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=adapters, prefix=".saving-") as aside:
        written = Path(aside) / "adapter"
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
        weights = b"".join(path.read_bytes() for path in sorted(written.glob("*.safetensors")))
        target = _free_folder(adapters, run.id, config.default_name())
        os.replace(written, target)
    run.update(
        adapter_path=target.relative_to(run.store.folder).as_posix(),
        adapter_bytes=len(weights),
        adapter_sha256=sha256(weights).hexdigest(),
    )


def _free_folder(adapters: Path, run_id: int, name: str) -> Path:
    """Return ``adapters/12-lora-r8``; with a counter where another database's run has that name."""
    stem = f"{run_id}-{name}"
    candidates = (adapters / (stem if count == 1 else f"{stem}-{count}") for count in itertools.count(1))
    return next(path for path in candidates if not path.exists())


def _check_writable(folder: Path) -> None:
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise RequestError(
            f"The folder {folder} can't be written to ({error.strerror}). "
            "Name a database in another folder with --db: its adapters will lie beside it."
        ) from None
