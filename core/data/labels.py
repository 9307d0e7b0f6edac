"""Label names: their spelling, order and limits."""

import math
import re
import unicodedata
from collections.abc import Hashable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from core.errors import RequestError

MAX_LABELS = 150
MAX_LABEL_LENGTH = 200
"""Characters; a longer value is a text, and too long for a database index."""
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_HIDDEN_LABEL = "-1"
"""Value that data sets of the Hub use in place of hidden test labels."""
_OTHER_COLUMN = "Name another column with --label-column."


def normalize_label(value: Any) -> str:
    """Return the label's name, the same for every file format: '0' for 0.0, 'true' for True.

    Surrounding spaces are stripped, and Unicode is normalized (NFC), so that equivalent spellings are one label.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float | Decimal) and _is_integer(value):
        value = int(value)  # pandas reads a column of 0, 1 and missing values as floats
    return str(value).lower() if isinstance(value, bool) else unicodedata.normalize("NFC", str(value).strip())


def _is_integer(value: float | Decimal) -> bool:
    return math.isfinite(value) and value == math.floor(value)


def name_labels(column: pd.Series, dataset: str) -> tuple[pd.Series, tuple[str, ...]]:
    """Return the label name of each row, and the distinct names in order.

    ``column`` has no missing values. An ordered category keeps its order; numbers are ordered by
    value, other names alphabetically. Raises `RequestError` for values that are not labels (lists,
    scores, long texts), for as many labels as rows, and for more than `MAX_LABELS`.
    """
    for value in column:
        _require_label(value, column.name, dataset)
    names = pd.Series([normalize_label(value) for value in column], index=column.index, dtype=object)
    if {name.casefold() for name in names.unique()} <= {"false", "true"}:
        names = names.str.lower()  # texts in some formats, booleans in others
    distinct = set(names.unique())
    _require_short(max(distinct, key=len, default=""), column.name, dataset)
    _require_few(len(distinct), len(names), column.name, dataset)
    if isinstance(column.dtype, pd.CategoricalDtype) and column.dtype.ordered:
        categories = dict.fromkeys(map(normalize_label, column.cat.categories))
        return names, tuple(name for name in categories if name in distinct)
    key = float if all(map(_NUMBER.fullmatch, distinct)) else _natural_order
    return names, tuple(sorted(sorted(distinct), key=key))


def is_missing(column: pd.Series) -> pd.Series:
    """Return a mask of the cells that are missing or blank."""
    return column.isna() | column.map(lambda value: isinstance(value, str) and not value.strip()).astype(bool)


def find_unlabeled_splits(column: pd.Series, splits: pd.Series) -> list[str]:
    """Return the source's splits without labels: all are missing, or all are -1 and no other split has a -1."""
    missing = is_missing(column)
    hidden = column.map(
        lambda value: not isinstance(value, str | list) and str(value) in (_HIDDEN_LABEL, f"{_HIDDEN_LABEL}.0")
    ).astype(bool)
    unlabeled = []
    for name in splits.dropna().unique():
        in_split = splits == name
        is_hidden = hidden[in_split].all() and not hidden[~in_split].any() and not in_split.all()
        if missing[in_split].all() or is_hidden:
            unlabeled.append(name)
    return unlabeled


def _require_label(value: Any, column: Hashable, dataset: str) -> None:
    if not isinstance(value, Hashable) or isinstance(value, tuple | bytes):  # lists, dictionaries, arrays
        raise RequestError(
            f"Column '{column}' of {dataset} contains lists, objects or bytes ({str(value)[:60]}) instead of one "
            f"label per text. Multi-label data is not supported: keep one label. {_OTHER_COLUMN}",
            code="not_a_label",
        )
    if isinstance(value, float | Decimal) and not _is_integer(value):
        raise RequestError(
            f"Column '{column}' of {dataset} contains scores such as {value}, not labels. "
            f"Convert them to labels (for example, below 3: negative). {_OTHER_COLUMN}",
            code="scores_as_labels",
        )


def _require_short(label: str, column: Hashable, dataset: str) -> None:
    if len(label) > MAX_LABEL_LENGTH:
        raise RequestError(
            f"Column '{column}' of {dataset} contains a label of {len(label):,} characters ('{label[:40]}…'); at most "
            f"{MAX_LABEL_LENGTH} are allowed. It is probably not the label column. {_OTHER_COLUMN}",
            code="label_too_long",
        )


def _require_few(labels: int, rows: int, column: Hashable, dataset: str) -> None:
    if labels == rows and rows > 1:
        reason = f"as many labels as rows ({rows:,}), like an id or a free text"
    elif labels > MAX_LABELS:
        reason = f"{labels:,} different labels in {rows:,} rows; at most {MAX_LABELS} are allowed"
    else:
        return
    raise RequestError(
        f"Column '{column}' of {dataset} has {reason}. It is probably not the label column. {_OTHER_COLUMN}",
        code="too_many_labels",
    )


def _natural_order(name: str) -> list[Any]:
    """Return a sort key by which 'level 2' precedes 'level 10'."""
    parts: list[Any] = re.split(r"(\d+)", name)
    # Length and then digits: the order of integers of any length.
    parts[1::2] = [(len(digits.lstrip("0")), digits.lstrip("0")) for digits in parts[1::2]]
    return parts
