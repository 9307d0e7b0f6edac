"""``report``: write a document on runs, in HTML or Markdown."""

import tempfile
from argparse import Namespace
from pathlib import Path

from cli.arguments import Parser, integer_from, non_empty, run_id
from cli.commands import Command
from cli.console import print_text
from core.errors import RequestError, did_you_mean
from core.report.document import DEFAULT_FAILURES, ReportFormat, render_report
from core.system.files import parse_user_path, publish_atomically

FORMATS: dict[str, ReportFormat] = {".html": "html", ".md": "md"}
"""The format of a report by the suffix of its file."""


def add_arguments(parser: Parser) -> None:
    """Add the run ids, the file and the number of failures."""
    parser.add_argument("runs", type=run_id, nargs="+", metavar="run", help="ids of runs on one test set")
    parser.add_argument(
        "--output", type=non_empty, metavar="FILE", help="new .html or .md file (default: print Markdown)"
    )
    parser.add_argument(
        "--failures",
        type=integer_from(0, 10_000),
        default=DEFAULT_FAILURES,
        metavar="N",
        help=f"number of misclassified examples of each run, most confident first (default: {DEFAULT_FAILURES})",
    )


def execute(arguments: Namespace) -> int:
    """Write or print the report."""
    output = parse_user_path("--output", arguments.output) if arguments.output else None
    form = "md" if output is None else _format_of(output)
    if output is not None:
        _require_free(output)
    from core.store.engine import open_store

    report = render_report(open_store(arguments.db), arguments.runs, form, failures=arguments.failures)
    if output is None:
        print_text(report)
        return 0
    _write(output, report)
    print_text(f"Wrote the report to {output}.")
    return 0


def _format_of(output: Path) -> ReportFormat:
    suffix = output.suffix.lower()
    if suffix not in FORMATS:
        raise RequestError(
            f"--output {output} must end in {' or '.join(FORMATS)}, which selects the format."
            f"{did_you_mean(suffix, FORMATS)}"
        )
    return FORMATS[suffix]


def _require_free(output: Path) -> None:
    if output.exists():
        raise RequestError(f"{output} exists. Name a new file.", code="file_exists")
    if not output.absolute().parent.is_dir():
        raise RequestError(f"There is no folder {output.parent} for --output {output.name}.", code="no_folder")


def _write(output: Path, text: str) -> None:
    """Write a new file completely or not at all."""
    try:
        with tempfile.TemporaryDirectory(dir=output.absolute().parent, prefix=".writing-") as folder:
            temporary = Path(folder) / output.name
            temporary.write_text(text, encoding="utf-8")
            publish_atomically(temporary, output)
    except OSError as error:
        raise RequestError(
            f"{output} cannot be written: {error.strerror or error}. Nothing was written.", code="write_failed"
        ) from error


COMMAND = Command("Write a report on runs: verdicts, scores, failures, settings.", add_arguments, execute)
