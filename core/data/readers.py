"""Read tables from local files."""

import gzip
import hashlib
import io
import zlib
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from pyarrow import ArrowException

from core.data.delimited import delimited_reader
from core.data.encodings import DecodingError
from core.data.excel import read_excel
from core.data.file_tables import DEFAULT_OPTIONS, MAX_FILE_BYTES, FileTable, Reader, ReadOptions
from core.data.json_records import read_json
from core.data.parquet import read_parquet
from core.data.text_lines import read_text_lines
from core.errors import RequestError
from core.text.sanitize import replace_unstorable

_SIGNATURES = {
    b"PAR1": "Parquet",
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "a zip archive, perhaps an Excel file",
    b"%PDF": "PDF",
    b"<!doctype html": "a web page",
    b"<html": "a web page",
    b'{"': "JSON",
    b'[{"': "JSON",
}
"""First bytes of content that is not delimited text, and its format."""


class ReadFile(NamedTuple):
    """A file's rows, the SHA-256 of its content, and sentences for the user about how it was read."""

    frame: pd.DataFrame
    revision: str
    notes: tuple[str, ...] = ()


READERS: dict[str, Reader] = {
    ".csv": delimited_reader(","),
    ".tsv": delimited_reader("\t"),
    ".jsonl": read_json,
    ".json": read_json,
    ".parquet": read_parquet,
    ".txt": read_text_lines,
    ".xlsx": read_excel,
}
_WITH_HEADER = (".csv", ".tsv", ".xlsx")
"""Formats whose first line may be a header."""
SUPPORTED_SUFFIXES = f"{', '.join(READERS)}; each may be gzipped (.csv.gz)"


def file_suffix(path: Path) -> str:
    """Return the suffix that names the format, in lower case, with ``.gz`` for a gzipped file."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return "".join(suffixes[-2:] if suffixes[-1:] == [".gz"] else suffixes[-1:])


def is_supported(path: Path) -> bool:
    """Return whether a file's suffix names a supported format."""
    return file_suffix(path).removesuffix(".gz") in READERS


def may_lack_header(path: Path) -> bool:
    """Return whether the column names of a file are its first line, so that a missing header takes a row."""
    return file_suffix(path).removesuffix(".gz") in _WITH_HEADER


def read_table(path: Path, options: ReadOptions = DEFAULT_OPTIONS) -> ReadFile:
    """Return a file's rows; its suffix names the format.

    Raises `RequestError` for an unknown suffix, an empty or too large file, text that the encoding of the options
    cannot decode, and content that does not match the format.
    """
    if not is_supported(path):
        raise RequestError(
            f"{path} ends in '{file_suffix(path)}'. Supported: {SUPPORTED_SUFFIXES}.", code="unknown_format"
        )
    try:
        content = _read_bytes(path)
    except OSError as error:
        raise RequestError(f"{path} cannot be read: {error.strerror}.", code="unreadable_file") from None
    frame, notes = read_content(path, unpack(path, content), options)
    return ReadFile(frame, hashlib.sha256(content).hexdigest(), notes)


def unpack(path: Path, content: bytes) -> bytes:
    """Return a file's content without gzip compression. Raises `RequestError`."""
    if not file_suffix(path).endswith(".gz") or not content:
        return content
    try:
        return _decompress(path, content)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise RequestError(
            f"{path} is not a complete gzip file ({error}). Compress or download it again.", code="damaged_file"
        ) from None


def read_content(path: Path, content: bytes, options: ReadOptions) -> FileTable:
    """Return the rows of a file's unpacked content; ``path`` names its format.

    Raises `RequestError` as `read_table` does.
    """
    suffix = file_suffix(path).removesuffix(".gz")
    if options.no_header and not may_lack_header(path):
        raise RequestError(
            f"--no-header applies to {', '.join(_WITH_HEADER)}; the columns of {path} have names.", code="has_names"
        )
    try:
        if not content.strip():
            raise RequestError(f"{path} is empty.", code="empty_file")
        if suffix not in (".parquet", ".xlsx"):
            _require_format(path, content, is_delimited=suffix in (".csv", ".tsv"))
        table = READERS[suffix](content, options)
        _require_distinct_names(table.frame)
    except DecodingError as error:
        raise RequestError(f"{path} {error}", code="not_utf8") from None
    except (ArrowException, ValueError, ArithmeticError, LookupError, TypeError, OSError) as error:
        raise _unreadable_error(path, suffix, error) from None
    return table


def _read_bytes(path: Path) -> bytes:
    if not path.is_file():
        raise RequestError(
            f"{path} is a device or a pipe, not a regular file. Save its output to a file first.", code="not_a_file"
        )
    if path.stat().st_size > MAX_FILE_BYTES:
        raise _too_large_error(path)
    return path.read_bytes()


def _decompress(path: Path, content: bytes) -> bytes:
    with gzip.open(io.BytesIO(content)) as file:
        decompressed = file.read(MAX_FILE_BYTES + 1)
    if len(decompressed) > MAX_FILE_BYTES:
        raise _too_large_error(path)
    return decompressed


def _require_distinct_names(frame: pd.DataFrame) -> None:
    names = [replace_unstorable(str(name)).strip() for name in frame.columns]
    repeated = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if repeated:
        raise ValueError(f"two of its columns are named '{repeated[0]}'. Give each column a unique name.")


def _require_format(path: Path, content: bytes, *, is_delimited: bool) -> None:
    """Raise `RequestError` for content of another format than the suffix says, which a parser may accept."""
    start = content[:64].lstrip().lower()
    for signature, kind in _SIGNATURES.items():
        if start.startswith(signature.lower()) and (is_delimited or kind != "JSON"):
            raise RequestError(
                f"{path} contains {kind}, not the format of its suffix. Rename or convert it.", code="wrong_format"
            )


def _too_large_error(path: Path) -> RequestError:
    return RequestError(
        f"{path} exceeds the limit of {MAX_FILE_BYTES >> 30} GB uncompressed. Use a part of the file.", code="too_large"
    )


def _unreadable_error(path: Path, suffix: str, error: Exception) -> RequestError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return RequestError(f"{path} cannot be read as {suffix[1:].upper()}: {reason}", code="damaged_file")
