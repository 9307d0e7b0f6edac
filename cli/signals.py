"""Stop a run on Ctrl-C or a signal: the first one after the current step, the second one immediately."""

import signal
import sys
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Self

_SIGNAL_NAMES = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]  # Windows has no SIGHUP


class StopSignals:
    """Context manager that handles SIGINT (Ctrl-C), SIGTERM and SIGHUP.

    The first signal sets ``requested``. If ``can_stop_after_step`` is set, training then stops after its current
    step; otherwise, and on a second signal, `KeyboardInterrupt` is raised. A signal that the process was started to
    ignore (nohup, a background script) stays ignored.
    """

    def __init__(self) -> None:
        self.requested = self.can_stop_after_step = False

    def __enter__(self) -> Self:
        handlers = {name: signal.getsignal(getattr(signal, name)) for name in _SIGNAL_NAMES}
        # None: the handler was not installed by Python and could not be restored.
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
