"""``export``: export a run to a folder that works without this project."""

from argparse import Namespace
from pathlib import Path

from cli.arguments import Parser, add_run_id, add_trust_remote_code, non_empty
from cli.commands import Command
from core.system.files import parse_user_path


def add_arguments(parser: Parser) -> None:
    """Add the run id and the target folder."""
    add_run_id(parser)
    parser.add_argument("folder", type=non_empty, metavar="DIR", help="target folder: new or empty")
    add_trust_remote_code(parser)


def execute(arguments: Namespace) -> int:
    """Export the run with its tokenizer, model card and an example script."""
    from core.serving.export import export_run
    from core.store.engine import open_store

    folder = parse_user_path("DIR", arguments.folder)
    export_run(open_store(arguments.db), arguments.run, folder, trust_remote_code=arguments.trust_remote_code)
    example = Path(arguments.folder) / "example.py"
    print(f'Exported run {arguments.run} to {arguments.folder}. Try it: python {example} "a text"')
    print("The example downloads the base model from the Hugging Face Hub; --base FOLDER uses a local copy.")
    return 0


COMMAND = Command("Export the adapter with tokenizer, model card and an example script.", add_arguments, execute)
