"""Files of texts, classified: the file's own rows and columns, with what a run says beside them."""

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
"""So many rows are classified and written at a time: many batches, little memory."""

Writer = Callable[[pd.DataFrame, TextIO, bool], None]
"""Writes a chunk of rows; the last argument tells whether it is the first one."""


def _delimited(separator: str) -> Writer:
    def write(rows: pd.DataFrame, file: TextIO, first: bool) -> None:
        written = partial(rows.to_csv, sep=separator, index=False, header=first, lineterminator="\n")
        text = written()
        # A lone carriage return ends a row for many readers, and is not quoted of itself.
        file.write(written(quoting=csv.QUOTE_NONNUMERIC) if "\r" in text else text)

    return write


def _json_lines(rows: pd.DataFrame, file: TextIO, first: bool) -> None:
    rows.to_json(file, orient="records", lines=True, force_ascii=False, date_format="iso")


WRITERS: dict[str, Writer] = {".csv": _delimited(","), ".tsv": _delimited("\t"), ".jsonl": _json_lines}


@dataclass(frozen=True)
class Rows:
    """A table, and the name of its column with the texts."""

    frame: pd.DataFrame
    text_column: str

    def __len__(self) -> int:
        return len(self.frame)


def read_input_rows(path: Path, asked: str | None, usual: str) -> Rows:
    """Read a file of texts.

    The column is the one asked for, else the run's own (``usual``), else one of a usual name, else
    the only one. Raises `RequestError` where there is no such file or column.
    """
    if path.is_dir():
        raise RequestError(f"--file {path} is a folder. Name one of its files.")
    if not path.exists():
        near = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise RequestError(f"There is no file {path}.{did_you_mean(path.name, near)}")
    frame, _ = sanitize_frame(read_table(path, as_written=True)[0])
    columns = [str(column) for column in frame.columns]
    if not columns:
        raise RequestError(f"{path} holds no rows.")
    known = format_columns(columns)
    if asked is not None and asked not in columns:
        raise RequestError(f"--text-column '{asked}' is not in {path}. {known}{did_you_mean(asked, columns)}")
    by_lower = {column.strip().lower().replace("_", " "): column for column in columns}
    likely = [usual] if usual in columns else [by_lower[name] for name in TEXT_NAMES if name in by_lower]
    named = [asked] if asked is not None else likely or columns
    if len(named) > 1 and not likely:
        raise RequestError(
            f"{path} has neither the column '{usual}' that the run learnt from nor one of a usual name. {known} "
            "Name one with --text-column."
        )
    return Rows(frame.reset_index(drop=True).set_axis(columns, axis=1), named[0])


def check_output_path(path: Path, source: Path | None) -> None:
    """Refuse, before anything is loaded, a file that can't be written as asked."""
    if path.suffix.lower() not in WRITERS:
        raise RequestError(f"--output {path} ends in '{path.suffix}'. Known are: {', '.join(WRITERS)}.")
    if not path.absolute().parent.is_dir():
        raise RequestError(f"There is no folder {path.parent} for --output {path.name}.")
    if path.is_dir():
        raise RequestError(f"--output {path} is a folder. Name a file in it.")
    if path.exists() and not path.is_file():
        raise RequestError(f"--output {path} is no file but a device or a pipe. Name a file.")
    if source is not None and path.exists() and path.samefile(source):
        raise RequestError(f"--output {path} is the file that is read. Name another one.")


def predict_texts(loaded: "LoadedRun", texts: Sequence[str]) -> NDArray[np.float32]:
    """Return probabilities [n, k]; NaN for a text with nothing in it."""
    written = [place for place, text in enumerate(texts) if text.strip()]
    shares = np.full((len(texts), len(loaded.labels)), np.nan, dtype=np.float32)
    if written:
        shares[written] = loaded.predict([texts[place] for place in written])
    return shares


def write_predictions(
    loaded: "LoadedRun", rows: Rows, target: TextIO, ending: str, done: Callable[[int], None] = lambda count: None
) -> int:
    """Write the rows with their predictions, a chunk at a time; return how many have no text.

    ``ending`` names the format, as in `WRITERS`; ``done`` hears of every chunk's number of rows. The
    user's own cells stay as they are; what is added is no formula, whatever the labels are called.
    """
    labels = list(loaded.labels) if ending == ".jsonl" else list(map(escape_formula, loaded.labels))
    names = _new_names(labels, rows.frame.columns)
    empty = 0
    for start in range(0, max(len(rows), 1), CHUNK):  # of a table without rows its head is written
        chunk = rows.frame.iloc[start : start + CHUNK]
        column = chunk[rows.text_column]
        shares = predict_texts(loaded, column.where(column.notna(), "").astype(str).tolist())
        empty += int(np.isnan(shares[:, 0]).sum())
        answers = _answers(shares, labels).set_axis(names, axis=1).set_index(chunk.index)
        WRITERS[ending](pd.concat([chunk, answers], axis=1), target, start == 0)
        done(len(chunk))
    return empty


def _answers(shares: NDArray[np.float32], labels: Sequence[str]) -> pd.DataFrame:
    """Return label, confidence and all probabilities, [n, 2 + k]; nothing where there is no text."""
    there = ~np.isnan(shares[:, 0])
    predicted = [labels[int(row.argmax())] if known else None for row, known in zip(shares, there, strict=True)]
    named = pd.DataFrame({"predicted": pd.Series(predicted, dtype=object), "confidence": shares.max(axis=1)})
    return pd.concat([named, pd.DataFrame(shares)], axis=1)


def _new_names(labels: Sequence[str], taken: Sequence[str]) -> list[str]:
    """Return the names of the added columns, each with a number behind it where the table has it already."""
    names = list(taken)
    for wanted in ("predicted", "confidence", *(f"probability_{label}" for label in labels)):
        numbered = (f"{wanted}_{number}" for number in itertools.count(2))
        names.append(next(name for name in itertools.chain([wanted], numbered) if name not in names))
    return names[len(taken) :]


@contextmanager
def atomic_text_writer(path: Path) -> Iterator[TextIO]:
    """Give a file to write to that gets the wanted name when all went well; else nothing is left."""
    try:
        # A folder of its own: no other run writes to this file, and nobody can have put a link in its place.
        with tempfile.TemporaryDirectory(dir=path.absolute().parent, prefix=".writing-") as aside:
            written = Path(aside) / path.name
            with written.open("w", encoding="utf-8", newline="") as file:
                yield file
            written.replace(path)
    except OSError as error:
        raise RequestError(f"--output {path} can't be written: {error.strerror or error}.") from error
