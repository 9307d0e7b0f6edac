"""Read JSON: objects, one per line or in a list, and the other layouts that tools export."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from core.data.encodings import decode
from core.data.file_tables import FileTable, ReadOptions
from core.data.source_splits import SPLIT_COLUMN, is_common_split
from core.text.sanitize import replace_unstorable

_MAX_DIGITS = 400
"""Longer integers in JSON are read as text."""


def read_json(content: bytes, options: ReadOptions) -> FileTable:
    """Read records: objects one per line or in a list, or a layout of `_records_of_object`."""
    text, notes = decode(content, options.encoding)
    if text.lstrip().startswith("["):
        records = list(enumerate(_parse_json(text), start=1))
    elif (value := _parse_whole_object(text)) is not None:
        records = list(enumerate(_records_of_object(value), start=1))
    else:
        lines = enumerate(text.split("\n"), start=1)
        records = [(number, _parse_json(line, number)) for number, line in lines if line.strip()]
    for number, record in records:
        if not isinstance(record, dict):
            raise ValueError(f'record {number} is not an object such as {{"text": …, "label": …}}')
    # pandas rejects lone surrogates in column names.
    rows = [{replace_unstorable(key): value for key, value in _flatten(record).items()} for _, record in records]
    return FileTable(pd.DataFrame(rows, dtype=object), notes)


def _parse_whole_object(text: str) -> dict[str, Any] | None:
    """Return the object that the complete text is; None if it is not a single one."""
    first_line = text.lstrip().partition("\n")[0]
    is_record_of_several = first_line.rstrip().endswith("}") and text.strip() != first_line.strip()
    if not text.lstrip().startswith("{") or is_record_of_several:
        return None
    try:
        value = _parse_json(text)
    except ValueError:
        return None  # the error of the first line is easier to understand
    return value if isinstance(value, dict) else None


def _records_of_object(value: dict[str, Any]) -> list[Any]:
    """Return the records of one object.

    These are lists by split; a list under ``data`` or another single key; the orientations ``split``, ``table``,
    ``columns`` and ``index`` of pandas; lists by column. Any other object is a single record.
    """
    lists = {name: items for name, items in value.items() if isinstance(items, list)}
    if "columns" in lists and "data" in lists:
        return [dict(zip(map(str, lists["columns"]), row, strict=True)) for row in lists["data"]]
    if lists and len(lists) == len(value) and all(map(is_common_split, lists)):
        return [_with_split(record, name) for name, records in lists.items() for record in records]
    if "data" in lists or len(value) == len(lists) == 1:
        return list(lists.get("data") or next(iter(lists.values())))
    if lists and len(lists) == len(value) and len(set(map(len, lists.values()))) == 1:
        return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    if value and all(isinstance(inner, dict) for inner in value.values()):
        return _records_of_mappings(value)
    return [value]


def _records_of_mappings(value: Mapping[str, dict[str, Any]]) -> list[Any]:
    """Return the records of objects by row number, or by column and row number."""
    first = next(iter(value.values()))
    is_by_column = all(key.isdecimal() for key in first)
    if not is_by_column:
        return list(value.values())
    return [{column: cells.get(row) for column, cells in value.items()} for row in first]


def _with_split(record: Any, split: str) -> Any:
    return {**record, SPLIT_COLUMN: split} if isinstance(record, dict) else record


def _flatten(record: dict[str, Any]) -> dict[str, Any]:
    """Return a task of Label Studio as text and labels; other records unchanged."""
    data, annotations = record.get("data"), record.get("annotations")
    if not isinstance(data, dict) or not isinstance(annotations, list):
        return record
    results = [result for annotation in annotations[:1] for result in _list_in(annotation, "result")]
    values = [result.get("value") for result in results if isinstance(result, dict)]
    choices = [choice for value in values for choice in _list_in(value, "choices")]
    return {**data, "label": choices[0] if len(choices) == 1 else choices or None}


def _list_in(value: Any, key: str) -> list[Any]:
    """Return the list under a key of an object; an empty one if the value is no object, or has no list there."""
    items = value.get(key) if isinstance(value, dict) else None
    return items if isinstance(items, list) else []


def _parse_json(text: str, line: int = 0) -> Any:
    """Parse JSON; ``line``: its line number in the file, 0 if it is the complete file."""
    try:
        return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) <= _MAX_DIGITS else digits)
    except json.JSONDecodeError as error:
        place = f"line {line or error.lineno}: {error.msg} (column {error.colno})"
        raise ValueError(f"{place}. Expected JSON objects, one per line or in a list") from None
    except RecursionError:
        raise ValueError(f"line {line or 1}: its values are nested too deeply") from None
