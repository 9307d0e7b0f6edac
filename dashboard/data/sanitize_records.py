"""Make records of the store safe to show, in one place for all pages."""

from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar, cast

import pandas as pd

from core.text.sanitize import escape_invisible

T = TypeVar("T")


def sanitize_record(value: T, exact: Collection[str] = ()) -> T:
    """Return a value of the store whose texts are safe to show, see `escape_invisible`.

    Looks into frames, dataclasses, mappings, lists and tuples. A value without such texts is returned
    itself, not as a copy. ``exact``: columns of a frame that stay unchanged.
    """
    return cast(T, _sanitize_frame(value, exact) if isinstance(value, pd.DataFrame) else _sanitize(value))


def _sanitize(value: Any) -> Any:
    if isinstance(value, str):
        return escape_invisible(value)
    if isinstance(value, pd.DataFrame):
        return _sanitize_frame(value, ())
    if is_dataclass(value) and not isinstance(value, type):
        changes = _changes({field.name: getattr(value, field.name) for field in fields(value) if field.init})
        return replace(value, **changes) if changes else value
    if isinstance(value, Mapping):
        mapping = {_sanitize(name): _sanitize(item) for name, item in value.items()}
        return value if _is_same([*value, *value.values()], [*mapping, *mapping.values()]) else mapping
    if isinstance(value, list) or type(value) is tuple:
        items = [_sanitize(item) for item in value]
        return value if _is_same(value, items) else type(value)(items)
    return value


def _changes(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that sanitizing changes, by name."""
    sanitized = ((name, item, _sanitize(item)) for name, item in values.items())
    return {name: new for name, old, new in sanitized if new is not old}


def _is_same(old: Collection[Any], new: Collection[Any]) -> bool:
    return len(old) == len(new) and all(a is b for a, b in zip(old, new, strict=True))


def _sanitize_frame(frame: pd.DataFrame, exact: Collection[str]) -> pd.DataFrame:
    names = [column for column in frame if _has_texts(frame[column]) and column not in exact]
    columns = {name: frame[name].tolist() for name in names}
    new = {name: pd.Series(values, index=frame.index, dtype=object) for name, values in _changes(columns).items()}
    return frame.assign(**new) if new else frame


def _has_texts(column: pd.Series) -> bool:
    return bool(column.dtype == object) or bool(pd.api.types.is_string_dtype(column))
