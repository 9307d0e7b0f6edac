"""Load labeled text from bundled data, a file or the Hub."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from core.config import RunConfig, flag
from core.data import bundled
from core.data.columns import detect_columns, format_columns
from core.data.hub import read_hub_dataset
from core.data.labels import is_missing, name_labels, unlabeled_splits
from core.data.readers import SUPPORTED_SUFFIXES, file_suffix, is_supported, read_table
from core.data.sanitize import sanitize_frame
from core.data.source_splits import (
    SPLIT_COLUMN,
    assign_splits,
    find_split_column,
    read_split_names,
    refuse_missing_splits,
)
from core.errors import RequestError, did_you_mean
from core.system.files import parse_user_path

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Table:
    """A table as read: the name that the user gave, its name, its source and its rows."""

    given: str
    name: str
    source: str
    revision: str | None
    frame: pd.DataFrame


@dataclass(frozen=True)
class Source:
    """Labeled text before it is split.

    ``frame`` has the columns ``text``, ``label`` (names, not codes), ``extra`` (a dict of the other columns) and
    ``split`` (the source's split, or None). ``split_names`` maps train, validation and test to the source's splits; it
    is empty if the source has none. ``labels``: the ordered label names. ``excluded``: the number of excluded rows by
    reason. ``sanitized_rows``: the number of rows with replaced characters.
    """

    name: str
    source: str
    revision: str | None
    text_column: str
    label_column: str
    frame: pd.DataFrame
    labels: tuple[str, ...]
    split_names: dict[str, str]
    excluded: dict[str, int]
    sanitized_rows: int = 0


def load_source(config: RunConfig) -> Source:
    """Load the config's data set, and its test data set if it names one.

    A name is that of a bundled set, else of a file, else of the Hub. Raises `RequestError` if it cannot be found, read
    or used.
    """
    table = _read(config, "dataset")
    tables = [table]
    if config.test_dataset is not None:
        tables.append(_read(config, "test_dataset"))
        if _is_same(config.dataset, config.test_dataset) and not config.splits:
            raise RequestError(
                f"--test-dataset {config.test_dataset} is --dataset itself: its examples would be in both splits."
            )
    if config.dataset_config is not None and not any(table.source.startswith("hub:") for table in tables):
        raise RequestError(f"--dataset-config applies to data sets of the Hub only; {config.dataset} is not one.")
    if config.test_dataset is None:
        return make_source(table, config)
    main = make_source(table, config, needed=("train", "validation"))
    return _join(main, make_source(tables[1], _test_config(config, tables[1]), needed=("test",), like=main))


def _read(config: RunConfig, field: str) -> Table:
    name: str = getattr(config, field)
    if name in bundled.BUNDLED:
        return Table(name, name, f"bundled:{name}", None, bundled.load_bundled(name))
    path = parse_user_path(flag(field), name)
    if path.is_dir():
        raise RequestError(f"{flag(field)} {name} is a folder. Name one of its files ({SUPPORTED_SUFFIXES}).")
    if is_supported(path) or path.exists():
        if not path.exists():
            raise RequestError(f"File {name} does not exist.{did_you_mean(path.name, _sibling_names(path))}")
        frame, revision = read_table(path)
        return Table(name, path.name[: -len(file_suffix(path))], f"file:{name}", revision, frame)
    frame, revision_ = read_hub_dataset(name, config.dataset_config)
    full = f"{name}:{config.dataset_config}" if config.dataset_config else name
    return Table(name, full, f"hub:{full}", revision_, frame)


def _sibling_names(path: Path) -> list[str]:
    return [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []


def make_source(table: Table, config: RunConfig, needed: Sequence[str] = SPLITS, like: Source | None = None) -> Source:
    """Make a source of a table: detect columns and splits, name the labels, exclude unusable rows.

    ``needed``: the splits that are drawn from it. ``like``: the source whose columns and labels it must have.
    """
    given = table.given
    frame, sanitized_rows = sanitize_frame(table.frame)
    columns = [column for column in frame.columns if column != SPLIT_COLUMN]
    if frame.empty:
        raise RequestError(f"{given} has no rows.")
    split_by = find_split_column(frame, columns, config)
    text, label = detect_columns(
        frame,
        [column for column in columns if column != split_by],
        given,
        config,
        None if like is None else (like.text_column, like.label_column),
    )
    names = read_split_names(frame, columns, given, config)
    split_names, reasons = _map_splits(frame[label], names, columns, given, config, needed)
    usable, excluded = _exclude_rows(frame, text, label, reasons)
    _refuse_non_text(usable[text], given)
    label_names, labels = name_labels(usable[label], given)
    if len(labels) < 2 and like is None:
        raise RequestError(_too_few_labels_message(given, label, labels, len(usable), columns))
    others = usable.drop(columns=[text, label, SPLIT_COLUMN, *([split_by] if split_by else [])], errors="ignore")
    result = pd.DataFrame(
        {
            "text": list(map(str, usable[text])),
            "label": list(label_names),
            "extra": [_to_json_row(row) for row in others.to_dict(orient="records")],
            "split": None if names is None or not split_names else list(names[usable.index]),
        }
    )
    return Source(
        table.name,
        table.source,
        table.revision,
        text,
        label,
        result,
        labels,
        split_names,
        excluded,
        sanitized_rows,
    )


def _map_splits(
    labels: pd.Series,
    names: pd.Series | None,
    columns: Sequence[str],
    given: str,
    config: RunConfig,
    needed: Sequence[str],
) -> tuple[dict[str, str], dict[str, pd.Series]]:
    """Return the source's split for each needed split, and which rows to exclude for their split, by reason."""
    requested: dict[str, str] = {name: split for name, split in config.splits.items() if name in needed}
    if names is None:
        refuse_missing_splits(requested, given, columns)
        return {}, {}
    unlabeled = unlabeled_splits(labels, names)
    existing = [str(name) for name in names.dropna().unique()]
    split_names = assign_splits(existing, unlabeled, given, requested, needed, strict=config.split_column is not None)
    reasons = {f"in the split '{name}', which has no labels": names == name for name in unlabeled}
    if split_names:
        reasons["without a split"] = names.isna()
        others = [name for name in existing if name not in {*split_names.values(), *unlabeled}]
        reasons |= {f"in the split '{name}'": names == name for name in others}
    return split_names, reasons


def _exclude_rows(
    frame: pd.DataFrame, text: str, label: str, reasons: dict[str, pd.Series]
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Exclude the rows with a reason and those without text or label; count them by their first reason."""
    kept = pd.Series(True, index=frame.index)
    counts = {}
    for reason, rows in (
        reasons | {"without text": is_missing(frame[text]), "without label": is_missing(frame[label])}
    ).items():
        counts[reason] = int((kept & rows).sum())
        kept &= ~rows
    return frame[kept], {reason: count for reason, count in counts.items() if count}


def _refuse_non_text(column: pd.Series, given: str) -> None:
    strings = [value for value in column if isinstance(value, str)]
    if not column.empty and (not strings or pd.to_numeric(pd.Series(strings), errors="coerce").notna().all()):
        raise RequestError(
            f"Column '{column.name}' of {given} contains no texts but values such as {str(column.iloc[0])[:60]}. "
            "Name the text column with --text-column."
        )
    other = next((value for value in column if not isinstance(value, str | bool | int | float)), None)
    if other is not None:
        raise RequestError(
            f"Column '{column.name}' of {given} contains lists, objects or bytes ({str(other)[:60]}) among its texts. "
            "Convert them to texts, or name another column with --text-column."
        )


def _test_config(config: RunConfig, table: Table) -> RunConfig:
    """Return the config for the test data set, which may lack the split column."""
    if config.split_column in table.frame.columns:
        return config
    return config.model_copy(update={"split_column": None})


def _join(main: Source, test: Source) -> Source:
    """Return one source with the training data of the first and the test data of the second."""
    unknown = [label for label in test.labels if label not in main.labels]
    if unknown:
        raise RequestError(
            f"{test.source} has labels that {main.source} lacks: {', '.join(unknown)}. "
            f"Its labels are: {', '.join(main.labels)}. Every test label must occur in the training data."
        )
    main_frame = main.frame if main.split_names else main.frame.assign(split="--dataset")
    names = (test.text_column, test.label_column)
    columns = "" if names == (main.text_column, main.label_column) else f" (columns {', '.join(names)})"
    return replace(
        main,
        source=f"{main.source}, test {test.source}{columns}",
        revision=", test ".join(revision for revision in (main.revision, test.revision) if revision) or None,
        frame=pd.concat([main_frame, test.frame.assign(split="--test-dataset")], ignore_index=True),
        split_names=(main.split_names or {"train": "--dataset"}) | {"test": "--test-dataset"},
        excluded=main.excluded | {f"of the test set {reason}": count for reason, count in test.excluded.items()},
        sanitized_rows=main.sanitized_rows + test.sanitized_rows,
    )


def _too_few_labels_message(dataset: str, column: str, labels: tuple[str, ...], rows: int, columns: list[str]) -> str:
    content = f"only one label ('{labels[0]}', {rows:,} rows)" if labels else "no row with both a text and a label"
    return (
        f"{dataset} has {content}: there is nothing to learn or measure. "
        f"Is --label-column '{column}' right? {format_columns(columns)}"
    )


def _to_json_row(row: dict[Any, Any]) -> dict[str, Any]:
    """Convert NumPy and pandas values to JSON values; missing ones become None."""
    return {str(key): _to_json_value(value) for key, value in row.items()}


def _to_json_value(value: Any) -> Any:
    if isinstance(value, str | bool | int):
        return value
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if value is None or (isinstance(value, float) and value != value) or value is pd.NaT or value is pd.NA:
        return None
    finite = isinstance(value, float) and math.isfinite(value)  # JSON has only finite numbers
    return value if finite or isinstance(value, str | bool | int) else str(value)


def _is_same(dataset: str, other: str) -> bool:
    """Return whether two names are equal or paths to the same file."""
    files = [Path(name).expanduser() for name in (dataset, other)]
    return dataset == other or (all(file.is_file() for file in files) and files[0].samefile(files[1]))
