"""``delete``: delete a run with its predictions and files."""

import sys
from argparse import Namespace

from cli.arguments import Parser, add_run_id
from cli.commands import Command
from core.errors import RequestError
from core.text.sanitize import to_single_line


def add_arguments(parser: Parser) -> None:
    """Add the run id and ``--yes``."""
    add_run_id(parser)
    parser.add_argument("--yes", action="store_true", help="skip the confirmation prompt")


def execute(arguments: Namespace) -> int:
    """Delete the run after a confirmation."""
    from core.store import queries
    from core.store.engine import open_store
    from core.store.run_edits import delete_run

    store = open_store(arguments.db)
    record = queries.run(store, arguments.run)
    run = f"run {record.id} ({to_single_line(record.name)})"
    if not arguments.yes and not _confirm(run):
        print("Nothing was deleted.")
        return 0
    remaining = delete_run(store, record.id)
    print(f"Deleted {run}.", *map(to_single_line, remaining), sep="\n")
    return 0


def _confirm(run: str) -> bool:
    """Ask for confirmation; raise `RequestError` if standard input is not a terminal."""
    if not sys.stdin.isatty():
        raise RequestError(f"Deleting {run} cannot be undone. Pass --yes to confirm.")
    return input(f"Delete {run} with its predictions and files? [y/N] ").strip().lower() == "y"


COMMAND = Command("Delete a run, its predictions and its files.", add_arguments, execute)
