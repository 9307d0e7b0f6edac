"""What readers of files take and return."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

MAX_FILE_BYTES = 1 << 30
"""Maximum size of an uncompressed file, which must fit into memory."""
MAX_ROWS = 20_000_000


@dataclass(frozen=True)
class ReadOptions:
    """How to read a file.

    ``encoding``: that of text formats, None for UTF-8. ``no_header``: the first line is a row, and columns are numbered
    from 1. ``as_text``: keep numbers in delimited text as texts, such as 007.
    """

    encoding: str | None = None
    no_header: bool = False
    as_text: bool = False


DEFAULT_OPTIONS = ReadOptions()


class FileTable(NamedTuple):
    """The rows of a file, and sentences for the user about how they were read."""

    frame: pd.DataFrame
    notes: tuple[str, ...] = ()


Reader = Callable[[bytes, ReadOptions], FileTable]
"""A function that reads the content of a file; it raises `ValueError` with the reason if it cannot."""
