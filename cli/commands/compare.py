"""``compare``: compare runs with a reference run on their common test set."""

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cli.arguments import Parser, add_json, number_up_to, run_id
from cli.commands import Command
from cli.console import format_changes, print_json, print_table, print_text
from core.errors import RequestError
from core.text.formatting import MIN_SUPPORT, format_count, format_p_value, format_points
from core.text.sanitize import to_single_line

if TYPE_CHECKING:
    from core.report.comparisons import ConfigurationComparison, RunComparison


def add_arguments(parser: Parser) -> None:
    """Add the run ids and the margin of equivalence."""
    parser.add_argument("first", type=run_id, metavar="reference", help="id of the reference run")
    parser.add_argument("others", type=run_id, nargs="+", metavar="run", help="ids of the runs to compare with it")
    parser.add_argument(
        "--margin",
        type=number_up_to(100, "points"),
        default=1.0,
        metavar="POINTS",
        help="margin in macro F1 points of the equivalence (TOST) and non-inferiority tests (default: 1)",
    )
    add_json(parser)


def execute(arguments: Namespace) -> int:
    """Compare every other run with the first one."""
    from core.report.comparisons import compare_configurations, compare_runs, holm_adjusted_p
    from core.store.engine import open_store

    first, others = arguments.first, arguments.others
    ids = [first, *others]
    if repeated := next((id_ for id_ in ids if ids.count(id_) > 1), None):
        raise RequestError(
            f"Run {repeated} is given twice, but a run cannot be compared with itself. Pass each run once."
        )
    store = open_store(arguments.db)
    comparisons = [compare_runs(store, other, first, arguments.margin / 100) for other in others]
    over_seeds = [compare_configurations(store, other, first) for other in others]
    print_function = print_comparisons_as_json if arguments.json else print_comparisons
    print_function(comparisons, over_seeds, holm_adjusted_p(comparisons))
    return 0


def print_comparisons_as_json(
    comparisons: Sequence["RunComparison"],
    over_seeds: Sequence["ConfigurationComparison | None"],
    adjusted: Sequence[float],
) -> None:
    """Print the complete comparisons as JSON."""
    print_json([_to_json(*row) for row in zip(comparisons, over_seeds, adjusted, strict=True)])


def _to_json(
    comparison: "RunComparison", over_seeds: "ConfigurationComparison | None", adjusted: float
) -> dict[str, Any]:
    from core.report.verdicts import verdict_sentence

    classes = zip(comparison.labels, comparison.result.classes, strict=True)
    return {
        "run": comparison.a.id,
        "against": comparison.b.id,
        "sentence": verdict_sentence(comparison),
        **asdict(comparison.result),
        "classes": {label: asdict(difference) for label, difference in classes},
        "p_adjusted": adjusted,
        "settings": comparison.settings,
        "versions": comparison.versions,
        "over_seeds": None if over_seeds is None else asdict(over_seeds.result),
    }


def print_comparisons(
    comparisons: Sequence["RunComparison"],
    over_seeds: Sequence["ConfigurationComparison | None"],
    adjusted: Sequence[float],
) -> None:
    """Print each comparison: the verdict, the settings that differ, and the difference for each label."""
    from core.report.verdicts import configuration_sentence, margin_sentence, verdict_sentence

    for comparison, configuration, p in zip(comparisons, over_seeds, adjusted, strict=True):
        a, b = comparison.a, comparison.b
        print_text(f"Run {a.id} ({to_single_line(a.name)}) compared with run {b.id} ({to_single_line(b.name)})")
        print_text(verdict_sentence(comparison))
        if configuration is not None:
            print_text(configuration_sentence(configuration))
        if len(comparisons) > 1:
            print_text(
                f"Holm-adjusted for {len(comparisons)} runs: p {format_p_value(p)} (the interval is not adjusted)."
            )
        print_text(margin_sentence(comparison.result))
        accuracy = format_points(*vars(comparison.result.accuracy).values())
        print_text(f"Accuracy: {accuracy} points, McNemar p {format_p_value(comparison.result.p_accuracy)}.")
        print_text(f"Settings that differ: {format_changes(comparison.settings, ' · ') or 'none'}")
        if comparison.versions:
            changed = format_changes(comparison.versions)
            print_text(f"Versions that differ: {changed}. They may explain a difference.")
        _print_labels(comparison)


def _print_labels(comparison: "RunComparison") -> None:
    """Print the difference for each label, the largest decrease of F1 first."""
    pairs = zip(comparison.labels, comparison.result.classes, strict=True)
    ordered = sorted(pairs, key=lambda pair: (pair[1].f1.value is None, pair[1].f1.value))
    rows = [
        (
            label,
            *(
                format_points(score.value, score.low, score.high)
                for score in (result.f1, result.recall, result.precision)
            ),
            format_p_value(result.p).removeprefix("= "),
            format_count(result.gained),
            format_count(result.lost),
            format_count(result.support) + (" (too few)" if result.support < MIN_SUPPORT else ""),
        )
        for label, result in ordered
    ]
    print_table(("class", "F1, points", "recall", "precision", "p (Holm)", "gained", "lost", "examples"), rows)


COMMAND = Command("Compare runs with a reference run on their common test set.", add_arguments, execute)
