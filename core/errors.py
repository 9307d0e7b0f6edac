"""Exceptions that are shown to users as one message that says what happened, why, and what to do."""

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
    """The request is invalid. It is refused before anything is written."""


class StoreError(RequestError):
    """The database cannot be used, for now or at all: it is locked, full, damaged or gone."""


class RunError(BenchError):
    """A run has failed. Its row records the reason."""


class OutOfMemory(RunError):  # noqa: N818 - recorded as the error type
    """A run did not fit into memory; its text says what to change."""


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the closest candidate, or an empty string."""
    lower, by_lower = name.lower(), {candidate.lower(): candidate for candidate in candidates}
    matches = get_close_matches(lower, by_lower, n=5, cutoff=0.6)
    # Of equally similar candidates, prefer one with the same letters: swapped letters are the most frequent typo.
    matches.sort(key=lambda match: (-_similarity(lower, match), sorted(match) != sorted(lower)))
    return f" Did you mean '{by_lower[matches[0]]}'?" if matches else ""


def _similarity(a: str, b: str) -> float:
    return round(SequenceMatcher(None, b, a).ratio(), 2)
