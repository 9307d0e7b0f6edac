"""The kinds of texts on which a run errs more, or less, than elsewhere."""

from typing import TYPE_CHECKING

import pandas as pd

from dashboard import data

if TYPE_CHECKING:
    from core.evaluation.slices import Slice

MOST_LISTED = 50
_SHARES = {"wrong": "error_rate", "rest": "rest", "gap": "difference"}
SIGNIFICANT = 0.05


def slices(run_id: int) -> pd.DataFrame:
    """Return a row a slice, those that stand out most first: name, size, p and three shares with their intervals.

    ``wrong``: the share of errors inside, ``rest``: elsewhere, ``gap``: the first less the second.
    """
    found = data.slices(run_id)
    frame = pd.DataFrame({"name": [one.name for one in found], "size": [one.size for one in found]})
    frame["p"] = [one.p_adjusted for one in found]
    for name, attribute in _SHARES.items():
        for end, part in (("", "value"), ("_low", "low"), ("_high", "high")):
            frame[f"{name}{end}"] = [getattr(getattr(one, attribute), part) for one in found]
    return frame


def standing_out(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the slices on which the run errs more than elsewhere, beyond what chance explains."""
    return frame[(frame["p"] < SIGNIFICANT) & (frame["gap"] > 0)]


def named(run_id: int, name: str) -> "Slice | None":
    """Return the slice of this name; None where there is none."""
    return next((one for one in data.slices(run_id) if one.name == name), None)
