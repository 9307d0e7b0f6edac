"""What `predict` is given and how far it is: texts, a pipe or a file in, rows out, a bar on standard error."""

import io
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from core.data.readers import MAX_FILE_BYTES
from core.errors import RequestError
from core.serving.batch_predict import Rows, atomic_text_writer, check_output_path, read_input_rows, write_predictions
from core.store import queries
from core.store.engine import Store
from core.system.files import parse_user_path
from core.text.formatting import format_count
from core.text.sanitize import escape_invisible

if TYPE_CHECKING:
    from core.serving.inference import LoadedRun


def given_rows(arguments: Namespace, store: Store) -> Rows:
    """Return what is to be classified. Raises `RequestError` where that is nothing, or two things at once."""
    run = queries.run(store, arguments.run)
    file = parse_user_path("--file", arguments.file) if arguments.file else None
    if file and arguments.texts:
        raise RequestError("predict takes texts or --file, not both.")
    if arguments.text_column and not file:
        raise RequestError("--text-column names a column of --file, and there is no --file.")
    if arguments.output:
        check_output_path(parse_user_path("--output", arguments.output), file)
    if file:
        learnt = queries.dataset(store, run.dataset_id).text_column if run.dataset_id else "text"
        return read_input_rows(file, arguments.text_column, learnt)
    return Rows(pd.DataFrame({"text": arguments.texts or _piped()}, dtype=object), "text")


def _piped() -> list[str]:
    """Return the lines of standard input."""
    if sys.stdin is None or sys.stdin.isatty():
        raise RequestError("predict needs a text: name it, pipe texts in (one a line), or give a --file.")
    content = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise RequestError(
            f"Standard input gives more than {MAX_FILE_BYTES >> 30} GB: too much to be held. Use parts of it."
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RequestError(f"Standard input is not UTF-8 (byte {error.start:,}). Convert it with iconv.") from None
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    if not text.strip():
        raise RequestError("Standard input holds no text. Pipe texts in, one a line, name them, or give a --file.")
    return lines


class _Terminal(io.TextIOBase):
    """Standard output where a person reads it: what the texts hold can't steer the terminal."""

    def write(self, text: str) -> int:
        return sys.stdout.write(escape_invisible(text))


def write_rows(loaded: "LoadedRun", rows: Rows, arguments: Namespace) -> None:
    """Write the rows with their predictions, and say on standard error what was written."""
    output = Path(arguments.output).expanduser() if arguments.output else None
    ending = output.suffix.lower() if output else ".jsonl" if arguments.json else ".csv"
    screen = cast(TextIO, _Terminal()) if sys.stdout.isatty() else sys.stdout
    with atomic_text_writer(output) if output else nullcontext(screen) as target, _bar(len(rows)) as bar:
        empty = write_predictions(loaded, rows, target, ending, lambda done: bar.advance(bar.task_ids[0], done))
    without = f", {format_count(empty)} of them without a text and so without a prediction" if empty else ""
    print(f"{format_count(len(rows))} rows{without}{f': written to {output}' if output else ''}.", file=sys.stderr)


@contextmanager
def _bar(total: int) -> Iterator[Progress]:
    console = Console(stderr=True)
    columns = (TextColumn("Classifying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        bar.add_task("", total=total)
        yield bar
