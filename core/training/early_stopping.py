"""Training that lasts as long as validation improves."""

import time
from dataclasses import asdict, dataclass
from typing import Any

from transformers import TrainerCallback

from core.config import RunConfig
from core.training.keep_best import KeepBest

INTERVAL = 25
"""Minimum number of steps between two evaluations; with many steps in an epoch, there are eight evaluations in it."""
DEFAULT_PATIENCE = 3
"""Number of evaluations without improvement after which training ends."""
MIN_IMPROVEMENT = 0.001
"""A smaller rise of the score counts as none: the loss of separable classes falls for as long as training lasts."""
WARMUP_STEPS = 10
"""Maximum number of steps with a rising learning rate."""
MIN_STEPS = 100
"""Number of steps before which training does not end for lack of improvement."""
MAX_STEPS, MAX_EPOCHS = 600, 3
"""Training ends after the longer of the two at the latest."""


@dataclass(frozen=True)
class StoppingRule:
    """When training is evaluated and when it ends, in optimizer steps; ``time_budget``: in seconds, None: no limit."""

    interval: int
    patience: int
    min_steps: int
    max_steps: int
    warmup_steps: int
    time_budget: float | None


def stopping_rule(config: RunConfig, epoch_steps: int) -> StoppingRule:
    """Return the rule of a config for a training set with ``epoch_steps`` steps in an epoch."""
    max_steps = config.max_steps or max(MAX_STEPS, MAX_EPOCHS * epoch_steps)
    min_steps = min(MIN_STEPS, max_steps)
    return StoppingRule(
        interval=min(max(INTERVAL, epoch_steps // 8), max_steps),
        patience=config.patience or DEFAULT_PATIENCE,
        min_steps=min_steps,
        max_steps=max_steps,
        warmup_steps=min(WARMUP_STEPS, round(config.warmup * max_steps)),
        time_budget=config.time_budget,
    )


@dataclass
class _State:
    """What a checkpoint stores."""

    evaluations: int = 0
    best_evaluation: int = 0
    best_score: float | None = None
    reason: str | None = None


class EarlyStopping(TrainerCallback):
    """End the training once validation stops improving, or at a limit. ``reason`` says why training ended."""

    def __init__(self, rule: StoppingRule, best: KeepBest) -> None:
        self.rule, self.best, self.state = rule, best, _State()
        self._start = time.monotonic()
        self.seconds_before = 0.0

    @property
    def reason(self) -> str | None:
        """Why training ended, a key of `TRAINING_ENDS`; None before."""
        return self.state.reason

    def checkpoint(self) -> dict[str, Any]:
        """Return the state as JSON values."""
        return asdict(self.state)

    def resume(self, values: dict[str, Any], seconds: float) -> None:
        """Restore what `checkpoint` returned, and the seconds that the training has taken until then."""
        self.state, self.seconds_before = _State(**values), seconds

    def learning_rate_factor(self, step: int) -> float:
        """Return the factor of the learning rate at a step: rising, then constant."""
        return min(1.0, (step + 1) / (self.rule.warmup_steps + 1))

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Request an evaluation if one is due, and end the training at a limit."""
        if state.global_step >= self.rule.max_steps:
            self.state.reason = "max_steps"
        elif self._is_out_of_time():
            self.state.reason = "time_budget"
        control.should_training_stop = self.reason is not None
        control.should_evaluate = self.reason is not None or state.global_step % self.rule.interval == 0

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """End the training if the last evaluations brought no improvement."""
        self.state.evaluations += 1
        if self.state.best_score is None or self.best.score > self.state.best_score + MIN_IMPROVEMENT:
            self.state.best_evaluation, self.state.best_score = self.state.evaluations, self.best.score
        is_stalled = self.state.evaluations - self.state.best_evaluation >= self.rule.patience
        if self.reason is None and is_stalled and state.global_step >= self.rule.min_steps:
            self.state.reason = "no_improvement"
            control.should_training_stop = True

    def _is_out_of_time(self) -> bool:
        seconds = self.seconds_before + time.monotonic() - self._start
        return self.rule.time_budget is not None and seconds >= self.rule.time_budget
