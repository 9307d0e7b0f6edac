"""Error slices: groups of examples on which a run makes more errors, or fewer, than on other examples."""

from typing import TYPE_CHECKING

import pandas as pd

from dashboard import data
from dashboard.components.estimates import with_interval

if TYPE_CHECKING:
    from core.evaluation.slices import Slice

MAX_SLICES = 50


def error_slices(run_id: int) -> pd.DataFrame:
    """Return a row per slice, in the order of `data.slices`: name, size, p_adjusted, and shares with intervals.

    ``wrong``: the error rate on the slice; ``rest``: on all other examples; ``gap``: the difference.
    """
    rows = [
        {
            "name": slice_.name,
            "size": slice_.size,
            "p_adjusted": slice_.p_adjusted,
            **with_interval("wrong", slice_.error_rate),
            **with_interval("rest", slice_.rest),
            **with_interval("gap", slice_.difference),
        }
        for slice_ in data.slices(run_id)
    ]
    return pd.DataFrame(rows, columns=["name", "size", "p_adjusted", *_interval_columns()])


def _interval_columns() -> list[str]:
    return [column for name in ("wrong", "rest", "gap") for column in with_interval(name, None)]


def select_worse(slices: pd.DataFrame) -> pd.DataFrame:
    """Return the slices on which the error rate is higher than on the other examples."""
    return slices[slices["gap"] > 0].reset_index(drop=True)


def select_significant(slices: pd.DataFrame) -> pd.DataFrame:
    """Return the slices on which the error rate differs significantly from that of the other examples."""
    from core.evaluation.power import ALPHA

    return slices[slices["p_adjusted"] < ALPHA]


def find_slice(run_id: int, name: str) -> "Slice | None":
    """Return the slice with this name; None if there is none."""
    return next((slice_ for slice_ in data.slices(run_id) if slice_.name == name), None)
