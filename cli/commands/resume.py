"""``resume``: resume a run that ended early, or train a complete run for more epochs."""

import sys
from argparse import Namespace

from cli.arguments import Parser, add_checkpoint_interval, add_run_id, add_trust_remote_code, non_empty
from cli.commands import Command


def add_arguments(parser: Parser) -> None:
    """Add the run id, and the settings that may differ from the first attempt."""
    from core.config import RunConfig

    add_run_id(parser)
    parser.add_argument(
        "--epochs",
        type=non_empty,
        metavar="INT|auto",
        help="train a complete run for more epochs, as a new run that starts from its weights",
    )
    parser.add_argument("--auto-batch", action="store_true", help=RunConfig.model_fields["auto_batch"].description)
    add_checkpoint_interval(parser)
    add_trust_remote_code(parser)


def execute(arguments: Namespace) -> int:
    """Resume the run from its last checkpoint, or begin a run that continues it, and report on it."""
    print("Preparing ...", file=sys.stderr, flush=True)
    from cli.commands.run import report_runs
    from cli.progress import ConsoleProgress
    from core.runs.pipeline import run_job
    from core.runs.recovery import recover_all
    from core.runs.resume import prepare_continuation, prepare_resume
    from core.store.engine import open_store

    store = open_store(arguments.db)
    recover_all(store)  # the run and its checkpoints may be in a fallback database
    options = {"auto_batch": arguments.auto_batch, "trust_remote_code": arguments.trust_remote_code}
    if arguments.epochs is None:
        job, resume_run_id = prepare_resume(store, arguments.run, **options), arguments.run
    else:
        job, resume_run_id = prepare_continuation(store, arguments.run, arguments.epochs, **options), None
    with ConsoleProgress() as progress:
        progress.on_run_begin(f"run {arguments.run}", job.config, 1, 1)
        record = run_job(
            job, store, progress, resume_run_id=resume_run_id, checkpoint_interval=arguments.checkpoint_every
        )
        progress.on_run_end(record, reused=False)
    return report_runs(store, [record], debug=arguments.debug)


COMMAND = Command(
    "Resume a cancelled, crashed or failed run from its last checkpoint (if training diverged, it fails again). With "
    "--epochs, train a complete run for more epochs, as a new run.",
    add_arguments,
    execute,
)
