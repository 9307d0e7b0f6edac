"""Read tables from local files."""

import gzip
import hashlib
import io
import json
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from pyarrow import ArrowException

from core.data.delimited import delimited_reader
from core.data.encodings import DecodingError, decode
from core.data.file_tables import DEFAULT_OPTIONS, MAX_FILE_BYTES, FileTable, Reader, ReadOptions
from core.data.parquet import read_parquet
from core.errors import RequestError
from core.text.sanitize import replace_unstorable

_MAX_DIGITS = 400
"""Longer integers in JSON are read as text."""
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


def _read_json(content: bytes, options: ReadOptions) -> FileTable:
    """Read JSON objects: one per line, or a list of them."""
    text, notes = decode(content, options.encoding)
    if text.lstrip().startswith("["):
        records = list(enumerate(_parse_json(text), start=1))
    else:
        lines = enumerate(text.split("\n"), start=1)
        records = [(number, _parse_json(line, number)) for number, line in lines if line.strip()]
    for number, record in records:
        if not isinstance(record, dict):
            raise ValueError(f'record {number} is not an object such as {{"text": …, "label": …}}')
    # pandas rejects lone surrogates in column names.
    rows = [{replace_unstorable(key): value for key, value in record.items()} for _, record in records]
    return FileTable(pd.DataFrame(rows, dtype=object), notes)


def _parse_json(text: str, line: int = 0) -> Any:
    """Parse JSON; ``line``: its line number in the file, 0 if it is the complete file."""
    try:
        return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) <= _MAX_DIGITS else digits)
    except json.JSONDecodeError as error:
        place = f"line {line or error.lineno}: {error.msg} (column {error.colno})"
        raise ValueError(f"{place}. Expected JSON objects, one per line or in a list") from None
    except RecursionError:
        raise ValueError(f"line {line or 1}: its values are nested too deeply") from None


READERS: dict[str, Reader] = {
    ".csv": delimited_reader(","),
    ".tsv": delimited_reader("\t"),
    ".jsonl": _read_json,
    ".json": _read_json,
    ".parquet": read_parquet,
}
_WITH_HEADER = (".csv", ".tsv")
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

    Raises `RequestError` for an unknown suffix, an empty or too large file, text that is not UTF-8, and content that
    does not match the format.
    """
    if not is_supported(path):
        raise RequestError(
            f"{path} ends in '{file_suffix(path)}'. Supported: {SUPPORTED_SUFFIXES}.", code="unknown_format"
        )
    suffix = file_suffix(path).removesuffix(".gz")
    if options.no_header and not may_lack_header(path):
        raise RequestError(
            f"--no-header applies to {', '.join(_WITH_HEADER)}; the columns of {path} have names.", code="has_names"
        )
    try:
        content = _read_bytes(path)
        revision = hashlib.sha256(content).hexdigest()
        if file_suffix(path).endswith(".gz") and content:
            content = _decompress(path, content)
        if not content.strip():
            raise RequestError(f"{path} is empty.", code="empty_file")
        if suffix != ".parquet":
            _require_format(path, content, is_delimited=may_lack_header(path))
        frame, notes = READERS[suffix](content, options)
        _require_distinct_names(frame)
    except DecodingError as error:
        raise RequestError(f"{path} {error}", code="not_utf8") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise RequestError(
            f"{path} is not a complete gzip file ({error}). Compress or download it again.", code="damaged_file"
        ) from None
    except (ArrowException, ValueError, ArithmeticError, LookupError, TypeError, OSError) as error:
        raise _unreadable_error(path, suffix, error) from None
    return ReadFile(frame, revision, notes)


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
    if isinstance(error, OSError) and error.strerror:  # from the system; pyarrow raises OSError for damaged content
        return RequestError(f"{path} cannot be read: {error.strerror}.", code="unreadable_file")
    reason = " ".join(str(error).split()) or type(error).__name__
    return RequestError(f"{path} cannot be read as {suffix[1:].upper()}: {reason}", code="damaged_file")
