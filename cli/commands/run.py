"""``run``: fine-tune classifiers and run baselines, record the runs, and report on them."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cli.arguments import PROGRAM, Parser, PrintText, StoreOnce, add_checkpoint_interval, record_name
from cli.commands import NAMES, Command, load_command
from cli.settings import add_settings, requested_values
from core.catalog.baselines import BASELINES, DEFAULT_BASELINES, select_baselines
from core.catalog.methods import METHODS
from core.config import flag
from core.errors import RequestError
from core.text.sanitize import to_single_line

if TYPE_CHECKING:
    from core.store.engine import Store
    from core.store.records import Run

_COMMON_SETTINGS = ("dataset", "model", "method", "r", "epochs", "lr", "train_size", "seed")
_GRID_HELP = "Several values of settings form a grid: --r 4 8 --seed 1 2 3 makes six runs."
_EXAMPLES = (
    f"{PROGRAM} --r 8 --epochs 2                             baselines and a LoRA run on the bundled reviews",
    f"{PROGRAM} --dataset my.csv --model gpt2 --r 4 8 16     a grid of three ranks",
    f'{PROGRAM} predict 13 "A film to remember."             classify a text with run 13',
)


def add_arguments(parser: Parser) -> None:
    """Add a flag for every setting of a run, and the flags of the command."""
    parser.description = f"{COMMAND.help}\n\n{_GRID_HELP}"
    parser.usage = f"{PROGRAM} [run] [flags]\n       {PROGRAM} COMMAND [arguments] [flags]"
    parser.overview = lambda: _format_overview(parser)
    parser.add_argument("--help-all", action=PrintText, text=parser.format_help, help="show every flag and exit")
    parser.add_argument(
        "--name", type=record_name, help="run name; baselines keep theirs (default: from the settings, such as lora-r8)"
    )
    _add_baselines(parser)
    parser.add_argument("--again", action="store_true", help="run again what is recorded with equal settings and data")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the data, the runs, and the memory and time that they need"
    )
    add_checkpoint_interval(parser)
    add_settings(parser)


def _add_baselines(parser: Parser) -> None:
    names = ", ".join(baseline.name for baseline in BASELINES)
    parser.add_argument(
        "--baselines",
        nargs="+",
        action=StoreOnce,
        metavar="NAME",
        help=f"baselines to run: all, none, or some of {names} (default: {' '.join(DEFAULT_BASELINES)})",
    )
    parser.add_argument("--no-baselines", action="store_true", help="the same as --baselines none")


def _selected_baselines(arguments: Namespace) -> tuple[str, ...]:
    """Return the names of the requested baselines. Raises `RequestError` for two flags or an invalid name."""
    if arguments.baselines and arguments.no_baselines:
        raise RequestError("--baselines and --no-baselines exclude each other. Pass one of them.")
    requested = ["none"] if arguments.no_baselines else arguments.baselines or DEFAULT_BASELINES
    selected = select_baselines(requested)
    if "all" not in requested:
        return selected
    for name in selected:
        if not METHODS[name].is_installed:
            install = f"pip install 'adapter-bench[{METHODS[name].extra}]'"
            print(f"Without the baseline {name}: its package is not installed ({install}).", file=sys.stderr)
    return tuple(name for name in selected if METHODS[name].is_installed)


def _format_overview(parser: Parser) -> str:
    """Return the text of ``--help``: the commands, examples, and the most-used flags of ``run``."""
    commands = [f"  {name:9} {load_command(name).help}" for name in NAMES]
    lines = [
        f"usage: {parser.usage}",
        "",
        "Fine-tune a text classifier with PEFT, record the runs, and compare them with baselines.",
        "",
        f"commands (for the flags of a command: {PROGRAM} COMMAND --help):",
        *commands,
        "",
        "examples:",
        *(f"  {example}" for example in _EXAMPLES),
        "",
    ]
    flags = [*map(flag, _COMMON_SETTINGS), "--config", "--db", "--help-all"]
    return "\n".join(lines) + "\n" + parser.format_section("most-used flags of run", flags)


def execute(arguments: Namespace) -> int:
    """Run every requested configuration and its baselines in sequence."""
    from core.search.grid import expand_grid

    baselines = _selected_baselines(arguments)
    configs = expand_grid(requested_values(arguments))
    print("Preparing ...", file=sys.stderr, flush=True)
    from cli.plan_report import print_dry_run, print_plan
    from cli.progress import ConsoleProgress
    from core.runs.job import add_baselines, describe_data, prepare_jobs
    from core.runs.pipeline import run_jobs
    from core.search.plan import plan_jobs
    from core.store.engine import open_existing_store, open_store, store_folder

    jobs = prepare_jobs(add_baselines(configs, baselines), store_folder(arguments.db))
    if arguments.dry_run:
        print_dry_run(plan_jobs(jobs, open_existing_store(arguments.db), again=arguments.again))
        return 0
    store = open_store(arguments.db, create=True)
    for sentence in describe_data(jobs):
        print(to_single_line(sentence), file=sys.stderr, flush=True)
    if len(configs) > 1:
        print_plan(plan_jobs(jobs, store, again=arguments.again))
    with ConsoleProgress() as progress:
        records = run_jobs(
            jobs,
            store,
            progress,
            name=arguments.name,
            again=arguments.again,
            checkpoint_interval=arguments.checkpoint_every,
        )
    return report_runs(store, records, debug=arguments.debug)


def report_runs(store: "Store", records: Sequence["Run"], *, debug: bool) -> int:
    """Report on finished runs and on fallback databases that contain runs; return the exit code."""
    from cli.run_report import collect_report, print_report
    from core.store.fallback import is_recorded, list_fallbacks
    from core.store.records import CLOSED

    recorded = [record for record in records if is_recorded(store, record)]
    if recorded:
        print_report(collect_report(store, [record.id for record in recorded]))
    if debug:
        print(*(record.traceback for record in records if record.traceback), sep="\n", file=sys.stderr)
    fallbacks = list_fallbacks(store)
    for fallback in fallbacks:
        print(
            f"runner.py: A run is recorded in a fallback database: {fallback.folder}. {fallback.reason}",
            file=sys.stderr,
        )
    if fallbacks:
        print(f"No data is lost. When the cause is fixed, run: {store.format_command('db recover')}", file=sys.stderr)
    return 0 if len(recorded) == len(records) and all(record.state in CLOSED for record in recorded) else 1


COMMAND = Command(
    "Fine-tune a classifier, run baselines, and record the runs (default command).", add_arguments, execute
)
