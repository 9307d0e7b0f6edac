"""``show``: one run with its settings, its cost and its scores."""

from argparse import Namespace
from typing import TYPE_CHECKING

from cli.arguments import Parser, add_json, add_run_id
from cli.commands import Command
from cli.console import print_json, print_table, print_text, to_records
from core.catalog.figures import TRAINING_MACRO_F1, select_figures
from core.catalog.methods import METHODS
from core.catalog.training_summary import describe_training
from core.errors import RequestError
from core.text.formatting import DASH, format_bytes, format_percent, format_setting
from core.text.sanitize import to_single_line

if TYPE_CHECKING:
    import pandas as pd

    from core.store.engine import Store
    from core.store.records import Run


def add_arguments(parser: Parser) -> None:
    """Add the run id and ``--json``."""
    add_run_id(parser)
    add_json(parser)


def execute(arguments: Namespace) -> int:
    """Print the run."""
    from cli.run_report import resume_command
    from core.store import queries
    from core.store.engine import open_store

    store = open_store(arguments.db)
    run = queries.run(store, arguments.run)
    metrics, classes = queries.metrics(store, [run.id]), queries.class_metrics(store, [run.id])
    if arguments.json:
        scores = {"metrics": to_records(metrics), "class_metrics": to_records(classes)}
        print_json(vars(run) | {"status": run.state, **scores})
    else:
        print_run(run, metrics, classes, resume_command(store, run))
        print_verdict(store, run)
    return 0


def print_run(run: "Run", metrics: "pd.DataFrame", classes: "pd.DataFrame", resume: str | None) -> None:
    """Print a run's settings, cost and test scores."""
    from core.report.run_status import describe_state
    from core.report.truncation import truncation_note

    print_text(f"Run {run.id}: {to_single_line(run.name)} ({METHODS[run.method].title}), {run.state}")
    if run.parent_id is not None:
        print_text(f"Continues run {run.parent_id}.")
    if run.study is not None:
        print_text(f"Trial {run.trial} of the search {to_single_line(run.study)}.")
    if run.state != "complete":
        print_text(f"It {describe_state(run, resume)}")
    costs = {figure.title: figure.format_row(run) for figure in select_figures("runs", "cost")}
    costs["files"] = f"{run.adapter_path or DASH} ({format_bytes(run.adapter_bytes)})"
    for name, value in (run.config | costs).items():
        print_text(f"  {name:21} {format_setting(value)}")
    for sentence in describe_training(run.environment):
        print_text(sentence)
    if note := truncation_note(run):
        print_text(note)
    for score in metrics.loc[metrics["name"] == TRAINING_MACRO_F1, "value"]:
        print_text(f"Training macro F1, on at most 500 training examples: {format_percent(score)}.")
    print_table(("metric", "test, 95% interval"), format_metrics(metrics[metrics["split"] == "test"]))
    figures = select_figures("class_metrics")
    rows = [(row["label"], *(figure.format_row(row) for figure in figures)) for row in to_records(classes)]
    print_table(("class", *(figure.title for figure in figures)), rows)


def print_verdict(store: "Store", run: "Run") -> None:
    """Print the verdict on a run and its best baseline, if it has one."""
    if run.baseline_id is None:
        return
    from core.report.comparisons import compare_runs
    from core.report.verdicts import verdict_sentence

    try:
        comparison = compare_runs(store, run.id, run.baseline_id)
    except RequestError as error:  # a run without predictions
        print_text(f"Not compared with its best baseline: {error}")
        return
    baseline = to_single_line(comparison.b.name)
    print_text(f"Compared with its best baseline, run {run.baseline_id} ({baseline}). {verdict_sentence(comparison)}")


def format_metrics(metrics: "pd.DataFrame") -> list[tuple[str, str]]:
    """Return the title and the value of each metric; an ECE with the range of a perfectly calibrated model."""
    by_name = {row["name"]: row for row in to_records(metrics)}
    rows = []
    for figure in select_figures("metrics"):
        row = by_name.get(figure.name)
        if row is None or figure.interval == "null band":
            continue
        text = figure.format(row["value"], row["low"], row["high"])
        text += " points" if figure.unit == "points" else ""
        null = by_name.get(figure.name.replace("ece", "ece_null"))
        if figure.name.startswith("ece") and null:
            text += f" (a perfectly calibrated model: {format_percent(null['low'])}–{format_percent(null['high'])})"
        rows.append((figure.title, text))
    return rows


COMMAND = Command("Show the settings, cost and scores of a run.", add_arguments, execute)
