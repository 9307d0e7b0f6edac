"""``predict``: classify texts from arguments, standard input or a file with a recorded run."""

import io
import math
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

from cli.arguments import Parser, add_json, add_run_id, add_trust_remote_code, non_empty
from cli.commands import Command
from cli.console import print_json, print_table
from core.errors import RequestError
from core.system.files import parse_user_path
from core.text.formatting import DASH, format_count, format_percent
from core.text.input_checks import redacted_repr
from core.text.parsing import parse_encoding
from core.text.sanitize import escape_invisible, to_single_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.progress import Progress

    from core.serving.batch_predict import InputTable
    from core.serving.inference import LoadedRun
    from core.store.engine import Store

_MAX_SHOWN_TEXT = 80


def add_arguments(parser: Parser) -> None:
    """Add the run id, the texts, and the flags."""
    add_run_id(parser)
    parser.add_argument("texts", nargs="*", metavar="text", help="texts to classify (default: lines of standard input)")
    parser.add_argument(
        "--file",
        type=non_empty,
        metavar="FILE",
        help="file of texts: CSV, TSV, JSON, JSONL, Parquet, .xlsx or .txt",
    )
    parser.add_argument(
        "--text-column", type=non_empty, metavar="COLUMN", help="text column of --file (default: detected by name)"
    )
    parser.add_argument("--encoding", type=_encoding, metavar="ENCODING", help="encoding of the texts (default: UTF-8)")
    parser.add_argument(
        "--no-header", action="store_true", help="the first line of --file is a row; columns are numbered from 1"
    )
    parser.add_argument(
        "--output",
        type=non_empty,
        metavar="FILE",
        help="write the rows with their predictions to this .csv, .tsv or .jsonl file",
    )
    add_json(parser)
    add_trust_remote_code(parser)


def _encoding(text: str) -> str:
    try:
        return str(parse_encoding(text))
    except ValueError as error:
        raise ArgumentTypeError(f"{redacted_repr(text)} {error}") from None


def execute(arguments: Namespace) -> int:
    """Classify the texts, and print or write the predictions."""
    from core.store.engine import open_store

    store = open_store(arguments.db)
    rows = read_input(arguments, store)
    for note in rows.notes:
        print(to_single_line(f"{arguments.file}: {note}"), file=sys.stderr)
    from core.serving.batch_predict import predict_texts
    from core.serving.inference import load_run

    loaded = load_run(store, arguments.run, trust_remote_code=arguments.trust_remote_code)
    if arguments.file or arguments.output:
        write_rows(loaded, rows, arguments)
    else:
        texts = rows.frame["text"].tolist()
        print_predictions(texts, loaded.labels, predict_texts(loaded, texts), as_json=arguments.json)
    return 0


def read_input(arguments: Namespace, store: "Store") -> "InputTable":
    """Return the texts to classify. Raise `RequestError` if there are none, or if they have two sources."""
    import pandas as pd

    from core.data.file_tables import ReadOptions
    from core.serving.batch_predict import InputTable, check_output_path, read_input_table
    from core.store import queries

    run = queries.run(store, arguments.run)
    file = parse_user_path("--file", arguments.file) if arguments.file else None
    if file and arguments.texts:
        raise RequestError("predict takes texts or --file, not both.")
    if arguments.text_column and not file:
        raise RequestError("--text-column needs --file.")
    if arguments.output:
        check_output_path(parse_user_path("--output", arguments.output), file)
    if file:
        trained_on = queries.dataset(store, run.dataset_id).text_column if run.dataset_id else "text"
        return read_input_table(
            file, arguments.text_column, trained_on, ReadOptions(arguments.encoding, arguments.no_header)
        )
    texts = arguments.texts or _read_standard_input(arguments.encoding)
    return InputTable(pd.DataFrame({"text": texts}, dtype=object), "text")


def _read_standard_input(encoding: str | None) -> list[str]:
    from core.data.encodings import DecodingError, decode
    from core.data.readers import MAX_FILE_BYTES

    if sys.stdin is None or sys.stdin.isatty():
        raise RequestError("predict needs texts: pass them as arguments, pipe them in (one per line), or pass --file.")
    content = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise RequestError(f"Standard input is larger than {MAX_FILE_BYTES >> 30} GB. Split it into parts.")
    try:
        text, _ = decode(content, encoding)
    except DecodingError as error:
        raise RequestError(f"Standard input {error}") from None
    if not text.strip():
        raise RequestError("Standard input contains no text. Pipe texts in, one per line, or pass them as arguments.")
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n")


class _Terminal(io.TextIOBase):
    """Standard output of a terminal; control characters in texts are escaped."""

    def write(self, text: str) -> int:
        return sys.stdout.write(escape_invisible(text))


def write_rows(loaded: "LoadedRun", rows: "InputTable", arguments: Namespace) -> None:
    """Write the rows with their predictions, and print the number of rows on standard error."""
    from core.serving.batch_predict import atomic_text_writer, write_predictions

    output = Path(arguments.output).expanduser() if arguments.output else None
    ending = output.suffix.lower() if output else ".jsonl" if arguments.json else ".csv"
    stdout = cast(TextIO, _Terminal()) if sys.stdout.isatty() else sys.stdout
    with atomic_text_writer(output) if output else nullcontext(stdout) as target, _progress_bar(len(rows)) as bar:
        empty = write_predictions(loaded, rows, target, ending, lambda done: bar.advance(bar.task_ids[0], done))
    skipped = f", {format_count(empty)} of them without a text and therefore without a prediction" if empty else ""
    print(f"{format_count(len(rows))} rows{skipped}{f': written to {output}' if output else ''}.", file=sys.stderr)


@contextmanager
def _progress_bar(total: int) -> Iterator["Progress"]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("Classifying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        bar.add_task("", total=total)
        yield bar


def print_predictions(
    texts: Sequence[str], labels: Sequence[str], probabilities: "NDArray[np.float32]", *, as_json: bool
) -> None:
    """Print the predicted label and the probabilities, [n, k], of each text; no label for a row of NaN."""
    predictions: list[tuple[str, str | None, Sequence[float | None]]] = []
    for text, row in zip(texts, probabilities.tolist(), strict=True):
        empty = any(map(math.isnan, row))
        predictions.append((text, None, [None] * len(row)) if empty else (text, labels[row.index(max(row))], row))
    if as_json:
        print_json(
            [
                {"text": text, "label": label, "probabilities": dict(zip(labels, row, strict=True))}
                for text, label, row in predictions
            ]
        )
        return
    rows = [(label or DASH, *map(format_percent, row), _shorten(text)) for text, label, row in predictions]
    print_table(("label", *(f"{label} %" for label in labels), "text"), rows, wrap="text")


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_SHOWN_TEXT else f"{line[: _MAX_SHOWN_TEXT - 1]}…"


COMMAND = Command("Classify texts with a run: from arguments, standard input or a file.", add_arguments, execute)
