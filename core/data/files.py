"""Labelled text from a local file."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from pyarrow import ArrowInvalid

from core.errors import RequestError


def _delimited(separator: str) -> Callable[[Path], pd.DataFrame]:
    # Only an empty field is missing: "None", "NA" and "null" are words that people write.
    return lambda path: pd.read_csv(path, sep=separator, keep_default_na=False, na_values=[""])


READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": _delimited(","),
    ".tsv": _delimited("\t"),
    ".jsonl": lambda path: pd.read_json(path, lines=True, dtype=False),
    ".parquet": pd.read_parquet,
}


def read_file(path: Path) -> tuple[pd.DataFrame, str]:
    """Return the file's rows and its content's SHA-256; the ending tells the format.

    Raises `RequestError` for an unknown ending, an empty file, bytes that are not UTF-8, or rows
    that don't fit the format.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise RequestError(f"{path} ends in '{path.suffix}'. Known are: {', '.join(READERS)}.")
    try:
        content = path.read_bytes()
        if not content.strip():
            raise RequestError(f"{path} is empty.")
        frame = reader(path)
    except UnicodeDecodeError as error:
        raise RequestError(_not_utf8(path, content, error)) from None
    except OSError as error:
        raise RequestError(f"{path} can't be read: {error.strerror or error}.") from None
    except (ValueError, ArrowInvalid) as error:  # pandas' parser errors are ValueErrors
        raise RequestError(f"{path} can't be read as {path.suffix[1:].upper()}: {error}") from None
    return frame, hashlib.sha256(content).hexdigest()


def _not_utf8(path: Path, content: bytes, error: UnicodeDecodeError) -> str:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as exact:
        error = exact  # the reader decodes in pieces; this one has the place in the file
    line = content.count(b"\n", 0, error.start) + 1
    return (
        f"{path} is not UTF-8: byte 0x{error.object[error.start]:02x} in line {line}. "
        f"Save it as UTF-8, for example: iconv -f latin1 -t utf-8 {path.name} > utf8-{path.name}"
    )
