"""What is read from the record, with what hides in it or turns it round as signs; only texts of examples stay."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar, cast

import pandas as pd

from core.store.records import Dataset, Run
from core.text.sanitize import escape_invisible

T = TypeVar("T")

AS_WRITTEN = {"text", "config", "adapter_path", "work_path"}
"""Texts are known by their hash and answered by models; settings and paths are used."""


def sanitize_record(value: T) -> T:
    """Return a result of the store with every name, label, note and message as `escape_invisible`."""
    changed: Any = value
    if isinstance(value, str):
        changed = escape_invisible(value)
    elif isinstance(value, pd.DataFrame):
        changed = _frame(value)
    elif isinstance(value, Run | Dataset):
        own = {field.name: getattr(value, field.name) for field in fields(value)}
        changed = replace(value, **{name: sanitize_record(one) for name, one in own.items() if name not in AS_WRITTEN})
    elif isinstance(value, Mapping):
        changed = {sanitize_record(name): sanitize_record(one) for name, one in value.items()}
    elif isinstance(changed, list):
        changed = [sanitize_record(one) for one in changed]
    return cast(T, changed)


def _frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with legible cells; the very same one where they all are, as nearly always."""
    for name in frame.columns:
        column = frame[name]
        if name in AS_WRITTEN or not (pd.api.types.is_string_dtype(column) or column.dtype == object):
            continue
        values = column.tolist()
        shown = [sanitize_record(value) for value in values]
        if shown != values:
            frame = frame.assign(**{name: pd.Series(shown, index=column.index, dtype=object)})
    return frame
