"""Read delimited text: CSV and TSV."""

import csv
import io
import re
import warnings
from collections.abc import Mapping
from typing import Any

import pandas as pd

from core.data.encodings import decode
from core.data.file_tables import FileTable, Reader, ReadOptions
from core.data.quoting import count_line_breaks, find_swallowed_rows, is_unquoted, line_of
from core.text.formatting import format_count

_SEPARATORS = ",;\t"
_HEADER_CHARACTERS = 65_536


def delimited_reader(separator: str) -> Reader:
    """Return a reader of text with this separator, or with another one if only that splits the header."""

    def read(content: bytes, options: ReadOptions) -> FileTable:
        text, encoding_notes = decode(content, options.encoding)
        header, used_separator = _read_header(text, separator)
        repeated = sorted({name for name in header if name and header.count(name) > 1})
        if repeated:
            raise ValueError(f"its header contains '{repeated[0]}' twice. Give each column a unique name.")
        is_header = len(header) > 1 and not any(name[:1].isdigit() for name in header)
        text, note = _drop_repeated_headers(text) if is_header else (text, None)
        frame, notes = _read_rows(text, used_separator, len(header), str if options.as_text else None)
        return FileTable(frame, (*encoding_notes, *([note] if note else []), *notes))

    return read


def _read_header(text: str, separator: str) -> tuple[list[str], str]:
    """Return the column names and the separator: ``separator``, unless only another one splits the header."""
    start = text[:_HEADER_CHARACTERS]
    headers = {
        candidate: [name.strip() for name in next(csv.reader(io.StringIO(start, None), delimiter=candidate), [])]
        for candidate in separator + _SEPARATORS
    }
    best = max(headers, key=lambda candidate: len(headers[candidate]))
    used_separator = separator if len(headers[separator]) > 1 else best
    return headers[used_separator], used_separator


def _drop_repeated_headers(text: str) -> tuple[str, str | None]:
    """Return the text without further lines that equal its header, and a note on their number, None without any."""
    header = text.split("\n", 1)[0].rstrip("\r")
    repeated = re.compile(rf"(?<=[\r\n])\ufeff?{re.escape(header)}(?:[\r\n]+|$)")
    text, count = repeated.subn("", text)
    return text, f"{format_count(count)} rows that repeat the header are left out." if count else None


def _read_rows(text: str, separator: str, width: int, dtype: type | None) -> FileTable:
    """Return the rows; quotation marks that would join rows are read as characters.

    Raises `ValueError` if the fields of a row do not fit the header, or if only some quotation marks enclose fields.
    """
    try:
        frame = _parse(text, separator, width, dtype=dtype)
    except ValueError:
        if is_unquoted(text, separator, width):
            return _read_literally(text, separator, width, dtype)
        raise
    swallowed, multiline = _find_swallowed_rows(text, separator, width, frame)
    if 2 * len(swallowed) <= multiline:
        is_doubtful = multiline and (swallowed or width == 1)
        note = f"{format_count(multiline)} quoted texts span several lines. Are they single texts?"
        return FileTable(frame, (note,) if is_doubtful else ())
    if is_unquoted(text, separator, width):
        return _read_literally(text, separator, width, dtype)
    raise ValueError(
        f"a quotation mark in line {line_of(swallowed[0], text)} is not closed: "
        f"{format_count(count_line_breaks(swallowed))} rows would become part of other texts. Remove such quotation "
        "marks, or enclose the text in quotation marks and double those in it."
    )


def _find_swallowed_rows(text: str, separator: str, width: int, frame: pd.DataFrame) -> tuple[list[str], int]:
    """Return the result of `quoting.find_swallowed_rows`."""
    lines = text.count("\n") or text.count("\r")
    if '"' not in text or lines <= len(frame):
        return [], 0
    return find_swallowed_rows(_parse(text, separator, width, dtype=str), separator)


def _read_literally(text: str, separator: str, width: int, dtype: type | None) -> FileTable:
    frame = _parse(text, separator, width, dtype=dtype, quoting=csv.QUOTE_NONE)
    return FileTable(frame, ("Quotation marks are read as characters: used as quotes, they would join rows.",))


def _parse(text: str, separator: str, width: int, **options: Any) -> pd.DataFrame:
    """Parse the text with pandas; raise `ValueError` if the fields of a row do not fit the header's ``width``."""
    settings: Mapping[str, Any] = {"keep_default_na": False, "na_values": [""], "index_col": False, "low_memory": False}
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # pandas truncates rows longer than the header
        try:
            # Only an empty field is missing: "None", "NA" and "null" are words.
            return pd.read_csv(io.StringIO(text), sep=separator, **settings, **options)
        except pd.errors.ParserWarning:
            reason = f"its rows have more fields than its header, which has {width}"
        except pd.errors.ParserError as error:
            reason = str(error).removeprefix("Error tokenizing data. C error: ").strip()
    raise ValueError(f"{reason}. Quote texts that contain '{separator}', quotes or line breaks.")
