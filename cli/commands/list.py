"""``list``: the recorded runs, or their configurations with a summary over seeds."""

from argparse import Namespace
from typing import TYPE_CHECKING

from cli.arguments import PROGRAM, Parser, add_json
from cli.commands import Command
from cli.console import print_json, print_table, print_text, to_records
from core.catalog.figures import FIGURES, MACRO_F1_DIFFERENCE
from core.text.formatting import DASH, format_percent

if TYPE_CHECKING:
    import pandas as pd

    from core.evaluation.seeds import SeedSummary

_FIGURES = ("macro_f1", MACRO_F1_DIFFERENCE, "accuracy", "train_seconds", "trainable_parameters")
"""The figures shown as columns; ``--json`` prints all."""


def add_arguments(parser: Parser) -> None:
    """Add the flags."""
    parser.add_argument("--groups", action="store_true", help="one line per configuration: macro F1 over its seeds")
    parser.add_argument("--trials", action="store_true", help="include the trials of searches")
    add_json(parser)


def execute(arguments: Namespace) -> int:
    """Print a line per run or per configuration."""
    from core.store import queries
    from core.store.engine import open_store

    runs = queries.runs(open_store(arguments.db))
    if not arguments.trials:
        runs = runs[runs["study"].isna()]
    if arguments.groups:
        print_groups(summarize_groups(runs), as_json=arguments.json)
    else:
        print_runs(runs, as_json=arguments.json)
    return 0


def summarize_groups(runs: "pd.DataFrame") -> list[tuple["pd.DataFrame", "SeedSummary"]]:
    """Return the complete runs of each configuration with the summary of their macro F1 over the seeds."""
    from core.evaluation.seeds import summarize_seeds

    complete = runs[(runs["state"] == "complete") & runs["macro_f1"].notna()]
    groups = [group for _, group in complete.groupby("group_key", sort=False)]
    summaries = [summarize_seeds(group["macro_f1"].tolist()) for group in groups]
    return [(group, summary) for group, summary in zip(groups, summaries, strict=True) if summary is not None]


def print_runs(runs: "pd.DataFrame", *, as_json: bool) -> None:
    """Print a line per run."""
    if as_json:
        print_json(to_records(runs))
        return
    if runs.empty:
        print_text(f"No runs yet. Start with: {PROGRAM} --r 8 --epochs 2")
        return
    figures = [FIGURES[name] for name in _FIGURES]
    rows = [
        (
            str(run.id),
            run.name,
            run.kind,
            run.dataset if isinstance(run.dataset, str) else DASH,
            run.state,
            *(figure.format_row(run) for figure in figures),
        )
        for run in runs.itertuples()
    ]
    titles = (f"{figure.title}, points" if figure.unit == "points" else figure.title for figure in figures)
    print_table(("run", "name", "kind", "data set", "status", *titles), rows, text_columns=5)


def print_groups(groups: list[tuple["pd.DataFrame", "SeedSummary"]], *, as_json: bool) -> None:
    """Print a line per configuration: mean, standard deviation and range of macro F1 over the seeds."""
    if as_json:
        print_json([{"runs": runs["id"].tolist(), "macro_f1": vars(summary)} for runs, summary in groups])
        return
    rows = [
        (
            runs["name"].iloc[0],
            runs["dataset"].iloc[0],
            str(summary.n),
            format_percent(summary.mean),
            DASH if summary.deviation is None else f"± {format_percent(summary.deviation)}",
            DASH if summary.n == 1 else f"{format_percent(summary.lowest)}–{format_percent(summary.highest)}",
            ", ".join(map(str, runs["id"])),
        )
        for runs, summary in groups
    ]
    print_table(("name", "data set", "seeds", "mean macro F1", "std", "range", "runs"), rows, text_columns=2)


COMMAND = Command("List the recorded runs.", add_arguments, execute)
