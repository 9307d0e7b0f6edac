"""Read delimited text: CSV and TSV."""

import csv
import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pandas as pd

from core.data.encodings import decode
from core.data.file_tables import FileTable, Reader, ReadOptions
from core.data.quoting import count_line_breaks, find_merged_rows, is_unquoted, line_of
from core.text.formatting import format_count

_SEPARATORS = ",;\t|"
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
"""The first line of a file that names the separator for spreadsheets."""
_HEADER_CHARACTERS = 65_536
_COMPARED_ROWS = 20
"""Number of rows without a header that a separator must divide equally."""


@dataclass(frozen=True)
class _Layout:
    """How a text is divided: its separator and its number of columns, and how pandas reads it."""

    separator: str
    width: int
    options: dict[str, Any]


def delimited_reader(separator: str) -> Reader:
    """Return a reader of text with this separator, or with another one if only that divides the first line."""

    def read(content: bytes, options: ReadOptions) -> FileTable:
        text, encoding_notes = decode(content, options.encoding)
        named = _SEPARATOR_LINE.match(text)
        text = text[named.end() :] if named else text
        layout, header = _find_layout(text, named[1] if named else separator, options)
        text, note = (text, None) if options.no_header else _drop_repeated_headers(text, header)
        frame, notes = _read_rows(text, layout)
        return FileTable(frame, (*encoding_notes, *([note] if note else []), *notes))

    return read


def _find_layout(text: str, separator: str, options: ReadOptions) -> tuple[_Layout, list[str]]:
    """Return the layout and the column names, which are numbers from 1 without a header.

    The separator is ``separator``, unless only another one divides the first line. Raises `ValueError` for repeated
    column names.
    """
    start = text[:_HEADER_CHARACTERS]
    rows = {candidate: _first_rows(start, candidate) for candidate in separator + _SEPARATORS}
    widths = {candidate: len(candidate_rows[0]) for candidate, candidate_rows in rows.items()}
    divided = [candidate for candidate, width in widths.items() if width > 1]
    if options.no_header:
        regular = [candidate for candidate in divided if len(set(map(len, rows[candidate]))) == 1]
        used = max(regular, key=lambda candidate: widths[candidate], default=separator)
        header = [str(number) for number in range(1, widths[used] + 1)]
        return _Layout(used, len(header), _pandas_options(options, header=None, names=header)), header
    used = separator if separator in divided else max(widths, key=lambda candidate: widths[candidate])
    header = [name.strip() for name in rows[used][0]]
    repeated = sorted({name for name in header if name and header.count(name) > 1})
    if repeated:
        raise ValueError(
            f"its header contains '{repeated[0]}' twice. Give each column a unique name, or pass --no-header if the "
            "first line is an example."
        )
    return _Layout(used, len(header), _pandas_options(options)), header


def _pandas_options(options: ReadOptions, **header: Any) -> dict[str, Any]:
    return {"dtype": str if options.as_text else None, **header}


def _first_rows(start: str, separator: str) -> list[list[str]]:
    """Return the first rows of a text; one without fields if there is none."""
    complete = start if len(start) < _HEADER_CHARACTERS else start[: start.rfind("\n") + 1] or start
    rows = csv.reader(io.StringIO(complete, None), delimiter=separator)
    return list(islice(filter(None, rows), _COMPARED_ROWS)) or [[]]


def _drop_repeated_headers(text: str, names: Sequence[str]) -> tuple[str, str | None]:
    """Return the text without further lines that equal its header, and a note on their number, None without any."""
    if len(names) == 1 or any(name[:1].isdigit() for name in names):
        return text, None  # such a line is probably no header
    header = text.split("\n", 1)[0].rstrip("\r")
    repeated = re.compile(rf"(?<=[\r\n])\ufeff?{re.escape(header)}(?:[\r\n]+|$)")
    text, count = repeated.subn("", text)
    return text, f"{format_count(count)} rows that repeat the header are left out." if count else None


def _read_rows(text: str, layout: _Layout) -> FileTable:
    """Return the rows; quotation marks that would join rows are read as characters.

    Raises `ValueError` if the fields of a row do not fit the header, or if only some quotation marks enclose fields.
    """
    try:
        frame = _parse(text, layout)
    except ValueError:
        if is_unquoted(text, layout.separator, layout.width):
            return _read_literally(text, layout)
        raise
    merged, multiline = _find_merged_rows(text, layout, frame)
    if 2 * len(merged) <= multiline:
        is_doubtful = multiline and (merged or layout.width == 1)
        note = f"{format_count(multiline)} quoted texts span several lines. Are they single texts?"
        return FileTable(frame, (note,) if is_doubtful else ())
    if is_unquoted(text, layout.separator, layout.width):
        return _read_literally(text, layout)
    raise ValueError(
        f"a quotation mark in line {line_of(merged[0], text)} is not closed: "
        f"{format_count(count_line_breaks(merged))} rows would become part of other texts. Remove such quotation "
        "marks, or enclose the text in quotation marks and double those in it."
    )


def _find_merged_rows(text: str, layout: _Layout, frame: pd.DataFrame) -> tuple[list[str], int]:
    """Return the result of `quoting.find_merged_rows`."""
    lines = text.count("\n") or text.count("\r")
    if '"' not in text or lines <= len(frame):
        return [], 0
    return find_merged_rows(_parse(text, layout, dtype=str), layout.separator)


def _read_literally(text: str, layout: _Layout) -> FileTable:
    frame = _parse(text, layout, quoting=csv.QUOTE_NONE)
    return FileTable(frame, ("Quotation marks are read as characters: used as quotes, they would join rows.",))


def _parse(text: str, layout: _Layout, **options: Any) -> pd.DataFrame:
    """Parse the text with pandas; raise `ValueError` if the fields of a row do not fit the header."""
    settings: dict[str, Any] = {"keep_default_na": False, "na_values": [""], "index_col": False, "low_memory": False}
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # pandas truncates rows longer than the header
        try:
            # Only an empty field is missing: "None", "NA" and "null" are words.
            return pd.read_csv(io.StringIO(text), sep=layout.separator, **{**settings, **layout.options, **options})
        except pd.errors.ParserWarning:
            reason = f"its rows have more fields than its header, which has {layout.width}"
        except pd.errors.ParserError as error:
            reason = str(error).removeprefix("Error tokenizing data. C error: ").strip()
    raise ValueError(f"{reason}. Quote texts that contain '{layout.separator}', quotes or line breaks.")
