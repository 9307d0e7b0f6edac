"""How a person, or the system, ends a run: tidily the first time, at once the second."""

import signal
import sys
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Self

_HEARD = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]  # Windows has no SIGHUP


class Stop:
    """Hears Ctrl-C and the system's signals within a ``with``.

    ``asked`` once one has come. Where ``can_pause`` was set by then, the training ends after its step;
    else, and the second time, `KeyboardInterrupt` is raised where the program is. A signal that was
    ignored before stays so: nohup, or a script that runs this in the background, had a reason.
    """

    def __init__(self) -> None:
        self.asked = self.can_pause = False

    def __enter__(self) -> Self:
        found = {name: signal.getsignal(getattr(signal, name)) for name in _HEARD}
        # None: a handler that is not Python's, and could not be put back.
        self._before = {name: one for name, one in found.items() if one not in (signal.SIG_IGN, None)}
        for name in self._before:
            signal.signal(getattr(signal, name), self._hear)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, handler in self._before.items():
            signal.signal(getattr(signal, name), handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if self.asked and name == "SIGHUP":
            return  # a terminal that is closed sends several: the shell one, the system others
        tidily, self.asked = self.can_pause and not self.asked, True
        if not tidily:
            raise KeyboardInterrupt(name)
        with suppress(OSError, RuntimeError, ValueError):  # closed, in the middle of a line, or no longer there
            print("Stopping after this step. Ctrl-C again stops at once.", file=sys.stderr, flush=True)
