"""Print tables, JSON and untrusted text on standard output."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from core.text.formatting import format_setting
from core.text.sanitize import escape_invisible, escape_json, to_single_line

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.table import Table

_WIDTH_WITHOUT_TERMINAL = 200
"""Width of tables in a log file, in characters: at 80 they would lose columns."""
_MIN_WRAPPED_WIDTH = 24


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    print(escape_json(json.dumps(value, indent=2, default=str, ensure_ascii=False)))


def print_text(text: str) -> None:
    """Print a text with control characters escaped, so that it cannot move the cursor or color the terminal."""
    print(escape_invisible(text))


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    text_columns: int = 1,
    wrap: str = "",
    *,
    to_stderr: bool = False,
) -> None:
    """Print a table with its first ``text_columns`` columns left-aligned and the others right-aligned.

    The column named ``wrap`` contains sentences and wraps. If the table is too wide, its last columns are omitted and
    named below it.
    """
    from rich.console import Console

    stream = sys.stderr if to_stderr else sys.stdout
    console = Console(file=stream, width=None if stream.isatty() else _WIDTH_WITHOUT_TERMINAL)
    count = len(columns)
    while count > 2 and not _fits(console, _build_table(columns[:count], rows, text_columns, wrap)):
        count -= 1
    with console.capture() as capture:  # rich would exit the process when the reader closes the pipe
        console.print(_build_table(columns[:count], rows, text_columns, wrap))
    print(capture.get(), end="", file=stream)
    if count < len(columns):
        hidden = ", ".join(map(to_single_line, columns[count:]))
        print(escape_invisible(f"Columns that do not fit: {hidden}. Use a wider terminal to see them."), file=stream)


def _build_table(columns: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int, wrap: str) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for position, column in enumerate(columns):
        wraps = column == wrap
        cells = (column, *(row[position] for row in rows))
        width = _MIN_WRAPPED_WIDTH if wraps else max(cell_len(_cell(cell)) for cell in cells)
        alignment: Literal["left", "right"] = "left" if position < text_columns or wraps else "right"
        table.add_column(Text(_cell(column)), justify=alignment, no_wrap=not wraps, min_width=width)
    for row in rows:
        table.add_row(*(Text(_cell(cell)) for cell in row[: len(columns)]))  # Text: rich reads no markup in it
    return table


def _cell(text: str) -> str:
    return escape_invisible(" ".join(text.splitlines()))


def _fits(console: "Console", table: "Table") -> bool:
    """Return whether every column fits; a column that wraps may become narrower."""
    return console.measure(table, options=console.options.update(max_width=10_000)).minimum <= console.width


def to_records(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return a table's rows as dictionaries of JSON values; NaN becomes None."""
    rows: list[dict[str, Any]] = json.loads(frame.to_json(orient="records", date_format="iso", double_precision=15))
    return rows


def format_changes(changes: Mapping[str, Sequence[object]], separator: str = ", ") -> str:
    """Format pairs of values that differ: ``method lora ↔ tfidf, r 8 ↔ 4``."""
    return separator.join(
        f"{name} {format_setting(first)} ↔ {format_setting(second)}" for name, (first, second) in changes.items()
    )
