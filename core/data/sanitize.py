"""Replace characters that databases cannot store, when data is read."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.text.sanitize import UNSTORABLE, replace_unstorable


def sanitize_frame(frame: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return the table with storable names and cells, and the number of rows that changed."""
    masks = {name: mask for name in frame.columns if (mask := _unstorable_cells(frame[name])).any()}
    sanitized = frame.copy(deep=False)
    for name in masks:
        sanitized[name] = frame[name].astype(object).map(_replace_unstorable)
    changed = np.logical_or.reduce([np.zeros(len(frame), dtype=bool), *masks.values()])
    return sanitized.rename(columns=_replace_unstorable), int(changed.sum())


def _unstorable_cells(column: pd.Series) -> NDArray[np.bool_]:
    """Return which cells contain such a character: [n]."""
    if isinstance(column.dtype, pd.CategoricalDtype):  # few categories for many cells
        mask = np.asarray([*map(_is_unstorable, column.cat.categories), False], dtype=bool)
        return np.asarray(mask[column.cat.codes])
    if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_datetime64_any_dtype(column.dtype):
        return np.zeros(len(column), dtype=bool)
    return np.fromiter(map(_is_unstorable, column), dtype=bool, count=len(column))


def _is_unstorable(value: Any) -> bool:
    return isinstance(value, str) and UNSTORABLE.search(value) is not None


def _replace_unstorable(value: Any) -> Any:
    return replace_unstorable(value) if isinstance(value, str) else value
