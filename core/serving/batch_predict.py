"""Classify the rows of a file, and write them with the predictions as added columns."""

import csv
import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, TextIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.data.columns import TEXT_NAMES, format_columns, unknown_column_error
from core.data.file_tables import DEFAULT_OPTIONS, ReadOptions
from core.data.readers import may_lack_header, read_table
from core.data.sanitize import sanitize_frame
from core.data.tables import list_folder
from core.errors import RequestError, did_you_mean
from core.text.sanitize import escape_formula

if TYPE_CHECKING:
    from core.serving.inference import LoadedRun

CHUNK_ROWS = 2048
"""Rows per chunk: large enough for full batches, small enough to limit memory."""

Writer = Callable[[pd.DataFrame, TextIO, bool], None]
"""A function that writes a chunk of rows; the last argument is whether it is the first chunk."""


def _delimited_writer(separator: str) -> Writer:
    def write(rows: pd.DataFrame, file: TextIO, is_first: bool) -> None:
        to_csv = partial(rows.to_csv, sep=separator, index=False, header=is_first, lineterminator="\n")
        text = to_csv()
        # pandas does not quote a lone carriage return, which many CSV parsers treat as a line break.
        file.write(to_csv(quoting=csv.QUOTE_NONNUMERIC) if "\r" in text else text)

    return write


def _write_json_lines(rows: pd.DataFrame, file: TextIO, is_first: bool) -> None:
    rows.to_json(file, orient="records", lines=True, force_ascii=False, date_format="iso")


WRITERS: dict[str, Writer] = {
    ".csv": _delimited_writer(","),
    ".tsv": _delimited_writer("\t"),
    ".jsonl": _write_json_lines,
}


@dataclass(frozen=True)
class InputTable:
    """A table to classify, the name of its text column, and sentences for the user about how it was read."""

    frame: pd.DataFrame
    text_column: str
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.frame)


def read_input_table(
    path: Path, requested_column: str | None, training_column: str, options: ReadOptions = DEFAULT_OPTIONS
) -> InputTable:
    """Read a file of texts.

    The text column is the requested one, the one the run was trained on, one with a common name, or the only one of a
    file without a header, in this order. Raises `RequestError` if there is no such file or column.
    """
    if path.is_dir():
        raise RequestError(f"--file {path} is a folder. Specify one of its files.", code="is_folder")
    if not path.exists():
        hint = did_you_mean(path.name, list_folder(path.parent))
        raise RequestError(f"File not found: {path}.{hint}", code="no_file")
    file = read_table(path, replace(options, as_text=True))
    frame, _ = sanitize_frame(file.frame)
    columns = [str(column) for column in frame.columns]
    if not columns:
        raise RequestError(f"{path} has no columns.", code="no_rows")
    is_named = options.no_header or not may_lack_header(path)
    text_column = _choose_text_column(path, columns, requested_column, training_column, is_named)
    return InputTable(frame.reset_index(drop=True).set_axis(columns, axis=1), text_column, file.notes)


def _choose_text_column(
    path: Path, columns: Sequence[str], requested: str | None, training_column: str, is_named: bool
) -> str:
    """Return the text column; ``is_named``: the column names are certainly no row."""
    if requested is not None:
        if requested not in columns:
            raise unknown_column_error("--text-column", requested, path, columns)
        return requested
    if training_column in columns:
        return training_column
    by_name = {column.strip().lower().replace("_", " "): column for column in columns}
    common = [by_name[name] for name in TEXT_NAMES if name in by_name]
    if common or (len(columns) == 1 and is_named):
        return common[0] if common else columns[0]
    if len(columns) == 1:
        raise RequestError(
            f"The first line of {path} may be a text or a header: '{columns[0]:.60}'. Pass --no-header if it is a "
            f"text, or --text-column {quote(columns[0]):.60} if it is a header.",
            code="no_header",
        )
    raise RequestError(
        f"{path} has no column '{training_column}' (the run's text column) and no column with a common name. "
        f"{format_columns(columns)} Set it with --text-column. If the first line is a text, pass --no-header.",
        code="no_column",
    )


