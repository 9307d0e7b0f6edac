"""Characters that no database can hold: found and replaced once, where data come in."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.text.sanitize import UNSTORABLE, replace_unstorable


def sanitize_frame(frame: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return the table with storable names and cells, and the number of rows that changed."""
    found = {name: marked for name in frame.columns if (marked := _unstorable(frame[name])).any()}
    mended = frame.copy(deep=False)
    for name in found:
        mended[name] = frame[name].astype(object).map(_storable)
    touched = np.logical_or.reduce([np.zeros(len(frame), dtype=bool), *found.values()])
    return mended.rename(columns=_storable), int(touched.sum())


def _unstorable(column: pd.Series) -> NDArray[np.bool_]:
    """Tell which cells hold such a character, [n]."""
    if isinstance(column.dtype, pd.CategoricalDtype):  # few names for many cells
        names = np.asarray([*map(_holds_one, column.cat.categories), False], dtype=bool)
        return np.asarray(names[column.cat.codes])
    if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_datetime64_any_dtype(column.dtype):
        return np.zeros(len(column), dtype=bool)
    return np.fromiter(map(_holds_one, column), dtype=bool, count=len(column))


def _holds_one(value: Any) -> bool:
    return isinstance(value, str) and UNSTORABLE.search(value) is not None


def _storable(value: Any) -> Any:
    return replace_unstorable(value) if isinstance(value, str) else value
