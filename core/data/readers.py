"""Read tables from local files."""

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
"""Maximum size of an uncompressed file."""
_MAX_ROWS = 20_000_000
_MAX_DIGITS = 400
"""Longer integers in JSON are kept as text."""
_SEPARATORS = ",;\t"
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
"""First bytes of formats that are not delimited text."""


def _delimited_reader(separator: str, types: type | None = None) -> Callable[[bytes], pd.DataFrame]:
    def read(content: bytes) -> pd.DataFrame:
        text = _decoded(content)
        header, used = _read_header(text, separator)
        twice = sorted({name for name in header if name and header.count(name) > 1})
        if twice:
            raise ValueError(f"its header contains '{twice[0]}' twice. Rename one of the columns.")
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header would be truncated
            try:
                # Only an empty field is missing: "None", "NA" and "null" are words.
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
        raise ValueError(f"{reason}. Enclose texts that contain '{used}', a quote or a line break in quotes.")

    return read


def _read_header(text: str, default: str) -> tuple[list[str], str]:
    """Return the column names and the separator: the default, unless only another one occurs."""
    headers = {
        separator: [name.strip() for name in next(csv.reader(io.StringIO(text[:65536], None), delimiter=separator), [])]
        for separator in default + _SEPARATORS
    }
    used = default if len(headers[default]) > 1 else max(headers, key=lambda separator: len(headers[separator]))
    return headers[used], used


def _read_json(content: bytes) -> pd.DataFrame:
    """Read JSON objects, one per line or in a list."""
    text = _decoded(content)
    if text.lstrip().startswith("["):
        rows = list(enumerate(_parse_json(text), start=1))
    else:
        rows = [
            (number, _parse_json(line, number)) for number, line in enumerate(text.split("\n"), start=1) if line.strip()
        ]
    for number, row in rows:
        if not isinstance(row, dict):
            raise ValueError(f'record {number} is not an object such as {{"text": …, "label": …}}')
    # pandas rejects lone surrogates in column names.
    return pd.DataFrame(
        [{replace_unstorable(key): value for key, value in row.items()} for _, row in rows], dtype=object
    )


def _parse_json(text: str, line: int = 0) -> Any:
    """Parse JSON; ``line``: its line in the file, 0 for the complete file."""
    try:
        return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) <= _MAX_DIGITS else digits)
    except json.JSONDecodeError as error:
        place = f"line {line or error.lineno}: {error.msg} (column {error.colno})"
        raise ValueError(f"{place}. Expected JSON objects, one per line or in a list") from None
    except RecursionError:
        raise ValueError(f"line {line or 1}: its values are nested too deeply") from None


def _read_parquet(content: bytes) -> pd.DataFrame:
    file = ParquetFile(io.BytesIO(content))
    groups = (file.metadata.row_group(number) for number in range(file.metadata.num_row_groups))
    if file.metadata.num_rows > _MAX_ROWS or sum(group.total_byte_size for group in groups) > MAX_FILE_BYTES:
        raise ValueError(f"it has {file.metadata.num_rows:,} rows, which exceeds the limit. Use a part of it")
    # The metadata of pandas (index, types) may be damaged and is not needed.
    table = file.read()
    table.validate(full=True)  # invalid UTF-8 would otherwise raise only when used
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
    return frame.drop(columns=_PANDAS_INDEX, errors="ignore")


_PANDAS_INDEX = "__index_level_0__"


READERS: dict[str, Callable[[bytes], pd.DataFrame]] = {
    ".csv": _delimited_reader(","),
    ".tsv": _delimited_reader("\t"),
    ".jsonl": _read_json,
    ".json": _read_json,
    ".parquet": _read_parquet,
}
_AS_WRITTEN = {".csv": _delimited_reader(",", str), ".tsv": _delimited_reader("\t", str)}
SUPPORTED_SUFFIXES = f"{', '.join(READERS)}; each may be gzipped (.csv.gz)"


def file_suffix(path: Path) -> str:
    """Return the file's suffix in lower case, including ``.gz``."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return "".join(suffixes[-2:] if suffixes[-1:] == [".gz"] else suffixes[-1:])


def is_supported(path: Path) -> bool:
    """Return whether the file's format is supported."""
    return file_suffix(path).removesuffix(".gz") in READERS


