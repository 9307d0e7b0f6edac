"""``search``: search the settings of a run, then check whether the best ones are better than the defaults."""

import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from cli.arguments import Parser, add_checkpoint_interval, duration, integer_from, non_empty, record_name
from cli.commands import Command
from cli.settings import add_settings, requested_values
from core.catalog.search_spaces import CHECK_SEEDS, FINALISTS, PLATEAU_TRIALS, PRUNERS, TRIALS
from core.config import make_config
from core.text.sanitize import to_single_line

if TYPE_CHECKING:
    from core.runs.job import Job
    from core.search.space import Space

_MAX_TRIALS = 10_000
_MAX_FINALISTS = 20
_MAX_SEEDS = 100


def add_arguments(parser: Parser) -> None:
    """Add the flags of the search, and a flag for every setting of a run."""
    parser.description = (
        f"{COMMAND.help}\n\nA flag with one value fixes a setting, a flag with several values lists those to search; "
        "the other settings\nhave default spaces. The same command continues an interrupted search."
    )
    search = parser.add_argument_group("search")
    search.add_argument(
        "--trials",
        type=integer_from(1, _MAX_TRIALS),
        default=TRIALS,
        metavar="INT",
        help=f"number of trials (default: {TRIALS})",
    )
    search.add_argument("--space", type=non_empty, metavar="FILE", help="YAML file of the settings to search")
    search.add_argument(
        "--time-budget",
        dest="seconds",
        type=duration,
        metavar="DURATION",
        help="begin no trial after this time, such as 1h; the check of the winner follows",
    )
    search.add_argument("--name", type=record_name, help="name of the search (default: from data, methods and space)")
    search.add_argument(
        "--pruner",
        choices=PRUNERS,
        default=PRUNERS[0],
        help=f"ends trials that are not promising (default: {PRUNERS[0]})",
    )
    _add_stopping_and_check(search)
    search.add_argument("--dry-run", action="store_true", help="print the data, the space, and the memory and time")
    add_checkpoint_interval(parser)
    add_settings(parser, without=("time_budget",))


def _add_stopping_and_check(group: Any) -> None:
    group.add_argument(
        "--plateau",
        type=integer_from(0, _MAX_TRIALS),
        default=PLATEAU_TRIALS,
        metavar="INT",
        help="end after this number of trials without improvement by half a point; 0: never "
        f"(default: {PLATEAU_TRIALS})",
    )
    group.add_argument(
        "--finalists",
        type=integer_from(1, _MAX_FINALISTS),
        default=FINALISTS,
        metavar="INT",
        help=f"number of best trials to train again with fresh seeds (default: {FINALISTS})",
    )
    group.add_argument(
        "--check-seeds",
        type=integer_from(2, _MAX_SEEDS),
        default=CHECK_SEEDS,
        metavar="INT",
        help=f"number of fresh seeds, with which the winner and the defaults are tested (default: {CHECK_SEEDS})",
    )
    group.add_argument("--no-check", action="store_true", help="do not check the winner; the test split is not read")


def execute(arguments: Namespace) -> int:
    """Run the search and check its winner, or print what it needs."""
    settings, content = _split_values(arguments)
    print("Preparing ...", file=sys.stderr, flush=True)
    from cli.plan_report import print_inputs
    from cli.search_report import print_search_dry_run
    from core.runs.job import describe_data

    defaults, space = _prepare(arguments, settings, content)
    if arguments.dry_run:
        print_inputs(list(defaults.values()))
        print_search_dry_run(space, defaults, arguments.trials)
        return 0
    for sentence in describe_data(list(defaults.values())):
        print(to_single_line(sentence), file=sys.stderr, flush=True)
    return _run(arguments, settings, defaults, space)


def _split_values(arguments: Namespace) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the settings with one value, and the requested space: the file's, and settings with several values."""
    from core.search.space_file import add_flags, read_space_file
    from core.system.files import parse_user_path

    content = read_space_file(parse_user_path("--space", arguments.space)) if arguments.space else {}
    values = requested_values(arguments)
    searched = {name: value for name, value in values.items() if len(value) > 1 or name == "method"}
    settings = {name: value[0] for name, value in values.items() if name not in searched}
    return settings, add_flags(content, searched)


def _prepare(
    arguments: Namespace, settings: dict[str, Any], content: dict[str, Any]
) -> tuple[dict[str, "Job"], "Space"]:
    """Return the default job of each method, and the space."""
    from core.runs.job import prepare_jobs
    from core.search.search import build_space
    from core.search.space_file import parse_space, space_methods
    from core.store.engine import store_folder

    methods = space_methods(content, ["lora"])
    parse_space(content, methods, settings)  # an invalid space is reported before anything is loaded
    configs = [make_config({**settings, "method": method}) for method in methods]
    defaults = dict(zip(methods, prepare_jobs(configs, store_folder(arguments.db)), strict=True))
    return defaults, build_space(defaults, settings, content, is_complete=arguments.space is not None)


def _run(arguments: Namespace, settings: dict[str, Any], defaults: dict[str, "Job"], space: "Space") -> int:
    """Run the search, check its winner and report; return the exit code."""
    from cli.progress import ConsoleProgress
    from cli.search_report import print_search
    from core.search.search import SearchOptions, open_search, run_search
    from core.search.winner import check_winner
    from core.store.engine import open_store

    store = open_store(arguments.db, create=True)
    search = open_search(store, space, defaults, settings, arguments.name, arguments.pruner)
    print(f"Search {search.name}", file=sys.stderr, flush=True)
    options = SearchOptions(arguments.trials, arguments.seconds, arguments.plateau)
    interval = arguments.checkpoint_every
    with ConsoleProgress() as progress:
        reason = run_search(search, options, progress, checkpoint_interval=interval)
        check = None
        if not arguments.no_check:
            check = check_winner(
                search,
                progress,
                finalists=arguments.finalists,
                seeds=arguments.check_seeds,
                checkpoint_interval=interval,
            )
    return print_search(search, reason, check)


COMMAND = Command(
    "Search the settings of a run with Optuna, then check the winner with fresh seeds.", add_arguments, execute
)
