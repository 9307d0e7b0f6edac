"""How a person, or the system, ends a run: tidily the first time, at once the second."""

import signal
import sys
from types import FrameType, TracebackType
from typing import Self

_HEARD = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]  # Windows has no SIGHUP


class Stop:
    """Hears Ctrl-C and the system's signals within a ``with``.

    ``asked`` once one has come while ``can_pause`` was set: the training then ends after its step.
    Else, and the second time, it raises `KeyboardInterrupt` where the program is.
    """

    def __init__(self) -> None:
        self.asked = self.can_pause = False

    def __enter__(self) -> Self:
        self._before = {name: signal.signal(getattr(signal, name), self._hear) for name in _HEARD}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, handler in self._before.items():
            signal.signal(getattr(signal, name), handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.asked or not self.can_pause:
            raise KeyboardInterrupt(signal.Signals(number).name)
        self.asked = True
        print("Stopping after this step. Ctrl-C again stops at once.", file=sys.stderr, flush=True)
