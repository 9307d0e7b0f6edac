"""Label names: their spelling, order and limits."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from core.data.label_checks import require_distinct_labels, require_single_labels
from core.errors import RequestError, did_you_mean

MAX_LABELS = 150
MAX_LABEL_LENGTH = 200
"""Characters; a longer value is a text, and too long for a database index."""
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_HIDDEN_LABEL = "-1"
"""Value that data sets of the Hub use in place of hidden test labels."""
_MISSING_WORDS = {"nan", "<na>", "nat", "#n/a"}
"""Spellings of a missing value that are no words; "none" and "NA" may be labels."""
_NO_MERGES: Mapping[str, str] = MappingProxyType({})
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


class NamedLabels(NamedTuple):
    """The label name of each row, the distinct names in order, and those names that were merged into others."""

    names: pd.Series
    labels: tuple[str, ...]
    merged: frozenset[str]


def name_labels(column: pd.Series, dataset: str, merge: Mapping[str, str] = _NO_MERGES) -> NamedLabels:
    """Return the label name of each row, and the distinct names in order.

    ``column`` has no missing values; ``merge``: new names by name. An ordered category keeps its order; numbers are
    ordered by value, other names alphabetically. Raises `RequestError` for values that are not labels (lists, scores,
    long texts), for names that look alike, for as many labels as rows, and for more than `MAX_LABELS`.
    """
    column = _unwrap_single_items(column)
    for value in column:
        _require_label(value, column.name, dataset)
    names = pd.Series([normalize_label(value) for value in column], index=column.index, dtype=object)
    if {name.casefold() for name in names.unique()} <= {"false", "true"}:
        names = names.str.lower()  # texts in some formats, booleans in others
    renamed = {normalize_label(name): normalize_label(new) for name, new in merge.items()}
    merged = frozenset(renamed.keys() & set(names.unique()))
    names = names.map(lambda name: renamed.get(name, name))
    labels = _order_labels(column, names, renamed)
    _require_short(max(labels, key=len, default=""), column.name, dataset)
    counts = Counter(names)
    require_single_labels(counts, column.name, dataset)
    _require_few(len(labels), len(names), column.name, dataset)
    require_distinct_labels(counts, column.name, dataset)
    return NamedLabels(names, labels, merged)


def _unwrap_single_items(column: pd.Series) -> pd.Series:
    """Return the items of lists that each have a single one, as annotation tools export a label."""
    # A categorical column is mapped to another one, which cannot be a mask.
    is_list = column.map(lambda value: isinstance(value, list | np.ndarray)).astype(bool)
    if not is_list.any() or any(len(value) != 1 for value in column[is_list]):
        return column
    return column.astype(object).map(lambda value: value[0] if isinstance(value, list | np.ndarray) else value)


def _order_labels(column: pd.Series, names: pd.Series, renamed: Mapping[str, str]) -> tuple[str, ...]:
    """Return the distinct names of the column's rows in order."""
    distinct = set(names.unique())
    if isinstance(column.dtype, pd.CategoricalDtype) and column.dtype.ordered:
        categories = map(normalize_label, column.cat.categories)
        ordered = dict.fromkeys(renamed.get(name, name) for name in categories)
        return tuple(name for name in ordered if name in distinct)
    key = float if all(map(_NUMBER.fullmatch, distinct)) else _natural_order
    return tuple(sorted(sorted(distinct), key=key))


def require_known_merges(merge: Mapping[str, str], merged: Iterable[str], labels: Sequence[str], dataset: str) -> None:
    """Raise `RequestError` if a label to merge does not exist; ``merged``: those that do, ``labels``: the others."""
    known = set(merged)
    unknown = next((name for name in merge if normalize_label(name) not in known), None)
    if unknown is not None:
        listed = ", ".join(sorted({*labels, *known}))
        raise RequestError(
            f"--merge-labels '{unknown:.60}' is not a label of {dataset}. Labels: {listed:.1000}."
            f"{did_you_mean(unknown, [*labels, *known])}",
            code="unknown_label",
        )


def is_missing(column: pd.Series) -> pd.Series:
    """Return a mask of the cells that are missing or blank."""
    return column.isna() | column.map(lambda value: isinstance(value, str) and not value.strip()).astype(bool)


def is_missing_label(column: pd.Series) -> pd.Series:
    """Return a mask of the cells that are missing, blank, or the word for a missing value, such as "nan"."""
    words = column.map(lambda value: isinstance(value, str) and value.strip().casefold() in _MISSING_WORDS)
    return is_missing(column) | words.astype(bool)


def find_unlabeled_splits(column: pd.Series, splits: pd.Series) -> list[str]:
    """Return the source's splits without labels: all are missing, or all are -1 and no other split has a -1."""
    missing = is_missing_label(column)
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
