"""One labelled source, whatever it came from: bundled, a file, or the Hub."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from core.config import RunConfig
from core.data import bundled
from core.data.files import READERS, read_file
from core.data.hub import read_hub
from core.errors import RequestError, did_you_mean

TEXT_NAMES = ("text", "sentence", "review", "content", "comment", "tweet", "message", "body", "question", "title")
LABEL_NAMES = ("label", "labels", "sentiment", "class", "category", "target", "polarity", "rating", "stars")
SPLIT_COLUMN = "__split__"


@dataclass(frozen=True)
class Source:
    """Labelled text before it is split.

    ``frame`` has the columns ``text`` and ``label`` (names, never codes), ``extra`` (a dict of the
    other columns) and ``split`` (the source's own split, or None). ``labels`` holds the label names
    in their order; ``left_out`` counts the rows that could not be used, by reason.
    """

    name: str
    source: str
    revision: str | None
    text_column: str
    label_column: str
    frame: pd.DataFrame
    labels: tuple[str, ...]
    left_out: dict[str, int]


def load_source(config: RunConfig) -> Source:
    """Load the config's data set: a bundled name, else a file, else the Hub.

    Raises `RequestError` where it can't be found, read, or used as labelled text.
    """
    name = config.dataset
    if name in bundled.BUNDLED:
        frame = bundled.load(name)
        return as_source(config, name, f"bundled:{name}", None, frame)
    path = Path(name).expanduser()
    if path.is_dir():
        raise RequestError(f"--dataset {name} is a folder. Name one of its files ({', '.join(READERS)}).")
    if path.suffix.lower() in READERS or path.exists():
        if not path.is_file():
            raise RequestError(f"There is no file {name}.{did_you_mean(path.name, _neighbours(path))}")
        frame, revision = read_file(path)
        return as_source(config, path.stem, f"file:{name}", revision, frame)
    frame, commit = read_hub(name)
    return as_source(config, name, f"hub:{name}", commit, frame)


def _neighbours(path: Path) -> list[str]:
    return [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []


def as_source(config: RunConfig, name: str, source: str, revision: str | None, frame: pd.DataFrame) -> Source:
    """Make a source of a table: find its columns, name its labels, leave out what can't be used."""
    columns = [column for column in frame.columns if column != SPLIT_COLUMN]
    if frame.empty:
        raise RequestError(f"{config.dataset} holds no rows.")
    text = _column(config, "text_column", columns, TEXT_NAMES)
    label = _column(config, "label_column", columns, LABEL_NAMES)
    if text == label:
        raise RequestError(f"--text-column and --label-column both name '{text}' of {config.dataset}.")
    usable, left_out = _usable(frame, text, label)
    labels = _label_names(usable[label])
    if len(labels) < 2:
        raise RequestError(_too_few_labels(config.dataset, label, labels, len(usable), columns))
    split = usable.get(SPLIT_COLUMN)
    others = usable.drop(columns=[text, label, SPLIT_COLUMN], errors="ignore")
    result = pd.DataFrame(
        {
            "text": usable[text].astype(str),
            "label": usable[label].map(_label_name),
            "extra": [_plain(row) for row in others.to_dict(orient="records")],
            "split": split,
        }
    ).reset_index(drop=True)
    return Source(name, source, revision, text, label, result, labels, left_out)


def _column(config: RunConfig, field: str, columns: list[str], usual: tuple[str, ...]) -> str:
    """Return the named column, or the first of the usual names that the data have."""
    flag = "--" + field.replace("_", "-")
    named: str | None = getattr(config, field)
    known = f"Its columns are: {', '.join(map(str, columns))}."
    if named is not None:
        if named not in columns:
            raise RequestError(f"{flag} '{named}' is not in {config.dataset}. {known}{did_you_mean(named, columns)}")
        return named
    by_lower = {str(column).strip().lower(): column for column in columns}
    for name in usual:
        if name in by_lower:
            return by_lower[name]
    raise RequestError(
        f"{config.dataset} has no column with a usual name for a {field.removesuffix('_column')}. {known} "
        f"Name one with {flag}."
    )


def _usable(frame: pd.DataFrame, text: str, label: str) -> tuple[pd.DataFrame, dict[str, int]]:
    """Leave out rows without text or label, and count them."""
    no_text = frame[text].isna() | (frame[text].astype(str).str.strip() == "")
    no_label = ~no_text & (frame[label].isna() | (frame[label].astype(str).str.strip() == ""))
    counts = {"without text": int(no_text.sum()), "without label": int(no_label.sum())}
    return frame[~no_text & ~no_label], {reason: count for reason, count in counts.items() if count}


def _label_name(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a column of 0 and 1 with a gap is read as 0.0 and 1.0
    return str(value).strip()


def _label_names(column: pd.Series) -> tuple[str, ...]:
    """Return the distinct label names: numbers by size, words by alphabet."""
    names = sorted({_label_name(value) for value in column.unique()})
    try:
        return tuple(sorted(names, key=float))
    except ValueError:
        return tuple(names)


def _too_few_labels(dataset: str, column: str, labels: tuple[str, ...], rows: int, columns: list[str]) -> str:
    found = f"one label only ('{labels[0]}', {rows:,} rows)" if labels else "no row with both a text and a label"
    return (
        f"{dataset} has {found}: nothing can be learnt or measured. "
        f"Is --label-column '{column}' right? Its columns: {', '.join(map(str, columns))}."
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
    return value if isinstance(value, str | bool | int | float) else str(value)
