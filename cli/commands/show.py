"""``show``: one run with its settings, its cost and its scores."""

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from cli.arguments import Parser, add_json, add_run_id
from cli.commands import Command
from cli.console import print_json, print_table, print_text, to_records
from core.catalog.methods import METHODS
from core.text.formatting import (
    DASH,
    format_bytes,
    format_count,
    format_duration,
    format_number,
    format_p_value,
    format_parameters,
    format_percent,
    format_points,
    format_score,
    format_setting,
)
from core.text.sanitize import to_single_line

if TYPE_CHECKING:
    import pandas as pd

    from core.store.records import Run

_PERCENT_METRICS = ("accuracy", "macro_f1", "balanced_accuracy", "ece")
"""Prefixes of the metrics that are shown in percent."""


def add_arguments(parser: Parser) -> None:
    """Add the run."""
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
    return 0


def print_run(run: "Run", metrics: "pd.DataFrame", classes: "pd.DataFrame", resume: str | None) -> None:
    """Print a run's settings, cost and test scores."""
    from cli.run_report import describe_state, format_class_metric

    print_text(f"Run {run.id}: {to_single_line(run.name)} ({METHODS[run.method].title}), {run.state}")
    if run.state != "complete":
        print_text(f"It {describe_state(run, resume)}")
    costs = {
        "trainable parameters": format_parameters(run.trainable_parameters, run.total_parameters),
        "training time": format_duration(run.train_seconds),
        "evaluation time": format_duration(run.evaluation_seconds),
        "base model memory": format_bytes(run.base_memory_bytes),
        "peak memory": format_bytes(run.peak_memory_bytes),
        "files": f"{run.adapter_path or DASH} ({format_bytes(run.adapter_bytes)})",
    }
    for name, value in (run.config | costs).items():
        print_text(f"  {name:21} {format_setting(value)}")
    print_table(("metric", "test, 95% interval"), format_metrics(metrics[metrics["split"] == "test"]))
    rows = [
        (
            row["label"],
            *(format_class_metric(row, name) for name in ("precision", "recall", "f1")),
            format_count(row["support"]),
        )
        for row in to_records(classes)
    ]
    print_table(("label", "precision", "recall", "F1", "examples"), rows)


def format_metrics(metrics: "pd.DataFrame") -> list[tuple[str, str]]:
    """Return the name and the value of each metric; an ECE with the range that a calibrated model would show."""
    by_name = {row["name"]: row for row in to_records(metrics)}
    rows = []
    for name, row in by_name.items():
        if name.startswith("ece_null"):
            continue
        text = _format_metric(name, row)
        null = by_name.get(name.replace("ece", "ece_null"))
        if name.startswith("ece") and null:
            text += f", perfectly calibrated {format_percent(null['low'])}–{format_percent(null['high'])}"
        rows.append((name, text))
    return rows


def _format_metric(name: str, row: dict[str, Any]) -> str:
    value, low, high = row["value"], row["low"], row["high"]
    if name.endswith("_over_baseline_p"):
        return format_p_value(value).removeprefix("= ")
    if name.endswith("_over_baseline"):
        return f"{format_points(value, low, high)} points"
    return format_score(value, low, high) if name.startswith(_PERCENT_METRICS) else format_number(value, low, high)


COMMAND = Command("Show a run: its settings, cost and scores.", add_arguments, execute)