def read_table(path: Path, *, as_written: bool = False) -> tuple[pd.DataFrame, str]:
    """Return the file's rows and the SHA-256 of its content; the suffix determines the format.

    ``as_written``: numbers in delimited text are kept as text, such as 007. Raises `RequestError` for an unknown
    suffix, an empty or too large file, invalid UTF-8, or malformed content.
    """
    if not is_supported(path):
        raise RequestError(f"{path} has the suffix '{file_suffix(path)}'. Supported: {SUPPORTED_SUFFIXES}.")
    kind = file_suffix(path).removesuffix(".gz")
    try:
        content = _read_bytes(path)
        revision = hashlib.sha256(content).hexdigest()
        if file_suffix(path).endswith(".gz") and content:
            content = _decompress(path, content)
        if not content.strip():
            raise RequestError(f"{path} is empty.")
        if kind != ".parquet":
            _refuse_binary(path, content, delimited=kind in (".csv", ".tsv"))
        frame = (READERS | (_AS_WRITTEN if as_written else {}))[kind](content)
        _refuse_duplicate_columns(frame)
    except UnicodeDecodeError as error:
        raise RequestError(_not_utf8_message(path, error)) from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise RequestError(f"{path} is not a complete gzip file ({error}). Compress or download it again.") from None
    except (ArrowException, ValueError, ArithmeticError, LookupError, TypeError, OSError) as error:
        if isinstance(error, OSError) and error.strerror:  # raised by the system; others by pyarrow for damaged content
            raise RequestError(f"Cannot read {path}: {error.strerror}.") from None
        reason = " ".join(str(error).split()) or type(error).__name__
        raise RequestError(f"Cannot read {path} as {kind[1:].upper()}: {reason}") from None
    return frame, revision


def _read_bytes(path: Path) -> bytes:
    """Return the file's content. Raises `RequestError` for devices, pipes and files that are too large."""
    if not path.is_file():
        raise RequestError(f"{path} is a device or a pipe, not a regular file. Save its content to a file.")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise RequestError(_too_large_message(path, "contains"))
    return path.read_bytes()


def _decompress(path: Path, content: bytes) -> bytes:
    with gzip.open(io.BytesIO(content)) as packed:
        decompressed = packed.read(MAX_FILE_BYTES + 1)
    if len(decompressed) > MAX_FILE_BYTES:
        raise RequestError(_too_large_message(path, "decompresses to"))
    return decompressed


def _too_large_message(path: Path, verb: str) -> str:
    return f"{path} {verb} more than {MAX_FILE_BYTES >> 30} GB, which exceeds the limit. Use a part of it."


def _refuse_duplicate_columns(frame: pd.DataFrame) -> None:
    names = [replace_unstorable(str(name)).strip() for name in frame.columns]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise ValueError(f"two of its columns are named '{twice[0]}'. Rename one of them.")


def _decoded(content: bytes) -> str:
    return content.decode("utf-8-sig")


def _refuse_binary(path: Path, content: bytes, delimited: bool) -> None:
    """Refuse content that does not match the suffix, before it is parsed."""
    start = content[:64].lstrip().lower()
    for signature, kind in _SIGNATURES.items():
        if start.startswith(signature.lower()) and (delimited or kind != "JSON"):
            raise RequestError(f"{path} contains {kind}, which does not match its suffix. Rename or convert it.")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise RequestError(f"{path} is UTF-16. {_save_as_utf8(path, 'utf-16')}")
    if b"\0" in content:
        line = content.count(b"\n", 0, content.index(b"\0")) + 1
        raise RequestError(
            f"{path} contains a NUL byte in line {line}: it is damaged or not UTF-8. "
            f"If it is UTF-16: {_save_as_utf8(path, 'utf-16le')}"
        )


def _not_utf8_message(path: Path, error: UnicodeDecodeError) -> str:
    line = error.object.count(b"\n", 0, error.start) + 1
    return (
        f"{path} is not UTF-8: byte 0x{error.object[error.start]:02x} in line {line}. {_save_as_utf8(path, 'latin1')}"
    )


def _save_as_utf8(path: Path, encoding: str) -> str:
    return f"Save it as UTF-8, for example: iconv -f {encoding} -t utf-8 {path.name} > utf8-{path.name}"
