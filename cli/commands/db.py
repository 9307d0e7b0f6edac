"""``db``: database maintenance."""

import sys
from argparse import Namespace
from dataclasses import asdict
from typing import TYPE_CHECKING

from cli.arguments import Parser, add_json, non_empty
from cli.commands import Command, CommandGroup
from cli.console import print_json, print_text
from core.text.formatting import format_count

if TYPE_CHECKING:
    from core.store.import_db import ImportResult
    from core.store.integrity import CheckResult
    from core.store.integrity.findings import Finding


def _add_check_arguments(parser: Parser) -> None:
    parser.add_argument("--fix", action="store_true", help="apply lossless repairs")
    _add_backed_up(parser)
    add_json(parser)


def _add_backed_up(parser: Parser) -> None:
    parser.add_argument(
        "--backed-up",
        action="store_true",
        help="confirm that you backed up a database on a server (SQLite files are backed up automatically)",
    )


def check(arguments: Namespace) -> int:
    """Check the database and the runs' files, and print the problems."""
    from core.store.engine import format_command
    from core.store.integrity import check

    checked = check(arguments.db, fix=arguments.fix, backed_up=arguments.backed_up)
    if arguments.json:
        findings = [asdict(finding) for finding in checked.findings]
        print_json({"database": checked.address, "backup": checked.backup, "findings": findings})
    else:
        print_checked(checked, format_command("db check --fix", checked.address))
    return 0 if checked.is_sound else 1


def print_checked(checked: "CheckResult", fix_command: str) -> None:
    """Print every finding with its repair, and the number of remaining problems."""
    for finding in checked.findings:
        print_text(f"{finding.where}: {finding.what} {_format_advice(finding)}")
    if checked.backup is not None:
        print_text(f"Backup of the database before the repairs: {checked.backup}")
    print_text(f"{checked.address}: {_format_summary(checked, fix_command)}")


def _format_advice(finding: "Finding") -> str:
    if finding.fixed:
        return "Fixed."
    return f"With --fix: {finding.advice[0].lower()}{finding.advice[1:]}" if finding.fixable else finding.advice


def _format_summary(checked: "CheckResult", fix_command: str) -> str:
    problems = [finding for finding in checked.findings if finding.fault]
    remaining = [finding for finding in problems if not finding.fixed]
    if not problems:
        return "no problems found."
    total = f"{len(problems)} problem{'' if len(problems) == 1 else 's'}"
    if checked.is_sound:
        return f"{total}, all fixed."
    if len(remaining) < len(problems):
        return f"{total}, {len(problems) - len(remaining)} fixed."
    fixable = sum(finding.fixable for finding in remaining)
    return f"{total}, {fixable} fixable: {fix_command}" if fixable else f"{total}."


def upgrade(arguments: Namespace) -> int:
    """Migrate the database to the newest schema, after a backup."""
    from core.store.engine import upgrade_store

    done = upgrade_store(arguments.db, backed_up=arguments.backed_up)
    if done.backup is not None:
        print(f"Backup of the database before the upgrade (schema {done.previous_revision}): {done.backup}")
    print(f"{done.store.address} is up to date.")
    return 0


def recover(arguments: Namespace) -> int:
    """Merge the runs in fallback databases into the database."""
    from core.runs.recovery import recover_all
    from core.store.engine import open_store

    done = recover_all(open_store(arguments.db))
    if done.run_ids:
        print(f"Merged: {', '.join(f'run {number}' for number in done.run_ids)}.")
    elif not done.errors:
        print("This database has no fallback databases.")
    for reason in done.errors:
        print(f"Not merged: {reason}", file=sys.stderr)
    return 1 if done.errors else 0


def _add_import_arguments(parser: Parser) -> None:
    parser.add_argument("other", type=non_empty, metavar="OTHER", help="file or URL of the database to import")
    add_json(parser)


def import_(arguments: Namespace) -> int:
    """Import the runs, files and annotations of another database, and print a summary."""
    from core.store.engine import open_store
    from core.store.import_db import import_database

    result = import_database(open_store(arguments.db), arguments.other)
    if arguments.json:
        print_json(asdict(result))
    else:
        print_imported(result)
    return 0 if result.is_complete else 1


def print_imported(result: "ImportResult") -> None:
    """Print the new ids of imported runs, the number of skipped runs, and problems."""
    for problem in result.problems:
        print_text(f"{problem.where}: {problem.message}")
    new_ids = ", ".join(f"{source_id} → {run_id}" for source_id, run_id in result.imported.items())
    imported = f"Imported {format_count(len(result.imported))} run{'' if len(result.imported) == 1 else 's'}"
    print(f"{imported}{': ' if new_ids else ''}{new_ids}.")
    if result.already_present:
        print(f"Runs skipped, already in this database: {format_count(len(result.already_present))}.")
    print(f"Texts with new or completed annotations: {format_count(result.annotations)}.")
    if result.views:
        print(f"New saved views: {format_count(result.views)}.")


COMMAND = CommandGroup(
    "Database maintenance: check, upgrade, recover, import.",
    {
        "check": Command("Check the integrity of the database and of the runs' files.", _add_check_arguments, check),
        "upgrade": Command("Migrate the database to the newest schema.", _add_backed_up, upgrade),
        "recover": Command(
            "Merge into the database the runs that were written to fallback databases while it was unavailable.",
            lambda parser: None,
            recover,
        ),
        "import": Command(
            "Import runs, files, annotations and saved views from another database.", _add_import_arguments, import_
        ),
    },
)
