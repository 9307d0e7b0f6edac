"""``merge``: save a run as a plain transformers model."""

from argparse import Namespace

from cli.arguments import Parser, add_run_id, add_trust_remote_code, non_empty
from cli.commands import Command
from core.system.files import parse_user_path


def add_arguments(parser: Parser) -> None:
    """Add the run id and the target folder."""
    add_run_id(parser)
    parser.add_argument("folder", type=non_empty, metavar="DIR", help="target folder: new or empty")
    add_trust_remote_code(parser)


def execute(arguments: Namespace) -> int:
    """Merge the adapter into its base model, save the model, and compare its logits with the run's."""
    from core.serving.export import merge_run
    from core.store.engine import open_store

    folder = parse_user_path("DIR", arguments.folder)
    store = open_store(arguments.db)
    merged = merge_run(store, arguments.run, folder, trust_remote_code=arguments.trust_remote_code)
    print(
        f"Wrote run {arguments.run} as a plain transformers model to {merged.folder}. "
        f"On {merged.examples} test texts its logits differ from the unmerged model's by at most "
        f"{merged.max_difference:.1g}."
    )
    if merged.quantized:
        print(
            f"The base model of this run was quantized to {merged.quantized[0]} bits; the merged weights are not "
            "quantized, so predictions differ slightly from the recorded ones."
        )
    return 0


COMMAND = Command("Merge the adapter into its base model and save a plain transformers model.", add_arguments, execute)
