"""Stop a run on Ctrl-C or a signal: after the current step the first time, immediately the second time."""

import signal
import sys
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Self

_SIGNALS = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]  # Windows has no SIGHUP


class StopSignals:
    """Handle Ctrl-C and the system's signals within a ``with`` block.

    The first signal sets ``requested``. If ``can_stop_after_step`` is set by then, the training stops after its
    step; otherwise, and on a second signal, `KeyboardInterrupt` is raised. A signal that the parent process set to
    be ignored (nohup, a background script) stays ignored.
    """

    def __init__(self) -> None:
        self.requested = self.can_stop_after_step = False

    def __enter__(self) -> Self:
        handlers = {name: signal.getsignal(getattr(signal, name)) for name in _SIGNALS}
        # None: the handler was not installed from Python and could not be restored.
        self._previous = {name: handler for name, handler in handlers.items() if handler not in (signal.SIG_IGN, None)}
        for name in self._previous:
            signal.signal(getattr(signal, name), self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, handler in self._previous.items():
            signal.signal(getattr(signal, name), handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if self.requested and name == "SIGHUP":
            return  # a closing terminal sends SIGHUP twice: the shell once, the kernel once
        after_step, self.requested = self.can_stop_after_step and not self.requested, True
        if not after_step:
            raise KeyboardInterrupt(name)
        with suppress(OSError, RuntimeError, ValueError):  # standard error may be closed or in the middle of a write
            print("Stopping after this step. Press Ctrl-C again to stop immediately.", file=sys.stderr, flush=True)
