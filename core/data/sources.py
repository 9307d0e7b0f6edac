"""One labelled source, whatever it came from: bundled, a file, or the Hub."""

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
    refuse_splits_of_none,
)
from core.errors import RequestError, did_you_mean
from core.system.files import parse_user_path

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Table:
    """A table as it was read: what the user called it, its name, where it is from, its rows."""

    given: str
    name: str
    source: str
    revision: str | None
    frame: pd.DataFrame


@dataclass(frozen=True)
class Source:
    """Labelled text before it is split.

    ``frame`` has the columns ``text`` and ``label`` (names, never codes), ``extra`` (a dict of the
    other columns) and ``split`` (the source's own split, or None). ``own`` says which of those
    splits each of ours is drawn from; it is empty where the source has none. ``labels`` holds the
    label names in their order; ``left_out`` counts the rows that are not used, by reason, ``mended``
    those in which characters that no database can hold were replaced.
    """

    name: str
    source: str
    revision: str | None
    text_column: str
    label_column: str
    frame: pd.DataFrame
    labels: tuple[str, ...]
    own: dict[str, str]
    left_out: dict[str, int]
    mended: int = 0


def load_source(config: RunConfig) -> Source:
    """Load the config's data set, and the one that its test split is drawn from where it names one.

    A name is that of a bundled set, else of a file, else the Hub's. Raises `RequestError` where it
    can't be found, read, or used as labelled text.
    """
    table = _read(config, "dataset")
    tables = [table]
    if config.test_dataset is not None:
        tables.append(_read(config, "test_dataset"))
        if _same(config.dataset, config.test_dataset) and not config.splits:
            raise RequestError(f"--test-dataset {config.test_dataset} is --dataset: it would be trained on and tested.")
    if config.dataset_config is not None and not any(one.source.startswith("hub:") for one in tables):
        raise RequestError(f"--dataset-config is for data sets of the Hub; {config.dataset} is none.")
    if config.test_dataset is None:
        return make_source(table, config)
    main = make_source(table, config, ours=("train", "validation"))
    return _joined(main, make_source(tables[1], _for_test(config, tables[1]), ours=("test",), like=main))


def _read(config: RunConfig, field: str) -> Table:
    name: str = getattr(config, field)
    if name in bundled.BUNDLED:
        return Table(name, name, f"bundled:{name}", None, bundled.load_bundled(name))
    path = parse_user_path(flag(field), name)
    if path.is_dir():
        raise RequestError(f"{flag(field)} {name} is a folder. Name one of its files ({SUPPORTED_SUFFIXES}).")
    if is_supported(path) or path.exists():
        if not path.exists():
            raise RequestError(f"There is no file {name}.{did_you_mean(path.name, _neighbours(path))}")
        frame, revision = read_table(path)
        return Table(name, path.name[: -len(file_suffix(path))], f"file:{name}", revision, frame)
    frame, revision_ = read_hub_dataset(name, config.dataset_config)
    full = f"{name}:{config.dataset_config}" if config.dataset_config else name
    return Table(name, full, f"hub:{full}", revision_, frame)


