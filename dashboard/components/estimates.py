"""Estimates as columns of a frame."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from core.evaluation.intervals import Estimate


def with_interval(name: str, estimate: "Estimate | None") -> dict[str, float]:
    """Return value, low and high of an estimate by column name; undefined values are NaN."""
    parts = (None, None, None) if estimate is None else (estimate.value, estimate.low, estimate.high)
    values = (np.nan if part is None else part for part in parts)
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))
