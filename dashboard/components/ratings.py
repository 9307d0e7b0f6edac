"""The disagreement of the raters of a text, if the source records it."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

DEVIATION = "rating_deviation"
"""The column of the source with the standard deviation of a text's ratings."""


def rater_deviation(extra: Iterable[dict[str, Any] | None]) -> pd.Series:
    """Return the standard deviation of the ratings of examples from their other columns; NaN if it is not recorded."""
    return pd.to_numeric(
        pd.Series([(columns or {}).get(DEVIATION) for columns in extra], dtype=object), errors="coerce"
    )