def _neighbours(path: Path) -> list[str]:
    return [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []


def make_source(table: Table, config: RunConfig, ours: Sequence[str] = SPLITS, like: Source | None = None) -> Source:
    """Make a source of a table: find its columns and splits, name its labels, leave out what can't be used.

    ``ours``: the splits that are drawn from it; ``like``: the source whose columns and labels it
    should have.
    """
    given = table.given
    frame, mended = sanitize_frame(table.frame)
    columns = [column for column in frame.columns if column != SPLIT_COLUMN]
    if frame.empty:
        raise RequestError(f"{given} holds no rows.")
    split_by = find_split_column(frame, columns, config)
    text, label = detect_columns(
        frame,
        [column for column in columns if column != split_by],
        given,
        config,
        None if like is None else (like.text_column, like.label_column),
    )
    names = read_split_names(frame, columns, given, config)
    own, reasons = _own_splits(frame[label], names, columns, given, config, ours)
    usable, left_out = _usable(frame, text, label, reasons)
    _refuse_what_is_no_text(usable[text], given)
    label_names, labels = name_labels(usable[label], given)
    if len(labels) < 2 and like is None:
        raise RequestError(_too_few_labels(given, label, labels, len(usable), columns))
    others = usable.drop(columns=[text, label, SPLIT_COLUMN, *([split_by] if split_by else [])], errors="ignore")
    result = pd.DataFrame(
        {
            "text": list(map(str, usable[text])),
            "label": list(label_names),
            "extra": [_plain(row) for row in others.to_dict(orient="records")],
            "split": None if names is None or not own else list(names[usable.index]),
        }
    )
    return Source(table.name, table.source, table.revision, text, label, result, labels, own, left_out, mended)


def _own_splits(
    labels: pd.Series,
    names: pd.Series | None,
    columns: Sequence[str],
    given: str,
    config: RunConfig,
    ours: Sequence[str],
) -> tuple[dict[str, str], dict[str, pd.Series]]:
    """Return the source's split for each of ours, and which rows are left out for their split, by reason."""
    asked: dict[str, str] = {name: split for name, split in config.splits.items() if name in ours}
    if names is None:
        refuse_splits_of_none(asked, given, columns)
        return {}, {}
    unlabelled = unlabeled_splits(labels, names)
    known = [str(name) for name in names.dropna().unique()]
    own = assign_splits(known, unlabelled, given, asked, ours, strict=config.split_column is not None)
    reasons = {f"in the split '{name}', which has no labels": names == name for name in unlabelled}
    if own:
        reasons["without a split"] = names.isna()
        others = [name for name in known if name not in {*own.values(), *unlabelled}]
        reasons |= {f"in the split '{name}'": names == name for name in others}
    return own, reasons


def _usable(
    frame: pd.DataFrame, text: str, label: str, reasons: dict[str, pd.Series]
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Leave out the rows with a reason, and those without text or label; count them by the first reason."""
    kept = pd.Series(True, index=frame.index)
    counts = {}
    for reason, rows in (
        reasons | {"without text": is_missing(frame[text]), "without label": is_missing(frame[label])}
    ).items():
        counts[reason] = int((kept & rows).sum())
        kept &= ~rows
    return frame[kept], {reason: count for reason, count in counts.items() if count}


def _refuse_what_is_no_text(column: pd.Series, given: str) -> None:
    words = [value for value in column if isinstance(value, str)]
    if not column.empty and (not words or pd.to_numeric(pd.Series(words), errors="coerce").notna().all()):
        raise RequestError(
            f"Column '{column.name}' of {given} holds no texts but values such as {str(column.iloc[0])[:60]}. "
            "Name the column with the texts with --text-column."
        )
    odd = next((value for value in column if not isinstance(value, str | bool | int | float)), None)
    if odd is not None:
        raise RequestError(
            f"Column '{column.name}' of {given} holds lists, objects or bytes ({str(odd)[:60]}) among its texts. "
            "Make one text of each, or name another column with --text-column."
        )


def _for_test(config: RunConfig, table: Table) -> RunConfig:
    """Return the config as it holds for the test set, which need not have the same split column."""
    if config.split_column in table.frame.columns:
        return config
    return config.model_copy(update={"split_column": None})


def _joined(main: Source, test: Source) -> Source:
    """Return one source that trains on the first and is tested on the second."""
    unknown = [label for label in test.labels if label not in main.labels]
    if unknown:
        raise RequestError(
            f"{test.source} has labels that {main.source} lacks: {', '.join(unknown)}. "
            f"It has: {', '.join(main.labels)}. Labels of the test split have to be learnt from the training split."
        )
    ours = main.frame if main.own else main.frame.assign(split="--dataset")
    names = (test.text_column, test.label_column)
    named = "" if names == (main.text_column, main.label_column) else f" (columns {', '.join(names)})"
    return replace(
        main,
        source=f"{main.source}, test {test.source}{named}",
        revision=", test ".join(revision for revision in (main.revision, test.revision) if revision) or None,
        frame=pd.concat([ours, test.frame.assign(split="--test-dataset")], ignore_index=True),
        own=(main.own or {"train": "--dataset"}) | {"test": "--test-dataset"},
        left_out=main.left_out | {f"of the test set {reason}": count for reason, count in test.left_out.items()},
        mended=main.mended + test.mended,
    )


def _too_few_labels(dataset: str, column: str, labels: tuple[str, ...], rows: int, columns: list[str]) -> str:
    found = f"one label only ('{labels[0]}', {rows:,} rows)" if labels else "no row with both a text and a label"
    return (
        f"{dataset} has {found}: nothing can be learnt or measured. "
        f"Is --label-column '{column}' right? {format_columns(columns)}"
    )


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    """Turn NumPy and pandas values into what JSON can hold; missing ones become None."""
    return {str(key): _plain_value(value) for key, value in row.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, str | bool | int):
        return value
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if value is None or (isinstance(value, float) and value != value) or value is pd.NaT or value is pd.NA:
        return None
    finite = isinstance(value, float) and math.isfinite(value)  # JSON has no other numbers
    return value if finite or isinstance(value, str | bool | int) else str(value)


def _same(dataset: str, other: str) -> bool:
    """Tell whether two names are of one data set: the same word, or ways to the same file."""
    files = [Path(name).expanduser() for name in (dataset, other)]
    return dataset == other or (all(file.is_file() for file in files) and files[0].samefile(files[1]))
