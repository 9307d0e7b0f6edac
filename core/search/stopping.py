"""When a search ends."""

from collections.abc import Sequence

import pandas as pd

PLATEAU_MARGIN = 0.005
"""A smaller rise of the best validation macro F1 counts as none: half a point, less than its noise on 500 examples."""
MIN_TRIALS = 10
"""Number of trials before which a search does not end at a plateau: the sampler draws the first ones at random."""
MAX_FAILURES = 5
"""Number of failed trials in a row after which a search ends."""

STOP_REASONS = {
    "trials": "all trials are finished",
    "time_budget": "the time budget is used up",
    "plateau": "further trials are unlikely to improve the best one",
    "failures": f"the last {MAX_FAILURES} trials failed",
}
"""Why a search ended."""


def is_plateau(values: Sequence[float | None], trials: int) -> bool:
    """Return whether the last ``trials`` values did not raise the best one by more than `PLATEAU_MARGIN`.

    ``values``: validation macro F1 of the finished trials, in their order; None for a failed one. ``trials``: 0 means
    that a search never ends at a plateau.
    """
    scores = pd.Series(values, dtype=float)
    if not trials or len(scores) < max(MIN_TRIALS, trials + 1) or scores.isna().all():
        return False
    before, best = scores.iloc[:-trials].max(), scores.max()
    return bool(best <= before + PLATEAU_MARGIN)


def is_failing(states: Sequence[str]) -> bool:
    """Return whether the last trials, by the states of the finished ones, all failed."""
    return len(states) >= MAX_FAILURES and set(states[-MAX_FAILURES:]) == {"failed"}
