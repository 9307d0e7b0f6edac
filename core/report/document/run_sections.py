"""Sections on the runs: where they differ, and the settings, command, environment and model card of each."""

from collections.abc import Mapping
from typing import Any

from core.catalog.methods import METHODS
from core.catalog.training_summary import describe_training
from core.errors import RequestError
from core.report.comparisons import recorded_settings, software_and_device
from core.report.document.blocks import Block, Card, Code, Column, Facts, Paragraph, Section, Table
from core.report.document.selection import Selection, run_label
from core.report.environment import format_environment
from core.report.model_card import read_model_card
from core.report.reproduce import reproduce_arguments
from core.report.settings_differences import differing_values
from core.store.records import Run
from core.text.formatting import DASH, format_count, format_setting, format_time

MAX_RUNS_AS_COLUMNS = 6


def show_settings(selection: Selection) -> Section | None:
    """Return the settings, package versions and devices in which the runs differ; None for one run."""
    if len(selection.runs) == 1:
        return None
    settings = [recorded_settings(run) for run in selection.runs]
    differing = differing_values(settings)
    differences = {name: values for name, values in differing.items() if _differs_where_used(values)}
    equal = len({name for values in settings for name in values}) - len(differences)
    note = f"{format_count(equal)} other settings are equal in all runs that use them. {DASH}: not used by this run."
    blocks: list[Block] = [_difference_table(selection, differences, note)] if differences else [Paragraph(note)]
    versions = differing_values(software_and_device(*selection.runs))
    if versions:
        blocks += [
            Paragraph("Package versions or devices differ. They may explain part of the differences.", "warning"),
            _difference_table(selection, versions),
        ]
    return Section("Different settings", tuple(blocks))


def _differs_where_used(values: list[Any]) -> bool:
    used = [value for value in values if value is not None]
    return any(value != used[0] for value in used)


def _difference_table(selection: Selection, differences: Mapping[str, list[Any]], note: str = "") -> Table:
    """Return a row per setting or, for many runs, a row per run."""
    labels = [run_label(run) for run in selection.runs]
    cells = [tuple(map(format_setting, values)) for values in differences.values()]
    if len(labels) <= MAX_RUNS_AS_COLUMNS:
        rows = [(name, *values) for name, values in zip(differences, cells, strict=True)]
        return Table((Column("Setting"), *map(Column, labels)), tuple(rows), note=note)
    rows = [(label, *values) for label, *values in zip(labels, *cells, strict=True)]
    return Table((Column("Run"), *map(Column, differences)), tuple(rows), note=note)


def show_runs(selection: Selection) -> Section:
    """Return how to reproduce each run, with all its settings, its environment and its model card."""
    return Section("Runs", tuple(_describe(selection, run) for run in selection.runs))


def _describe(selection: Selection, run: Run) -> Section:
    facts = _property_table(format_environment(run.environment), "Property")
    settings = {name: format_setting(value) for name, value in run.settings.items() if value is not None}
    blocks: tuple[Block, ...] = (
        Paragraph(" ".join(_sentences(run))),
        *([Facts((("Notes", run.notes),))] if run.notes else []),
        *_reproduce(run),
        Section("Settings", (_property_table(settings, "Setting"),), is_folded=True),
        Section("Environment", (facts,), is_folded=True),
        *_model_card(selection, run),
    )
    return Section(run_label(run), blocks)


def _sentences(run: Run) -> list[str]:
    title = METHODS[run.method].title if run.method in METHODS else run.method
    seed = "" if run.seed is None else f", seed {run.seed}"
    model = f" on {run.model}" if run.model else ""
    states = {"archived": run.archived, "in the trash": run.deleted_at is not None}
    state = "".join(f", {name}" for name, applies in states.items() if applies)
    continued = [] if run.parent_id is None else [f"Continues run {run.parent_id}."]
    head = f"{title}{model}{seed}{state}, {format_time(run.created_at)}."
    return [head[0].upper() + head[1:], *continued, *describe_training(run.environment)]


def _reproduce(run: Run) -> list[Block]:
    try:
        arguments = reproduce_arguments(run.settings, run.environment, run.parent_id)
    except RequestError as error:  # settings that this version does not accept
        return [Paragraph(f"This version cannot reproduce the run: {error}", "warning")]
    return [Code(f"python runner.py {arguments}")]


def _property_table(values: Mapping[str, str], what: str) -> Table:
    rows = tuple((name, value) for name, value in values.items() if value not in ("", DASH))
    return Table((Column(what), Column("Value")), rows)


def _model_card(selection: Selection, run: Run) -> list[Block]:
    if run.kind == "baseline":
        return []
    try:
        card = read_model_card(run, selection.store.folder)
    except RequestError as error:
        return [Paragraph(str(error), "warning")]
    return [Section("Model card", (Card(card),), is_folded=True)] if card else []
