"""Progress on standard error: a bar for a person at a terminal, lines in a log file."""

import sys
from contextlib import suppress
from io import TextIOBase
from types import TracebackType
from typing import IO, Self, cast

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from cli.output import how_it_ended
from cli.stopping import Stop
from core.catalog.methods import METHODS
from core.config import RunConfig
from core.runs.progress import Progress
from core.store.records import Run
from core.text.formatting import format_duration
from core.text.sanitize import escape_invisible

_LINES_A_TRAINING = 4  # in a log file


class _StandardError(TextIOBase):
    """Standard error, whatever becomes of it: a terminal that was closed, or a full disk, ends no run."""

    def __init__(self) -> None:
        self._stream = sys.stderr

    @property
    def encoding(self) -> str:  # type: ignore[override]  # the base says str | None of it, as of an attribute
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
    """Shows runs as they go; used as a context manager."""

    def __init__(self) -> None:
        self.stop = Stop()
        file = cast(IO[str], _StandardError())
        self.console = Console(file=file)
        if not self.console.is_terminal:
            self.console = Console(file=file, width=160)
        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        self.bars = Bars(TextColumn("  {task.description}"), *columns, console=self.console, transient=True)
        self.task = self.bars.add_task("", visible=False)

    def __enter__(self) -> Self:
        self.stop.__enter__()
        if self.console.is_terminal:
            self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()
        self.stop.__exit__(kind, error, trace)

    def started(self, name: str, config: RunConfig, position: int, total: int) -> None:
        """Print the run's name and what its method is."""
        self._print(f"[{position}/{total}] {name}: {METHODS[config.method].title}")

    def entered(self, phase: str) -> None:
        """Show the phase in the bar; end here where that was asked for while the last phase went on."""
        self.stop.can_pause = False
        if self.stop.asked:
            raise KeyboardInterrupt
        self.bars.update(self.task, description=phase, visible=True, completed=0, total=None)

    def begins(self, after: int) -> None:
        """From here on the training can be stopped after any step."""
        self.stop.can_pause = True

    def stopping(self) -> bool:
        """Tell whether Ctrl-C was pressed, or the system asked to end."""
        return self.stop.asked

    def stepped(self, step: int, total: int, epoch: float) -> None:
        """Move the bar, or print a line now and then."""
        self.bars.update(self.task, completed=step, total=total)
        if not self.console.is_terminal and step % max(1, total // _LINES_A_TRAINING) == 0:
            self._print(f"  step {step} of {total}, epoch {epoch:.1f}")

    def noted(self, text: str) -> None:
        """Print it."""
        self._print(f"  {text}")

    def ended(self, run: Run, reused: bool) -> None:
        """Print what became of the run."""
        self.bars.update(self.task, visible=False)
        if reused:
            self._print(f"{run.name}: recorded already as run {run.id}, used again (--rerun-baselines runs it anew).")
        elif run.state == "complete":
            trained = f", trained in {format_duration(run.train_seconds)}" if run.train_seconds is not None else ""
            self._print(f"  recorded as run {run.id}{trained}")
        else:
            self._print(f"  run {run.id} {how_it_ended(run)}")

    def _print(self, line: str) -> None:
        self.console.print(Text(escape_invisible(line)))  # Text: brackets in names and messages are no markup
