"""The plan of a grid, and the report of a dry run."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cli.console import print_table, print_text
from core.config import RunConfig
from core.data.splits import DataSet
from core.models.backbone import Backbone
from core.report.settings_differences import differing_values
from core.runs.job import Job, describe_data
from core.search.plan import CostEstimate, PlannedRun, estimate_costs
from core.text.formatting import (
    DASH,
    format_bytes,
    format_count,
    format_duration,
    format_parameters,
    format_percent,
    format_setting,
)
from core.text.sanitize import to_single_line

MAX_LABELS = 12
"""With more labels, only the rarest are printed."""


def print_plan(plan: Sequence[PlannedRun]) -> None:
    """Print the runs of a grid on standard error: the settings that differ, and which runs are recorded already."""
    names, settings = _varied_settings([planned.job.config for planned in plan])
    rows = [
        (planned.job.config.default_name(), _recorded(planned), *values)
        for planned, values in zip(plan, settings, strict=True)
    ]
    print_table(("run", "recorded", *names), rows, text_columns=2, to_stderr=True)


def print_dry_run(plan: Sequence[PlannedRun]) -> None:
    """Print the data, the model, the runs and what they need; the runs are timed, and nothing is written."""
    print_inputs([planned.job for planned in plan])
    new = [planned for planned in plan if planned.recorded is None and planned.job.config.kind != "baseline"]
    estimates = dict(zip(map(id, new), estimate_costs([planned.job for planned in new]), strict=True))
    names, settings = _varied_settings([planned.job.config for planned in plan])
    rows = [
        (planned.job.config.default_name(), _recorded(planned), *_cost_cells(estimates.get(id(planned))), *values)
        for planned, values in zip(plan, settings, strict=True)
    ]
    print_table(("run", "recorded", *_COST_COLUMNS, *names), rows, text_columns=2)
    recorded = sum(planned.recorded is not None for planned in plan)
    print_text(f"{format_count(len(plan))} runs, {format_count(recorded)} recorded already.")
    if estimates:
        print_text(f"Estimated time without baselines: {format_range(total_seconds(list(estimates.values())))}.")
    print_text("Dry run: nothing was written.")


def print_inputs(jobs: Sequence[Job]) -> None:
    """Print splits, columns, warnings and labels of each data set, and each base model."""
    for sentence in describe_data(jobs):
        print_text(to_single_line(sentence))
    for data in {job.data.fingerprint: job.data for job in jobs}.values():
        print_text(f"Labels of the training split of {to_single_line(data.name)}: {_describe_labels(data)}.")
    models = {job.backbone.name: job for job in jobs if job.backbone is not None}
    for job in models.values():
        assert job.backbone is not None
        print_text(_describe_model(job, job.backbone))


def _describe_labels(data: DataSet) -> str:
    counts = np.bincount(data.train.labels, minlength=len(data.labels))
    rarest = np.argsort(counts, kind="stable")[:MAX_LABELS]
    shown = sorted(rarest) if len(data.labels) <= MAX_LABELS else rarest
    shares = [f"{format_count(count)} ({format_percent(count / counts.sum())}%)" for count in counts]
    parts = [f"{to_single_line(data.labels[code])} {shares[code]}" for code in shown]
    more = len(data.labels) - len(parts)
    return ", ".join(parts) + (f" and {format_count(more)} more frequent labels" if more else "")


def _describe_model(job: Job, backbone: Backbone) -> str:
    revision = f", revision {backbone.revision[:12]}" if backbone.revision else ""
    reason = f" ({job.max_length_reason})" if job.max_length_reason else ""
    return f"Model: {backbone.name}{revision}; maximum length {job.config.max_length} tokens{reason}."


def _varied_settings(configs: Sequence[RunConfig]) -> tuple[list[str], list[tuple[str, ...]]]:
    """Return the settings that differ between configs of one method, and their values in each config."""
    by_method: dict[str, list[dict[str, Any]]] = {}
    for config in configs:
        by_method.setdefault(config.method, []).append(config.settings())
    names = list(dict.fromkeys(name for settings in by_method.values() for name in differing_values(settings)))
    return names, [tuple(format_setting(config.settings().get(name)) for name in names) for config in configs]


def _recorded(planned: PlannedRun) -> str:
    return f"run {planned.recorded.id}" if planned.recorded else DASH


_COST_COLUMNS = ("trainable parameters", "steps", "time", "memory")


def _cost_cells(cost: CostEstimate | None) -> tuple[str, ...]:
    if cost is None:
        return (DASH,) * len(_COST_COLUMNS)
    fewest, most = cost.steps
    return (
        format_parameters(cost.trainable_parameters, cost.total_parameters),
        format_count(most) if fewest == most else f"{format_count(fewest)}–{format_count(most)}",
        format_range(cost.seconds),
        format_bytes(cost.memory_bytes),
    )


def total_seconds(estimates: Sequence[CostEstimate]) -> tuple[float, float]:
    """Return the least and the most seconds that all runs need together."""
    return sum(cost.seconds[0] for cost in estimates), sum(cost.seconds[1] for cost in estimates)


def format_range(seconds: tuple[float, float]) -> str:
    """Return a range of durations, or one duration if both ends read the same."""
    low, high = map(format_duration, seconds)
    return low if low == high else f"{low} to {high}"
