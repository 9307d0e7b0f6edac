"""Make the cells of a table storable in a database and as JSON."""

import math
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


def to_json_row(row: dict[Any, Any]) -> dict[str, Any]:
    """Return a row with NumPy and pandas values converted to JSON values; missing ones become None."""
    return {str(key): _to_json_value(value) for key, value in row.items()}


def _unstorable_cells(column: pd.Series) -> NDArray[np.bool_]:
    """Return a mask of the cells with a character that databases cannot store, [n]."""
    if isinstance(column.dtype, pd.CategoricalDtype):  # check each category once
        mask = np.asarray([*map(_is_unstorable, column.cat.categories), False], dtype=bool)
        return np.asarray(mask[column.cat.codes])
    if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_datetime64_any_dtype(column.dtype):
        return np.zeros(len(column), dtype=bool)
    return np.fromiter(map(_is_unstorable, column), dtype=bool, count=len(column))


def _is_unstorable(value: Any) -> bool:
    return isinstance(value, str) and UNSTORABLE.search(value) is not None


def _replace_unstorable(value: Any) -> Any:
    return replace_unstorable(value) if isinstance(value, str) else value


def _to_json_value(value: Any) -> Any:
    if isinstance(value, str | bool | int):
        return value
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if value is None or (isinstance(value, float) and value != value) or value is pd.NaT or value is pd.NA:
        return None
    is_finite = isinstance(value, float) and math.isfinite(value)  # JSON has neither NaN nor infinity
    return value if is_finite or isinstance(value, str | bool | int) else str(value)
