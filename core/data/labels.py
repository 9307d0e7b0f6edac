"""From the cells of a label column to label names in their order."""

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
"""Characters: a longer one is a text, and no index of a database could hold it."""
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_HIDDEN = "-1"  # what the Hub's data sets hold where a test label is kept back


def label_name(value: Any) -> str:
    """Return a label's name: 0.0 is '0', true is 'true' whatever the format, white space is stripped.

    The ways in which Unicode writes one word are one name (NFC).
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float | Decimal) and _whole(value):
        value = int(value)  # a column of 0 and 1 with a gap is read as 0.0 and 1.0
    return str(value).lower() if isinstance(value, bool) else unicodedata.normalize("NFC", str(value).strip())


def _whole(value: float | Decimal) -> bool:
    return math.isfinite(value) and value == math.floor(value)


def name_labels(column: pd.Series, dataset: str) -> tuple[pd.Series, tuple[str, ...]]:
    """Return each row's label name, and the distinct names in their order.

    ``column`` has no missing values. An ordered category keeps its order; numbers stand by size,
    words by alphabet. Raises `RequestError` for what is no single label: lists, scores, whole texts,
    as many labels as rows, more than 150.
    """
    for value in column:
        _refuse_what_is_no_label(value, column.name, dataset)
    names = pd.Series([label_name(value) for value in column], index=column.index, dtype=object)
    if {name.casefold() for name in names.unique()} <= {"false", "true"}:
        names = names.str.lower()  # words in one format, booleans in another
    known = set(names.unique())
    _refuse_too_long(max(known, key=len, default=""), column.name, dataset)
    _refuse_too_many(len(known), len(names), column.name, dataset)
    if isinstance(column.dtype, pd.CategoricalDtype) and column.dtype.ordered:
        return names, tuple(name for name in dict.fromkeys(map(label_name, column.cat.categories)) if name in known)
    return names, tuple(sorted(sorted(known), key=_natural if not all(map(_NUMBER.fullmatch, known)) else float))


def is_missing(column: pd.Series) -> pd.Series:
    """Tell which cells hold nothing, or white space alone."""
    return column.isna() | column.map(lambda value: isinstance(value, str) and not value.strip()).astype(bool)


def unlabeled_splits(column: pd.Series, splits: pd.Series) -> list[str]:
    """Return the source's own splits in which no row has a label: all missing, or all -1 as nowhere else."""
    missing = is_missing(column)
    codes = column.map(lambda value: not isinstance(value, str | list) and str(value) in (_HIDDEN, f"{_HIDDEN}.0"))
    codes = codes.astype(bool)
    found = []
    for name in splits.dropna().unique():
        inside = splits == name
        kept_back = codes[inside].all() and not codes[~inside].any() and not inside.all()
        if missing[inside].all() or kept_back:
            found.append(name)
    return found


def _refuse_what_is_no_label(value: Any, column: Hashable, dataset: str) -> None:
    if not isinstance(value, Hashable) or isinstance(value, tuple | bytes):  # lists, dictionaries, arrays
        raise RequestError(
            f"Column '{column}' of {dataset} holds lists, objects or bytes ({str(value)[:60]}), not one label a text. "
            "Several labels a text can't be learnt here: keep one, or name another column with --label-column."
        )
    if isinstance(value, float | Decimal) and not _whole(value):
        raise RequestError(
            f"Column '{column}' of {dataset} holds numbers such as {value}: scores, not labels. "
            "Turn them into labels first (say, below 3: negative), or name another column with --label-column."
        )


def _refuse_too_long(label: str, column: Hashable, dataset: str) -> None:
    if len(label) > MAX_LABEL_LENGTH:
        raise RequestError(
            f"Column '{column}' of {dataset} holds a label of {len(label):,} characters ('{label[:40]}…'); "
            f"{MAX_LABEL_LENGTH} are the most. It is probably no label column: name another one with --label-column."
        )


def _refuse_too_many(labels: int, rows: int, column: Hashable, dataset: str) -> None:
    if labels == rows and rows > 1:
        reason = f"as many labels as rows ({rows:,}), as an id or a free text has"
    elif labels > MAX_LABELS:
        reason = f"{labels:,} different labels in {rows:,} rows; {MAX_LABELS} are the most that can be told apart here"
    else:
        return
    raise RequestError(
        f"Column '{column}' of {dataset} holds {reason}. It is probably no label column: "
        "name another one with --label-column."
    )


def _natural(name: str) -> list[Any]:
    """Return a key by which 'level 2' stands before 'level 10'."""
    parts: list[Any] = re.split(r"(\d+)", name)
    parts[1::2] = [(len(digits.lstrip("0")), digits.lstrip("0")) for digits in parts[1::2]]  # as numbers of any length
    return parts
