"""``recheck``: predict a run's test set again, and record changed predictions."""

from argparse import Namespace
from typing import TYPE_CHECKING

from cli.arguments import Parser, add_json, add_run_id, add_trust_remote_code
from cli.commands import Command
from cli.console import format_changes, print_json, print_text
from core.text.formatting import format_count

if TYPE_CHECKING:
    from core.serving.recheck import RecheckResult


def add_arguments(parser: Parser) -> None:
    """Add the run id and the flags."""
    add_run_id(parser)
    add_json(parser)
    add_trust_remote_code(parser)


def execute(arguments: Namespace) -> int:
    """Predict the test set again, and print the changes."""
    from core.serving.recheck import recheck_run
    from core.store.engine import open_store

    store = open_store(arguments.db)
    print_recheck(
        recheck_run(store, arguments.run, trust_remote_code=arguments.trust_remote_code), as_json=arguments.json
    )
    return 0


def print_recheck(result: "RecheckResult", *, as_json: bool) -> None:
    """Print whether a run's predictions still equal the recorded ones."""
    if as_json:
        print_json(vars(result))
        return
    print_text(
        f"{'Drift' if result.drifted else 'No drift'}: "
        f"{format_count(result.changed_labels)} of {format_count(result.examples)} labels changed; "
        f"probabilities changed by at most {result.max_difference:.2g}."
    )
    print_text(f"Versions that differ: {format_changes(result.versions) or 'none'}")


COMMAND = Command("Predict a run's test set again, and record whether predictions changed.", add_arguments, execute)
