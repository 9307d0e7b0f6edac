"""Which of a source's own splits each of ours is drawn from."""

from collections.abc import Mapping, Sequence

import pandas as pd

from core.config import RunConfig
from core.data.columns import format_columns
from core.data.labels import label_name
from core.errors import RequestError, did_you_mean

SPLIT_COLUMN = "__split__"
"""The column in which a Hub data set's rows bring the name of their split."""

_MOST_TOLD = 30

USUAL_SPLIT_NAMES = {
    "train": ("train", "training"),
    "test": ("test", "testing", "eval", "evaluation"),
    "validation": ("validation", "valid", "val", "dev", "development", "eval", "evaluation"),
}
"""Our splits in the order in which they choose, and the usual names of each."""


def read_split_names(frame: pd.DataFrame, columns: Sequence[str], dataset: str, config: RunConfig) -> pd.Series | None:
    """Return the name of each row's own split; None where the source has no splits of its own.

    It stands in the column that the config names, else in the Hub's splits, else in a column
    'split' that holds usual names alone. Raises `RequestError` where the named column is missing.
    """
    named = find_split_column(frame, columns, config)
    if config.split_column is not None and named is None:
        raise RequestError(
            f"--split-column '{config.split_column}' is not in {dataset}. {format_columns(columns)}"
            f"{did_you_mean(config.split_column, map(str, columns))}"
        )
    if named is None:
        return None
    return frame[named].map(label_name, na_action="ignore").astype(object)


def find_split_column(frame: pd.DataFrame, columns: Sequence[str], config: RunConfig) -> str | None:
    """Return the column that tells a row's split, if there is one."""
    if config.split_column is not None:
        return config.split_column if config.split_column in columns else None
    if SPLIT_COLUMN in frame:
        return SPLIT_COLUMN
    usual = {name for names in USUAL_SPLIT_NAMES.values() for name in names}
    for column in columns:
        if str(column).strip().casefold() == "split" and set(frame[column].map(_bare)) <= usual:
            return column
    return None


def assign_splits(
    names: Sequence[str],
    hidden: Sequence[str],
    dataset: str,
    asked: Mapping[str, str],
    ours: Sequence[str],
    strict: bool,
) -> dict[str, str]:
    """Return for each of ``ours`` the source's split to draw from: the asked one, else that of a usual name.

    Splits in ``hidden`` have no labels and serve only to be told. ``strict``: where nothing fits,
    that is an error rather than a source without splits.
    """
    for name, split in asked.items():
        if split in hidden:
            raise RequestError(f"--splits {name}={split}: no row of this split of {dataset} has a label.")
        if split not in names:
            raise RequestError(
                f"--splits {name}={split}: {dataset} has no such split. {_told(names)}{did_you_mean(split, names)}"
            )
    own = dict(asked)
    for name in (name for name in USUAL_SPLIT_NAMES if name in ours and name not in own):
        free = {_bare(split): split for split in names if split not in own.values() and split not in hidden}
        found = next((free[usual] for usual in USUAL_SPLIT_NAMES[name] if usual in free), None)
        if found is not None:
            own[name] = found
    if strict and not (own and ("train" in own or "train" not in ours or set(names) <= set(own.values()))):
        raise RequestError(
            f"It does not show which split of {dataset} is for training. {_told(names)} "
            "Say which is which, as in: --splits train=NAME test=NAME"
        )
    return own


def refuse_splits_of_none(asked: Mapping[str, str], dataset: str, columns: Sequence[str]) -> None:
    """Refuse a wish for splits where the source has none of its own."""
    if asked:
        name, split = next(iter(asked.items()))
        raise RequestError(
            f"--splits {name}={split}: {dataset} has no splits of its own. "
            f"Where a column tells them, name it with --split-column. {format_columns(columns)}"
        )


def _bare(name: object) -> str:
    return str(name).strip().casefold()


def _told(names: Sequence[str]) -> str:
    shown = [f"{name:.60}" for name in names[:_MOST_TOLD]]
    return f"Its splits are: {', '.join(shown)}{' …' if len(names) > _MOST_TOLD else ''}."
