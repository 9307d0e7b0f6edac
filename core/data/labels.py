"""Convert the cells of a label column to ordered label names."""

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
"""Characters; longer values are texts, and exceed database indexes."""
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_HIDDEN = "-1"
"""Value of hidden test labels in data sets of the Hub."""


def label_name(value: Any) -> str:
    """Return a label's name: 0.0 is '0', booleans are 'true' and 'false', white space is stripped.

    Unicode is normalized to NFC.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float | Decimal) and _is_integral(value):
        value = int(value)  # a column of 0 and 1 with missing values is read as floats
    return str(value).lower() if isinstance(value, bool) else unicodedata.normalize("NFC", str(value).strip())


def _is_integral(value: float | Decimal) -> bool:
    return math.isfinite(value) and value == math.floor(value)


def name_labels(column: pd.Series, dataset: str) -> tuple[pd.Series, tuple[str, ...]]:
    """Return each row's label name, and the distinct names in their order.

    ``column`` has no missing values. An ordered category keeps its order; numbers are sorted by value, words by name.
    Raises `RequestError` for values that are not single labels: lists, scores, long texts, as many labels as rows, or
    more than 150 labels.
    """
    for value in column:
        _refuse_invalid_label(value, column.name, dataset)
    names = pd.Series([label_name(value) for value in column], index=column.index, dtype=object)
    if {name.casefold() for name in names.unique()} <= {"false", "true"}:
        names = names.str.lower()  # strings in one format, booleans in another
    distinct = set(names.unique())
    _refuse_too_long(max(distinct, key=len, default=""), column.name, dataset)
    _refuse_too_many(len(distinct), len(names), column.name, dataset)
    if isinstance(column.dtype, pd.CategoricalDtype) and column.dtype.ordered:
        return names, tuple(name for name in dict.fromkeys(map(label_name, column.cat.categories)) if name in distinct)
    return names, tuple(
        sorted(sorted(distinct), key=_natural_key if not all(map(_NUMBER.fullmatch, distinct)) else float)
    )


def is_missing(column: pd.Series) -> pd.Series:
    """Return which cells are missing or only white space."""
    return column.isna() | column.map(lambda value: isinstance(value, str) and not value.strip()).astype(bool)


def unlabeled_splits(column: pd.Series, splits: pd.Series) -> list[str]:
    """Return the source's splits without labels: all missing, or all -1 while no other split has -1."""
    missing = is_missing(column)
    codes = column.map(lambda value: not isinstance(value, str | list) and str(value) in (_HIDDEN, f"{_HIDDEN}.0"))
    codes = codes.astype(bool)
    unlabeled = []
    for name in splits.dropna().unique():
        inside = splits == name
        is_hidden = codes[inside].all() and not codes[~inside].any() and not inside.all()
        if missing[inside].all() or is_hidden:
            unlabeled.append(name)
    return unlabeled


def _refuse_invalid_label(value: Any, column: Hashable, dataset: str) -> None:
    if not isinstance(value, Hashable) or isinstance(value, tuple | bytes):  # lists, dictionaries, arrays
        raise RequestError(
            f"Column '{column}' of {dataset} holds lists, objects or bytes ({str(value)[:60]}) instead of one label "
            "per text. Multi-label data is not supported: keep one label, or name another column with --label-column."
        )
    if isinstance(value, float | Decimal) and not _is_integral(value):
        raise RequestError(
            f"Column '{column}' of {dataset} holds numbers such as {value}: scores, not labels. "
            "Convert them to labels first (for example below 3: negative), or name another column with --label-column."
        )


def _refuse_too_long(label: str, column: Hashable, dataset: str) -> None:
    if len(label) > MAX_LABEL_LENGTH:
        raise RequestError(
            f"Column '{column}' of {dataset} holds a label of {len(label):,} characters ('{label[:40]}…'); "
            f"the maximum is {MAX_LABEL_LENGTH}. It is probably not a label column: name another one with "
            "--label-column."
        )


def _refuse_too_many(labels: int, rows: int, column: Hashable, dataset: str) -> None:
    if labels == rows and rows > 1:
        reason = f"as many labels as rows ({rows:,}), like an id or free text"
    elif labels > MAX_LABELS:
        reason = f"{labels:,} different labels in {rows:,} rows; the maximum is {MAX_LABELS}"
    else:
        return
    raise RequestError(
        f"Column '{column}' of {dataset} holds {reason}. It is probably not a label column: "
        "name another one with --label-column."
    )


def _natural_key(name: str) -> list[Any]:
    """Return a sort key that puts 'level 2' before 'level 10'."""
    parts: list[Any] = re.split(r"(\d+)", name)
    parts[1::2] = [(len(digits.lstrip("0")), digits.lstrip("0")) for digits in parts[1::2]]  # as numbers of any length
    return parts
