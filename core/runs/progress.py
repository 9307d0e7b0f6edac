"""Progress callbacks of runs."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command line imports this module before the model libraries
    from core.config import RunConfig
    from core.store.records import Run
    from core.store.run_writer import RunWriter
    from core.system.environment import PeakMemory

STEP_INTERVAL = 2.0
"""Minimum number of seconds between two updates of the training step in the run's row."""


class Progress:
    """Callbacks that a run calls as it proceeds; each does nothing by default. Subclass it to display progress."""

    def on_run_begin(self, name: str, config: "RunConfig", position: int, total: int) -> None:
        """A run begins; ``position`` is from 1 to ``total``."""

    def on_phase(self, phase: str) -> None:
        """The run enters a phase: data, model, training, evaluation or saving."""

    def on_train_begin(self, step: int) -> None:
        """Training begins after this step: 0, or the step of the checkpoint that it resumes from."""

    def on_step_end(self, step: int, total: int, epoch: float) -> None:
        """A training step has ended."""

    def should_stop(self) -> bool:
        """Return whether training should stop at the next checkpoint."""
        return False

    def on_log(self, step: int, epoch: float, values: Mapping[str, float]) -> None:
        """Training or validation values were logged, by name."""

    def on_message(self, text: str) -> None:
        """There is a message for the user."""

    def on_run_end(self, run: "Run", reused: bool) -> None:
        """A run has ended, with any status, or a recorded run was ``reused``."""


class ForwardingProgress(Progress):
    """Forwards the callbacks within a run to ``inner``; the base class of callbacks that add to others."""

    def __init__(self, inner: Progress) -> None:
        self.inner = inner

    def on_phase(self, phase: str) -> None:
        """Forward the phase."""
        self.inner.on_phase(phase)

    def on_train_begin(self, step: int) -> None:
        """Forward the begin of training."""
        self.inner.on_train_begin(step)

    def on_step_end(self, step: int, total: int, epoch: float) -> None:
        """Forward the step."""
        self.inner.on_step_end(step, total, epoch)

    def should_stop(self) -> bool:
        """Return whether the inner callbacks request a stop."""
        return self.inner.should_stop()

    def on_log(self, step: int, epoch: float, values: Mapping[str, float]) -> None:
        """Forward the values."""
        self.inner.on_log(step, epoch, values)

    def on_message(self, text: str) -> None:
        """Forward the message."""
        self.inner.on_message(text)


class RecordingProgress(ForwardingProgress):
    """Writes phases, steps and learning curves to the run's record, and forwards every call to ``inner``."""

    def __init__(self, run: "RunWriter", batch_size: int, memory: "PeakMemory", inner: Progress) -> None:
        super().__init__(inner)
        self.run, self.batch_size, self.memory = run, batch_size, memory
        self.phase_start = self.last_update = time.monotonic()
        self.first_step = 0

    def on_phase(self, phase: str) -> None:
        """Record the phase."""
        self.run.enter_phase(phase, peak_memory_bytes=self.memory.bytes)
        self.run.log_line(f"Phase: {phase}")
        self.phase_start = self.last_update = time.monotonic()
        super().on_phase(phase)

    def on_train_begin(self, step: int) -> None:
        """Delete the history that was logged after this step before the run was interrupted."""
        self.first_step = step
        self.run.delete_history_after(step)
        if step:
            self.on_message(f"Resuming after step {step}.")
        super().on_train_begin(step)

    def on_step_end(self, step: int, total: int, epoch: float) -> None:
        """Record the step, the elapsed time and the speed, at most every `STEP_INTERVAL` seconds."""
        now = time.monotonic()
        if now - self.last_update >= STEP_INTERVAL or step == total:
            self.last_update, seconds = now, now - self.phase_start
            speed = (step - self.first_step) * self.batch_size / seconds
            self.run.update_progress(step, total, seconds, speed, peak_memory_bytes=self.memory.bytes)
        super().on_step_end(step, total, epoch)

    def on_log(self, step: int, epoch: float, values: Mapping[str, float]) -> None:
        """Record the values; add those of the validation split to the run's log."""
        self.run.log_history(step, epoch, values)
        if any(name.startswith("validation_") for name in values):
            self.run.log_line(
                f"Epoch {epoch:.4g}: {', '.join(f'{name} {value:.4g}' for name, value in values.items())}"
            )
        super().on_log(step, epoch, values)

    def on_message(self, text: str) -> None:
        """Add the message to the run's log."""
        self.run.log_line(text)
        super().on_message(text)
