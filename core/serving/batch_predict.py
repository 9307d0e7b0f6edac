"""Predict files of texts, and write their rows and columns with the predictions."""

import csv
import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.data.columns import TEXT_NAMES, format_columns
from core.data.readers import read_table
from core.data.sanitize import sanitize_frame
from core.errors import RequestError, did_you_mean
from core.text.sanitize import escape_formula

if TYPE_CHECKING:
    from core.serving.inference import LoadedRun

CHUNK = 2048
"""Number of rows that are predicted and written at a time."""

Writer = Callable[[pd.DataFrame, TextIO, bool], None]
"""Write a chunk of rows; the last argument is True for the first chunk."""


def _delimited_writer(separator: str) -> Writer:
    def write(rows: pd.DataFrame, file: TextIO, first: bool) -> None:
        to_csv = partial(rows.to_csv, sep=separator, index=False, header=first, lineterminator="\n")
        text = to_csv()
        # pandas does not quote a lone carriage return, which ends a row for many readers.
        file.write(to_csv(quoting=csv.QUOTE_NONNUMERIC) if "\r" in text else text)

    return write


def _write_json_lines(rows: pd.DataFrame, file: TextIO, first: bool) -> None:
    rows.to_json(file, orient="records", lines=True, force_ascii=False, date_format="iso")


WRITERS: dict[str, Writer] = {
    ".csv": _delimited_writer(","),
    ".tsv": _delimited_writer("\t"),
    ".jsonl": _write_json_lines,
}


@dataclass(frozen=True)
class Rows:
    """A table and the name of its text column."""

    frame: pd.DataFrame
    text_column: str

    def __len__(self) -> int:
        return len(self.frame)


def read_input_rows(path: Path, requested: str | None, default: str) -> Rows:
    """Read a file of texts.

    The text column is the requested one, else that of the run's data (``default``), else one with a common name, else
    the only one. Raises `RequestError` if there is no such file or column.
    """
    if path.is_dir():
        raise RequestError(f"--file {path} is a folder. Name one of its files.")
    if not path.exists():
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise RequestError(f"File {path} does not exist.{did_you_mean(path.name, siblings)}")
    frame, _ = sanitize_frame(read_table(path, as_written=True)[0])
    columns = [str(column) for column in frame.columns]
    if not columns:
        raise RequestError(f"{path} has no rows.")
    listed = format_columns(columns)
    if requested is not None and requested not in columns:
        raise RequestError(f"--text-column '{requested}' is not in {path}. {listed}{did_you_mean(requested, columns)}")
    by_lower = {column.strip().lower().replace("_", " "): column for column in columns}
    common = [default] if default in columns else [by_lower[name] for name in TEXT_NAMES if name in by_lower]
    candidates = [requested] if requested is not None else common or columns
    if len(candidates) > 1 and not common:
        raise RequestError(
            f"{path} has neither the run's text column '{default}' nor one with a common name. {listed} "
            "Name one with --text-column."
        )
    return Rows(frame.reset_index(drop=True).set_axis(columns, axis=1), candidates[0])


def check_output_path(path: Path, source: Path | None) -> None:
    """Raise `RequestError` for an output path that cannot be written."""
    if path.suffix.lower() not in WRITERS:
        raise RequestError(f"--output {path} has the suffix '{path.suffix}'. Supported: {', '.join(WRITERS)}.")
    if not path.absolute().parent.is_dir():
        raise RequestError(f"--output {path}: the folder {path.parent} does not exist.")
    if path.is_dir():
        raise RequestError(f"--output {path} is a folder. Name a file in it.")
    if path.exists() and not path.is_file():
        raise RequestError(f"--output {path} is a device or a pipe. Name a file.")
    if source is not None and path.exists() and path.samefile(source):
        raise RequestError(f"--output {path} is the input file. Name another one.")


def predict_texts(loaded: "LoadedRun", texts: Sequence[str]) -> NDArray[np.float32]:
    """Return probabilities [n, k]; NaN for an empty text."""
    positions = [position for position, text in enumerate(texts) if text.strip()]
    predicted = np.full((len(texts), len(loaded.labels)), np.nan, dtype=np.float32)
    if positions:
        predicted[positions] = loaded.predict([texts[position] for position in positions])
    return predicted


def write_predictions(
    loaded: "LoadedRun", rows: Rows, target: TextIO, suffix: str, on_chunk: Callable[[int], None] = lambda count: None
) -> int:
    """Write the rows with their predictions, a chunk at a time; return the number of rows without text.

    ``suffix``: the format, see `WRITERS`. ``on_chunk`` is called with the number of rows of each chunk. Cells of
    the input are unchanged; formulas in labels are escaped.
    """
    labels = list(loaded.labels) if suffix == ".jsonl" else list(map(escape_formula, loaded.labels))
    names = _new_names(labels, rows.frame.columns)
    empty = 0
    for start in range(0, max(len(rows), 1), CHUNK):  # a table without rows still gets a header
        chunk = rows.frame.iloc[start : start + CHUNK]
        column = chunk[rows.text_column]
        predicted = predict_texts(loaded, column.where(column.notna(), "").astype(str).tolist())
        empty += int(np.isnan(predicted[:, 0]).sum())
        added = _prediction_columns(predicted, labels).set_axis(names, axis=1).set_index(chunk.index)
        WRITERS[suffix](pd.concat([chunk, added], axis=1), target, start == 0)
        on_chunk(len(chunk))
    return empty


def _prediction_columns(probabilities: NDArray[np.float32], labels: Sequence[str]) -> pd.DataFrame:
    """Return label, confidence and all probabilities, [n, 2 + k]; missing for rows without text."""
    has_text = ~np.isnan(probabilities[:, 0])
    predicted = [labels[int(row.argmax())] if ok else None for row, ok in zip(probabilities, has_text, strict=True)]
    summary = {"predicted": pd.Series(predicted, dtype=object), "confidence": probabilities.max(axis=1)}
    return pd.concat([pd.DataFrame(summary), pd.DataFrame(probabilities)], axis=1)


def _new_names(labels: Sequence[str], existing: Sequence[str]) -> list[str]:
    """Return the names of the added columns, numbered if the table already has them."""
    names = list(existing)
    for base in ("predicted", "confidence", *(f"probability_{label}" for label in labels)):
        numbered = (f"{base}_{number}" for number in itertools.count(2))
        names.append(next(name for name in itertools.chain([base], numbered) if name not in names))
    return names[len(existing) :]


@contextmanager
def atomic_text_writer(path: Path) -> Iterator[TextIO]:
    """Open a temporary file that replaces ``path`` on success; on failure nothing is left."""
    try:
        # A private folder: no other process can write to the file or replace it by a link.
        with tempfile.TemporaryDirectory(dir=path.absolute().parent, prefix=".writing-") as folder:
            temporary = Path(folder) / path.name
            with temporary.open("w", encoding="utf-8", newline="") as file:
                yield file
            temporary.replace(path)
    except OSError as error:
        raise RequestError(f"Cannot write --output {path}: {error.strerror or error}.") from error
