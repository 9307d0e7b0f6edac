"""Map the splits of a source to train, validation and test."""

from collections.abc import Mapping, Sequence

import pandas as pd

from core.config import RunConfig
from core.data.columns import format_columns
from core.data.labels import label_name
from core.errors import RequestError, did_you_mean

SPLIT_COLUMN = "__split__"
"""The column with the split name of each row of a Hub data set."""

_MAX_LISTED = 30

COMMON_SPLIT_NAMES = {
    "train": ("train", "training"),
    "test": ("test", "testing", "eval", "evaluation"),
    "validation": ("validation", "valid", "val", "dev", "development", "eval", "evaluation"),
}
"""Common names of each split, in the order in which splits are assigned."""


def read_split_names(frame: pd.DataFrame, columns: Sequence[str], dataset: str, config: RunConfig) -> pd.Series | None:
    """Return the split name of each row; None if the source has no splits.

    It is read from the config's split column, else from the Hub's splits, else from a column 'split' with common names
    only. Raises `RequestError` if the config's column is missing.
    """
    column = find_split_column(frame, columns, config)
    if config.split_column is not None and column is None:
        raise RequestError(
            f"--split-column '{config.split_column}' is not in {dataset}. {format_columns(columns)}"
            f"{did_you_mean(config.split_column, map(str, columns))}"
        )
    if column is None:
        return None
    return frame[column].map(label_name, na_action="ignore").astype(object)


def find_split_column(frame: pd.DataFrame, columns: Sequence[str], config: RunConfig) -> str | None:
    """Return the column with the split names, if there is one."""
    if config.split_column is not None:
        return config.split_column if config.split_column in columns else None
    if SPLIT_COLUMN in frame:
        return SPLIT_COLUMN
    common = {name for names in COMMON_SPLIT_NAMES.values() for name in names}
    for column in columns:
        if str(column).strip().casefold() == "split" and set(frame[column].map(_normalize)) <= common:
            return column
    return None


def assign_splits(
    names: Sequence[str],
    unlabeled: Sequence[str],
    dataset: str,
    requested: Mapping[str, str],
    needed: Sequence[str],
    strict: bool,
) -> dict[str, str]:
    """Return the source's split for each needed split: the requested one, else one with a common name.

    ``unlabeled`` splits are not used. ``strict``: raise an error if no split matches, instead of treating the source as
    one without splits.
    """
    for name, split in requested.items():
        if split in unlabeled:
            raise RequestError(f"--splits {name}={split}: no row of this split of {dataset} has a label.")
        if split not in names:
            raise RequestError(
                f"--splits {name}={split}: {dataset} has no such split. {_list_splits(names)}"
                f"{did_you_mean(split, names)}"
            )
    assigned = dict(requested)
    for name in (name for name in COMMON_SPLIT_NAMES if name in needed and name not in assigned):
        used = {*assigned.values(), *unlabeled}
        free = {_normalize(split): split for split in names if split not in used}
        match = next((free[common] for common in COMMON_SPLIT_NAMES[name] if common in free), None)
        if match is not None:
            assigned[name] = match
    has_training = "train" in assigned or "train" not in needed or set(names) <= set(assigned.values())
    if strict and not (assigned and has_training):
        raise RequestError(
            f"Cannot determine the training split of {dataset}. {_list_splits(names)} "
            "Name the splits: --splits train=NAME test=NAME"
        )
    return assigned


def refuse_missing_splits(requested: Mapping[str, str], dataset: str, columns: Sequence[str]) -> None:
    """Raise `RequestError` if splits are requested of a source that has none."""
    if requested:
        name, split = next(iter(requested.items()))
        raise RequestError(
            f"--splits {name}={split}: {dataset} has no splits. "
            f"If a column contains them, name it with --split-column. {format_columns(columns)}"
        )


def _normalize(name: object) -> str:
    return str(name).strip().casefold()


def _list_splits(names: Sequence[str]) -> str:
    shown = [f"{name:.60}" for name in names[:_MAX_LISTED]]
    return f"Splits: {', '.join(shown)}{' …' if len(names) > _MAX_LISTED else ''}."
