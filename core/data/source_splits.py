"""Splits that a source defines, and their assignment to the training, validation and test split."""

from collections.abc import Mapping, Sequence

import pandas as pd

from core.config import RunConfig
from core.data.columns import format_columns, unknown_column_error
from core.data.labels import normalize_label
from core.errors import RequestError, did_you_mean

SPLIT_COLUMN = "__split__"
"""The column with the split of each row of a source of several files or of the Hub."""

_MAX_LISTED_SPLITS = 30

COMMON_SPLIT_NAMES = {
    "train": ("train", "training"),
    "test": ("test", "testing", "eval", "evaluation"),
    "validation": ("validation", "valid", "val", "dev", "development", "eval", "evaluation"),
}
"""Common names of each split, in order of precedence: 'eval' is assigned to test before validation."""


def read_split_names(frame: pd.DataFrame, columns: Sequence[str], dataset: str, config: RunConfig) -> pd.Series | None:
    """Return the source's split of each row; None if the source has no splits.

    Raises `RequestError` if the config names a split column that the table lacks.
    """
    column = find_split_column(frame, columns, config)
    if config.split_column is not None and column is None:
        raise unknown_column_error("--split-column", config.split_column, dataset, columns)
    if column is None:
        return None
    return frame[column].map(normalize_label, na_action="ignore").astype(object)


def find_split_column(frame: pd.DataFrame, columns: Sequence[str], config: RunConfig) -> str | None:
    """Return the split column: the config's, the Hub's, or a column "split" that contains only common names."""
    if config.split_column is not None:
        return config.split_column if config.split_column in columns else None
    if SPLIT_COLUMN in frame:
        return SPLIT_COLUMN
    for column in columns:
        if str(column).strip().casefold() == "split" and all(map(is_common_split, set(map(str, frame[column])))):
            return column
    return None


def is_common_split(name: object) -> bool:
    """Return whether this is a common name of a split."""
    return any(_normalize_name(name) in names for names in COMMON_SPLIT_NAMES.values())


def assign_splits(
    names: Sequence[str],
    unlabeled: Sequence[str],
    dataset: str,
    requested: Mapping[str, str],
    splits: Sequence[str],
    strict: bool,
) -> dict[str, str]:
    """Return the source's split for each of ``splits``: the requested one, or the one with a common name.

    ``unlabeled`` splits are never assigned. ``strict``: raise `RequestError` if no assignment is
    possible, instead of treating the source as one without splits.
    """
    _require_labeled_splits(requested, names, unlabeled, dataset)
    assigned = dict(requested)
    for name in (name for name in COMMON_SPLIT_NAMES if name in splits and name not in assigned):
        match = _find_common_split(name, [split for split in names if split not in {*assigned.values(), *unlabeled}])
        if match is not None:
            assigned[name] = match
    has_train = "train" in assigned or "train" not in splits or set(names) <= set(assigned.values())
    if strict and not (assigned and has_train):
        raise RequestError(
            f"Cannot tell which split of {dataset} is the training split. {_format_splits(names)} "
            "Assign them, as in: --splits train=NAME test=NAME",
            code="ambiguous_splits",
        )
    return assigned


def _require_labeled_splits(
    requested: Mapping[str, str], names: Sequence[str], unlabeled: Sequence[str], dataset: str
) -> None:
    """Raise `RequestError` if a requested split has no labels or does not exist."""
    for name, split in requested.items():
        if split in unlabeled:
            raise RequestError(
                f"--splits {name}={split}: no row of this split of {dataset} has a label.", code="unlabeled_split"
            )
        if split not in names:
            raise RequestError(
                f"--splits {name}={split}: {dataset} has no such split. "
                f"{_format_splits(names)}{did_you_mean(split, names)}",
                code="unknown_split",
            )


def _find_common_split(name: str, candidates: Sequence[str]) -> str | None:
    """Return the candidate with the first common name of a split, ignoring case and surrounding spaces."""
    by_name = {_normalize_name(split): split for split in candidates}
    return next((by_name[common] for common in COMMON_SPLIT_NAMES[name] if common in by_name), None)


def refuse_requested_splits(requested: Mapping[str, str], dataset: str, columns: Sequence[str]) -> None:
    """Raise `RequestError` if splits are requested from a source without splits."""
    if requested:
        name, split = next(iter(requested.items()))
        raise RequestError(
            f"--splits {name}={split}: {dataset} has no splits. "
            f"If a column contains them, name it with --split-column. {format_columns(columns)}",
            code="no_splits",
        )


def _normalize_name(name: object) -> str:
    return str(name).strip().casefold()


def _format_splits(names: Sequence[str]) -> str:
    listed = [f"{name:.60}" for name in names[:_MAX_LISTED_SPLITS]]
    return f"Splits: {', '.join(listed)}{' …' if len(names) > _MAX_LISTED_SPLITS else ''}."
