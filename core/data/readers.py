"""Labelled text from a local file."""

import csv
import gzip
import hashlib
import io
import json
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from pyarrow import ArrowException
from pyarrow.parquet import ParquetFile

from core.errors import RequestError
from core.text.sanitize import replace_unstorable

MAX_FILE_BYTES = 1 << 30
"""Bytes of a file, once it is unpacked; far more than a classifier learns from, and what fits into memory."""
_MOST_ROWS = 20_000_000
_MOST_DIGITS = 400
"""A longer whole number in JSON stays the text that it is."""
_SEPARATORS = ",;\t"
_OTHER_KINDS = {
    b"PAR1": "Parquet",
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "a zip archive, perhaps an Excel file",
    b"%PDF": "PDF",
    b"<!doctype html": "a web page",
    b"<html": "a web page",
    b'{"': "JSON",
    b'[{"': "JSON",
}
"""How content begins that is surely no table of delimited text, and what it is."""


def _delimited(separator: str, types: type | None = None) -> Callable[[bytes], pd.DataFrame]:
    def read(content: bytes) -> pd.DataFrame:
        text = _decoded(content)
        header, used = _header(text, separator)
        twice = sorted({name for name in header if name and header.count(name) > 1})
        if twice:
            raise ValueError(f"its header names '{twice[0]}' twice. Give each column a name of its own.")
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header would be cut
            try:
                # Only an empty field is missing: "None", "NA" and "null" are words that people write.
                return pd.read_csv(
                    io.StringIO(text),
                    sep=used,
                    keep_default_na=False,
                    na_values=[""],
                    dtype=types,
                    index_col=False,
                    low_memory=False,
                )
            except pd.errors.ParserWarning:
                reason = f"its rows have more fields than its header, which has {len(header)}"
            except pd.errors.ParserError as error:
                reason = str(error).removeprefix("Error tokenizing data. C error: ").strip()
        raise ValueError(f"{reason}. A text that holds '{used}', a quote or a line break has to stand in quotes.")

    return read


def _header(text: str, usual: str) -> tuple[list[str], str]:
    """Return the column names and the separator: the usual one, unless only another one separates."""
    headers = {
        separator: [name.strip() for name in next(csv.reader(io.StringIO(text[:65536], None), delimiter=separator), [])]
        for separator in usual + _SEPARATORS
    }
    used = usual if len(headers[usual]) > 1 else max(headers, key=lambda separator: len(headers[separator]))
    return headers[used], used


def _records(content: bytes) -> pd.DataFrame:
    """Read JSON objects: one a line, or all in a list."""
    text = _decoded(content)
    if text.lstrip().startswith("["):
        rows = list(enumerate(_parsed(text), start=1))
    else:
        rows = [
            (number, _parsed(line, number)) for number, line in enumerate(text.split("\n"), start=1) if line.strip()
        ]
    for number, row in rows:
        if not isinstance(row, dict):
            raise ValueError(f'record {number} is no object such as {{"text": …, "label": …}}')
    # pandas takes no half characters in names.
    return pd.DataFrame(
        [{replace_unstorable(key): value for key, value in row.items()} for _, row in rows], dtype=object
    )


def _parsed(text: str, line: int = 0) -> Any:
    """Return what JSON says; ``line``: where it stands in the file, 0 for the whole of it."""
    try:
        return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) <= _MOST_DIGITS else digits)
    except json.JSONDecodeError as error:
        place = f"line {line or error.lineno}: {error.msg} (column {error.colno})"
        raise ValueError(f"{place}. Expected are JSON objects, one a line or all in a list") from None
    except RecursionError:
        raise ValueError(f"line {line or 1}: its values are nested too deeply") from None


def _parquet(content: bytes) -> pd.DataFrame:
    file = ParquetFile(io.BytesIO(content))
    groups = (file.metadata.row_group(number) for number in range(file.metadata.num_row_groups))
    if file.metadata.num_rows > _MOST_ROWS or sum(group.total_byte_size for group in groups) > MAX_FILE_BYTES:
        raise ValueError(f"it holds {file.metadata.num_rows:,} rows, more than can be held. Take a part of it")
    # What pandas noted beside the columns (its index, its types) may be damaged, and is not needed.
    table = file.read()
    table.validate(full=True)  # a text that is no UTF-8 would be met only where it is used
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
    return frame.drop(columns=_PANDAS_INDEX, errors="ignore")


_PANDAS_INDEX = "__index_level_0__"


READERS: dict[str, Callable[[bytes], pd.DataFrame]] = {
    ".csv": _delimited(","),
    ".tsv": _delimited("\t"),
    ".jsonl": _records,
    ".json": _records,
    ".parquet": _parquet,
}
_AS_WRITTEN = {".csv": _delimited(",", str), ".tsv": _delimited("\t", str)}
SUPPORTED_SUFFIXES = f"{', '.join(READERS)}; each may be gzipped (.csv.gz)"


