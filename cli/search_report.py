"""The dry run of a search, and the report at its end."""

from collections import Counter
from collections.abc import Mapping

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from cli.console import print_table, print_text
from cli.plan_report import format_range
from core.report.search_verdict import WinnerCheck, compare_with_defaults, search_verdict
from core.runs.job import Job
from core.search.plan import estimate_costs
from core.search.search import Search
from core.search.space import Space, default_value
from core.search.stopping import STOP_REASONS
from core.search.studies import storage_address
from core.text.formatting import DASH, format_bytes, format_count, format_parameters, format_percent, format_setting

BEST_SHOWN = 5


def print_search_dry_run(space: Space, defaults: Mapping[str, Job], trials: int) -> None:
    """Print the space of a search with its defaults, and what its trials need."""
    rows = [
        (method, name, _describe_distribution(distribution), format_setting(default_value(defaults[method], name)))
        for method, dimensions in space.dimensions.items()
        for name, distribution in dimensions.items()
    ]
    print_table(("method", "setting", "space", "default"), rows, text_columns=3)
    costs = dict(zip(defaults, estimate_costs(list(defaults.values())), strict=True))
    cells = [
        (
            method,
            format_parameters(cost.trainable_parameters, cost.total_parameters),
            format_range(cost.seconds),
            format_bytes(cost.memory_bytes),
        )
        for method, cost in costs.items()
    ]
    print_table(("default settings", "trainable parameters", "time", "memory"), cells)
    fewest = trials * min(cost.seconds[0] for cost in costs.values())
    most = trials * max(cost.seconds[1] for cost in costs.values())
    print_text(
        f"{format_count(trials)} trials with default costs: {format_range((fewest, most))}; pruning shortens it."
    )
    print_text("Dry run: nothing was written.")


def _describe_distribution(distribution: BaseDistribution) -> str:
    if isinstance(distribution, CategoricalDistribution):
        return ", ".join("default" if choice is None else format_setting(choice) for choice in distribution.choices)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return f"{distribution.low:g} to {distribution.high:g}{', log' if distribution.log else ''}"


def print_search(search: Search, reason: str, check: WinnerCheck | None) -> int:
    """Print the trials of a search and the check of its winner; return the exit code, 1 if no trial is complete."""
    trials = search.study.get_trials(deepcopy=False)
    counts = Counter(trial.state.name.lower() for trial in trials)
    names = {"complete": "complete", "pruned": "pruned", "fail": "failed", "running": "running"}
    parts = [f"{format_count(counts[state])} {name}" for state, name in names.items() if counts[state]]
    print_text(f"Search {search.name}: {', '.join(parts)}. It ended, because {STOP_REASONS[reason]}.")
    _print_best(search)
    if check is not None:
        for sentence in search_verdict(check, compare_with_defaults(search.store, check)):
            print_text(sentence)
        _print_next(search, check)
    print_text(f"Optuna storage: {storage_address(search.store)}")
    return 0 if counts["complete"] else 1


def _print_best(search: Search) -> None:
    """Print the best trials with their settings."""
    complete = search.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    best = sorted(complete, key=lambda trial: (-(trial.value or 0.0), trial.number))[:BEST_SHOWN]
    names = list(dict.fromkeys(name for trial in best for name in trial.params))
    rows = [
        (
            str(trial.number),
            str(trial.user_attrs.get("run", DASH)),
            format_percent(trial.value),
            *(format_setting(trial.params.get(name)) for name in names),
        )
        for trial in best
    ]
    print_table(("trial", "run", "validation macro F1", *names), rows)


def _print_next(search: Search, check: WinnerCheck) -> None:
    """Print the commands that show the winner and compare it with the defaults."""
    winner, default = check.winner_runs[0], check.default_runs[0]
    commands = [f"show {winner}", *([] if check.is_default else [f"compare {default} {winner}"])]
    print_text("Next:")
    for command in commands:
        print_text(f"  {search.store.format_command(command)}")
