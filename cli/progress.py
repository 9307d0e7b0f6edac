"""Progress on standard error: a progress bar in a terminal, lines in a log file."""

import sys
from contextlib import suppress
from io import TextIOBase
from types import TracebackType
from typing import IO, Self, cast

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar
from rich.text import Text

from cli.signals import StopSignals
from core.catalog.methods import METHODS
from core.config import RunConfig
from core.report.run_status import describe_state
from core.runs.progress import Progress
from core.store.records import Run
from core.text.formatting import format_duration
from core.text.sanitize import escape_invisible

_LINES_PER_TRAINING = 4
"""Number of progress lines per training in a log file."""


class _StandardError(TextIOBase):
    """Standard error that ignores write errors: a closed terminal or a full disk must not stop a run."""

    def __init__(self) -> None:
        self._stream = sys.stderr

    @property
    def encoding(self) -> str:  # type: ignore[override]  # TextIOBase declares an attribute of type str | None
        return self._stream.encoding

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


class ConsoleProgress(Progress):
    """Show the progress of runs and stop them on Ctrl-C; use it as a context manager."""

    def __init__(self) -> None:
        self.signals = StopSignals()
        file = cast(IO[str], _StandardError())
        self.console = Console(file=file)
        if not self.console.is_terminal:
            self.console = Console(file=file, width=160)
        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        self.bar = ProgressBar(TextColumn("  {task.description}"), *columns, console=self.console, transient=True)
        self.task = self.bar.add_task("", visible=False)

    def __enter__(self) -> Self:
        self.signals.__enter__()
        if self.console.is_terminal:
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()
        self.signals.__exit__(kind, error, trace)

    def on_run_begin(self, name: str, config: RunConfig, position: int, total: int) -> None:
        """Print the run's name and its method."""
        self._print(f"[{position}/{total}] {name}: {METHODS[config.method].title}")

    def on_phase(self, phase: str) -> None:
        """Show the phase; raise `KeyboardInterrupt` if a stop was requested during the previous phase."""
        self.signals.can_stop_after_step = False
        if self.signals.requested:
            raise KeyboardInterrupt
        self.bar.update(self.task, description=phase, visible=True, completed=0, total=None)

    def on_train_begin(self, step: int) -> None:
        """Let stop requests from now on wait for the end of the training step."""
        self.signals.can_stop_after_step = True

    def should_stop(self) -> bool:
        """Return whether Ctrl-C or a termination signal requested a stop."""
        return self.signals.requested

    def on_step_end(self, step: int, total: int, epoch: float) -> None:
        """Advance the bar; in a log file, print a line a few times per training."""
        self.bar.update(self.task, completed=step, total=total)
        if not self.console.is_terminal and step % max(1, total // _LINES_PER_TRAINING) == 0:
            self._print(f"  step {step} of {total}, epoch {epoch:.1f}")

    def on_message(self, text: str) -> None:
        """Print a line."""
        self._print(f"  {text}")

    def on_run_end(self, run: Run, reused: bool) -> None:
        """Print how the run ended."""
        self.bar.update(self.task, visible=False)
        if reused:
            self._print(f"{run.name}: already recorded as run {run.id}, reused (--again runs it again).")
        elif run.state == "complete":
            trained = f", trained in {format_duration(run.train_seconds)}" if run.train_seconds is not None else ""
            self._print(f"  recorded as run {run.id}{trained}")
        else:
            self._print(f"  run {run.id} {describe_state(run)}")

    def _print(self, line: str) -> None:
        self.console.print(Text(escape_invisible(line)))  # Text: rich reads no markup in names and messages