def file_suffix(path: Path) -> str:
    """Return the ending that tells the format, in lower case, with the ``.gz`` of a gzipped file."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return "".join(suffixes[-2:] if suffixes[-1:] == [".gz"] else suffixes[-1:])


def is_supported(path: Path) -> bool:
    """Tell whether the file's ending is one that can be read."""
    return file_suffix(path).removesuffix(".gz") in READERS


def read_table(path: Path, *, as_written: bool = False) -> tuple[pd.DataFrame, str]:
    """Return the file's rows and its content's SHA-256; the ending tells the format.

    ``as_written``: what looks like a number in delimited text stays the text that it is, as 007.
    Raises `RequestError` for an unknown ending, an empty file, one too large, bytes that are not
    UTF-8, or rows that don't fit the format.
    """
    if not is_supported(path):
        raise RequestError(f"{path} ends in '{file_suffix(path)}'. Known are: {SUPPORTED_SUFFIXES}.")
    kind = file_suffix(path).removesuffix(".gz")
    try:
        content = _bytes(path)
        revision = hashlib.sha256(content).hexdigest()
        if file_suffix(path).endswith(".gz") and content:
            content = _unpacked(path, content)
        if not content.strip():
            raise RequestError(f"{path} is empty.")
        if kind != ".parquet":
            _refuse_what_is_no_text(path, content, delimited=kind in (".csv", ".tsv"))
        frame = (READERS | (_AS_WRITTEN if as_written else {}))[kind](content)
        _refuse_equal_names(frame)
    except UnicodeDecodeError as error:
        raise RequestError(_not_utf8(path, error)) from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise RequestError(f"{path} is no whole gzip file ({error}). Pack it again, or load it again.") from None
    except (ArrowException, ValueError, ArithmeticError, LookupError, TypeError, OSError) as error:
        if isinstance(error, OSError) and error.strerror:  # the system's; else pyarrow's, of damaged content
            raise RequestError(f"{path} can't be read: {error.strerror}.") from None
        reason = " ".join(str(error).split()) or type(error).__name__
        raise RequestError(f"{path} can't be read as {kind[1:].upper()}: {reason}") from None
    return frame, revision


def _bytes(path: Path) -> bytes:
    """Return what a file holds. Raises `RequestError` for what has no end, or one too far away."""
    if not path.is_file():
        raise RequestError(f"{path} is no file with an end, but a device or a pipe. Save what it gives into a file.")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise RequestError(_too_large(path, "holds"))
    return path.read_bytes()


def _unpacked(path: Path, content: bytes) -> bytes:
    with gzip.open(io.BytesIO(content)) as packed:
        unpacked = packed.read(MAX_FILE_BYTES + 1)
    if len(unpacked) > MAX_FILE_BYTES:
        raise RequestError(_too_large(path, "unpacks to"))
    return unpacked


def _too_large(path: Path, holds: str) -> str:
    return f"{path} {holds} more than {MAX_FILE_BYTES >> 30} GB: too much to be held. Take a part of it."


def _refuse_equal_names(frame: pd.DataFrame) -> None:
    names = [replace_unstorable(str(name)).strip() for name in frame.columns]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise ValueError(f"two of its columns are named '{twice[0]}'. Give each column a name of its own.")


def _decoded(content: bytes) -> str:
    return content.decode("utf-8-sig")


def _refuse_what_is_no_text(path: Path, content: bytes, delimited: bool) -> None:
    """Refuse content that is not what the ending says, before a parser makes something odd of it."""
    start = content[:64].lstrip().lower()
    for signature, kind in _OTHER_KINDS.items():
        if start.startswith(signature.lower()) and (delimited or kind != "JSON"):
            raise RequestError(f"{path} holds {kind}, not what its ending says. Name it by what it is, or convert it.")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise RequestError(f"{path} is UTF-16. {_save_as_utf8(path, 'utf-16')}")
    if b"\0" in content:
        line = content.count(b"\n", 0, content.index(b"\0")) + 1
        raise RequestError(
            f"{path} holds a NUL byte in line {line}: it is damaged, or no UTF-8 text. "
            f"Where it is UTF-16: {_save_as_utf8(path, 'utf-16le')}"
        )


def _not_utf8(path: Path, error: UnicodeDecodeError) -> str:
    line = error.object.count(b"\n", 0, error.start) + 1
    return (
        f"{path} is not UTF-8: byte 0x{error.object[error.start]:02x} in line {line}. {_save_as_utf8(path, 'latin1')}"
    )


def _save_as_utf8(path: Path, encoding: str) -> str:
    return f"Save it as UTF-8, for example: iconv -f {encoding} -t utf-8 {path.name} > utf8-{path.name}"
