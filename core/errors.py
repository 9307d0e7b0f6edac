"""Exceptions whose message tells the user what happened, why, and what to do."""

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches


class BenchError(Exception):
    """An error with a complete message for the user.

    ``code``: the kind of error for programs and tests, such as ``locked``; None if there is only one kind.
    """

    def __init__(self, message: str = "", *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class RequestError(BenchError):
    """The request is invalid; nothing has been written."""


class StoreError(RequestError):
    """The database cannot be used: it is locked, full, damaged or missing."""


class RunError(BenchError):
    """A run failed; its record contains the reason."""


class OutOfMemory(RunError):  # noqa: N818 - recorded as the error type
    """A run ran out of memory; the message says what to change."""


class TrialPruned(Exception):  # noqa: N818 - Optuna's name
    """The pruner of a search ends a run early; it is recorded as pruned."""


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the closest candidate, or an empty string."""
    lower, by_lower = name.lower(), {candidate.lower(): candidate for candidate in candidates}
    matches = get_close_matches(lower, by_lower, n=5, cutoff=0.6)
    # Of equally similar candidates, prefer one with the same letters: swapped letters are the most frequent typo.
    matches.sort(key=lambda match: (-_similarity(lower, match), sorted(match) != sorted(lower)))
    return f" Did you mean '{by_lower[matches[0]]}'?" if matches else ""


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or two if the first ends in a colon."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return " ".join(" ".join(lines[:2] if lines[0].endswith(":") else lines[:1]).split())


def _similarity(a: str, b: str) -> float:
    return round(SequenceMatcher(None, b, a).ratio(), 2)
