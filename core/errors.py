"""The exceptions that a user is shown: one plain message that says how to mend it."""

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches


class BenchError(Exception):
    """An error that a user can understand and fix; its text is the complete message.

    ``code`` names the kind of error for programs and tests, such as ``locked``; None where there is only one kind.
    """

    def __init__(self, message: str = "", *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class RequestError(BenchError):
    """The request was wrong. It is refused before anything is written."""


class StoreError(RequestError):
    """The database cannot be used, for now or at all: it is locked, full, damaged or gone."""


class RunError(BenchError):
    """A run had begun and could not be finished. Its row keeps the reason."""


class OutOfMemory(RunError):  # noqa: N818 - stands in the record, as the kind of error
    """A run did not fit into the memory; its text says what to change."""


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the likeliest meaning, or nothing."""
    by_lower = {name.lower(): name for name in known}
    close = get_close_matches(given.lower(), by_lower, n=5, cutoff=0.6)
    # Of words equally near, the one with the same letters: most often two were swapped.
    close.sort(key=lambda name: (-_nearness(given.lower(), name), sorted(name) != sorted(given.lower())))
    return f" Did you mean '{by_lower[close[0]]}'?" if close else ""


def _nearness(one: str, other: str) -> float:
    return round(SequenceMatcher(None, other, one).ratio(), 2)
