"""Plan jobs before they run: which are recorded already, and what the others cost."""

import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.data.splits import DataSet, Split
from core.models.build import planned_steps, steps_per_epoch
from core.runs.job import Job
from core.runs.pipeline import FIT_EXAMPLES
from core.runs.progress import Progress
from core.runs.reuse import find_recorded_run
from core.store.engine import Store
from core.store.records import Run
from core.system.environment import PeakMemory
from core.training.early_stopping import stopping_rule
from core.training.fine_tuning import fine_tune
from core.training.oom import translate_oom

TIMED_STEPS = 6
"""Number of training steps to time; the first one, which includes one-time costs, does not count."""
TIMED_EXAMPLES = 64
"""Maximum number of validation examples to time."""
_COST_NEUTRAL = frozenset(
    {"seed", "lr", "head_lr", "lora_plus", "alpha", "dropout", "warmup", "weight_decay", "class_weights", "sampler"}
    | {"epochs", "patience", "max_steps", "time_budget", "head_init", "logit_adjustment", "auto_batch"}
)
"""Settings that change neither the time of a step nor the memory."""


@dataclass(frozen=True)
class PlannedRun:
    """A job and, if it is recorded already, its run."""

    job: Job
    recorded: Run | None


@dataclass(frozen=True)
class CostEstimate:
    """What a run needs. ``steps`` and ``seconds``: the least and the most, which differ with ``epochs="auto"``."""

    trainable_parameters: int
    total_parameters: int
    memory_bytes: int
    steps: tuple[int, int]
    seconds: tuple[float, float]


@dataclass(frozen=True)
class _Timing:
    """A short training of a job: parameters, memory, and seconds to load the model, for a step and for a prediction."""

    trainable_parameters: int
    total_parameters: int
    memory_bytes: int
    load: float
    step: float
    prediction: float


def plan_jobs(jobs: Sequence[Job], store: Store | None, *, again: bool = False) -> list[PlannedRun]:
    """Return each job with its recorded run; ``store``: None if there is no database yet.

    ``again``: recorded runs are run again.
    """
    return [PlannedRun(job, None if store is None or again else find_recorded_run(store, job)) for job in jobs]


def estimate_costs(jobs: Sequence[Job]) -> list[CostEstimate]:
    """Train each job for a few steps on its own data, and return what the whole run needs; nothing is written.

    Jobs that differ only in settings without influence on the cost are timed once. Baselines cannot be estimated.
    Raises `OutOfMemory` for a job that does not fit into memory.
    """
    timings: dict[Hashable, _Timing] = {}
    estimates = []
    for job in jobs:
        key = _cost_key(job)
        if key not in timings:
            timings[key] = _time_training(job)
        estimates.append(_extrapolate(job, timings[key]))
    return estimates


def _cost_key(job: Job) -> Hashable:
    settings = {name: value for name, value in job.config.settings().items() if name not in _COST_NEUTRAL}
    return str(settings), job.data.fingerprint


class _Stopwatch(Progress):
    """Notes when training begins, when each step ends, and when the evaluation is done."""

    def __init__(self) -> None:
        self.begin = self.evaluated = 0.0
        self.steps: list[float] = []

    def on_train_begin(self, step: int) -> None:
        self.begin = time.perf_counter()

    def on_step_end(self, step: int, total: int, epoch: float) -> None:
        self.steps.append(time.perf_counter())

    def on_log(self, step: int, epoch: float, values: Mapping[str, float]) -> None:
        if "validation_macro_f1" in values:
            self.evaluated = time.perf_counter()


def _time_training(job: Job) -> _Timing:
    """Train a job for one epoch on a few batches of its training examples."""
    short: dict[str, Any] = {"epochs": 1, "head_init": "random", "class_weights": "none", "sampler": "natural"}
    limits = dict.fromkeys(("patience", "max_steps", "time_budget"))
    data = _shorten(job.data, TIMED_STEPS * job.config.batch_size)
    timed = replace(job, config=job.config.model_copy(update=short | limits), data=data)
    stopwatch, start = _Stopwatch(), time.perf_counter()
    with translate_oom(job.config), PeakMemory() as memory:
        fitted = fine_tune(timed, stopwatch)
        memory_bytes = memory.bytes
    ends = stopwatch.steps if len(stopwatch.steps) > 1 else [stopwatch.begin, *stopwatch.steps]
    return _Timing(
        fitted.trainable_parameters,
        fitted.total_parameters,
        memory_bytes,
        load=stopwatch.begin - start,
        step=(ends[-1] - ends[0]) / (len(ends) - 1),
        prediction=(stopwatch.evaluated - ends[-1]) / len(data.validation),
    )


def _shorten(data: DataSet, train_size: int) -> DataSet:
    sizes = {"train": train_size, "validation": TIMED_EXAMPLES, "test": TIMED_EXAMPLES}
    splits = {name: _first(split, sizes[name]) for name, split in data.splits.items()}
    return replace(data, splits=splits)


def _first(split: Split, size: int) -> Split:
    return Split(split.texts[:size], split.labels[:size], split.extra[:size])


def _extrapolate(job: Job, timing: _Timing) -> CostEstimate:
    """Return the cost of a whole run: loading twice, training with evaluations, and the final predictions."""
    config, data = job.config, job.data
    steps, interval = _count_steps(job)
    probed = len(data.train) if config.head_init == "probe" else 0
    predicted = probed + len(data.validation) + len(data.test) + min(FIT_EXAMPLES, len(data.train))
    fixed = 2 * timing.load + predicted * timing.prediction
    evaluation = len(data.validation) * timing.prediction
    fewest, most = (
        fixed + min(count * timing.step + count / interval * evaluation, config.time_budget or float("inf"))
        for count in steps
    )
    return CostEstimate(
        timing.trainable_parameters, timing.total_parameters, timing.memory_bytes, steps, (fewest, most)
    )


def _count_steps(job: Job) -> tuple[tuple[int, int], int]:
    """Return the fewest and the most training steps, and the number of steps between two evaluations."""
    config, examples = job.config, len(job.data.train)
    epoch_steps = steps_per_epoch(config, examples)
    steps = planned_steps(config, examples)
    if steps is not None:
        return (steps, steps), epoch_steps
    rule = stopping_rule(config, epoch_steps)
    return (rule.min_steps, rule.max_steps), rule.interval
