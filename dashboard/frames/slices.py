"""The kinds of texts on which a run errs more, or less, than elsewhere."""

from typing import TYPE_CHECKING

import pandas as pd

from dashboard import data

if TYPE_CHECKING:
    from core.evaluation.slices import Slice

MOST_SHOWN = 50
SIGNIFICANT = 0.05


def slices(run_id: int) -> pd.DataFrame:
    """Return a row a slice, those that stand out most first: name, size, p and three shares with their intervals.

    ``wrong``: the share of errors inside, ``rest``: elsewhere, ``gap``: the first less the second.
    """
    rows = [
        {"name": one.name, "size": one.size, "p": one.p_adjusted}
        | {
            f"{name}{end}": value
            for name, share in (("wrong", one.error_rate), ("rest", one.rest), ("gap", one.difference))
            for end, value in (("", share.value), ("_low", share.low), ("_high", share.high))
        }
        for one in data.slices(run_id)[:MOST_SHOWN]
    ]
    return pd.DataFrame(rows)


def standing_out(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the slices on which the run errs more than elsewhere, beyond what chance explains."""
    return frame[(frame["p"] < SIGNIFICANT) & (frame["gap"] > 0)]


def named(run_id: int, name: str) -> "Slice | None":
    """Return the slice of this name; None where there is none."""
    return next((one for one in data.slices(run_id) if one.name == name), None)