def check_output_path(path: Path, source: Path | None) -> None:
    """Raise `RequestError` if the predictions cannot be written to a path; ``source``: the file that is read."""
    if path.suffix.lower() not in WRITERS:
        raise RequestError(
            f"--output {path} ends in '{path.suffix}'. Supported: {', '.join(WRITERS)}.", code="unknown_format"
        )
    if not path.absolute().parent.is_dir():
        raise RequestError(f"There is no folder {path.parent} for --output {path.name}.", code="no_folder")
    if path.is_dir():
        raise RequestError(f"--output {path} is a folder. Name a file in it.", code="is_folder")
    if path.exists() and not path.is_file():
        raise RequestError(f"--output {path} is a device or a pipe. Name a regular file.", code="not_a_file")
    if source is not None and path.exists() and path.samefile(source):
        raise RequestError(f"--output {path} is the input file. Name another file.", code="same_file")


def predict_texts(loaded: "LoadedRun", texts: Sequence[str]) -> NDArray[np.float32]:
    """Return probabilities [n, k]; NaN for a blank text."""
    positions = [position for position, text in enumerate(texts) if text.strip()]
    probabilities = np.full((len(texts), len(loaded.labels)), np.nan, dtype=np.float32)
    if positions:
        probabilities[positions] = loaded.predict([texts[position] for position in positions])
    return probabilities


def write_predictions(
    loaded: "LoadedRun",
    table: InputTable,
    target: TextIO,
    suffix: str,
    on_chunk: Callable[[int], None] = lambda rows: None,
) -> int:
    """Write the rows with their predictions in chunks; return the number of rows without a text.

    ``suffix``: the format, a key of `WRITERS`. ``on_chunk`` is called with the number of rows of every chunk. The cells
    of the table are not changed; formulas in added cells are escaped.
    """
    labels = list(loaded.labels) if suffix == ".jsonl" else list(map(escape_formula, loaded.labels))
    names = _added_column_names(labels, table.frame.columns)
    blank_rows = 0
    for start in range(0, max(len(table), 1), CHUNK_ROWS):  # a table without rows: write the header
        chunk = table.frame.iloc[start : start + CHUNK_ROWS]
        column = chunk[table.text_column]
        probabilities = predict_texts(loaded, column.where(column.notna(), "").astype(str).tolist())
        blank_rows += int(np.isnan(probabilities[:, 0]).sum())
        added = _added_columns(probabilities, labels).set_axis(names, axis=1).set_index(chunk.index)
        WRITERS[suffix](pd.concat([chunk, added], axis=1), target, start == 0)
        on_chunk(len(chunk))
    return blank_rows


def _added_columns(probabilities: NDArray[np.float32], labels: Sequence[str]) -> pd.DataFrame:
    """Return label, confidence and all probabilities, [n, 2 + k]; missing for a blank text."""
    has_text = ~np.isnan(probabilities[:, 0])
    predicted = [
        labels[int(row.argmax())] if is_present else None
        for row, is_present in zip(probabilities, has_text, strict=True)
    ]
    columns = {"predicted": pd.Series(predicted, dtype=object), "confidence": probabilities.max(axis=1)}
    return pd.concat([pd.DataFrame(columns), pd.DataFrame(probabilities)], axis=1)


def _added_column_names(labels: Sequence[str], existing: Sequence[str]) -> list[str]:
    """Return the names of the added columns, numbered if the table has a column of the same name."""
    names = list(existing)
    for base_name in ("predicted", "confidence", *(f"probability_{label}" for label in labels)):
        numbered = (f"{base_name}_{number}" for number in itertools.count(2))
        names.append(next(name for name in itertools.chain([base_name], numbered) if name not in names))
    return names[len(existing) :]


@contextmanager
def atomic_text_writer(path: Path) -> Iterator[TextIO]:
    """Yield a temporary file that is renamed to ``path`` on success and deleted on an error. Raises `RequestError`."""
    try:
        # A private folder: no other process can write to the file or replace it by a link.
        with tempfile.TemporaryDirectory(dir=path.absolute().parent, prefix=".writing-") as folder:
            temporary = Path(folder) / path.name
            with temporary.open("w", encoding="utf-8", newline="") as file:
                yield file
            temporary.replace(path)
    except OSError as error:
        raise RequestError(
            f"--output {path} cannot be written: {error.strerror or error}.", code="write_failed"
        ) from error
