"""Sections on scores and costs, classes, confusion matrices and learning curves."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.catalog.figures import FIGURES, Figure, select_figures
from core.evaluation.counts import confusion_matrix, most_confused_classes
from core.report.document.blocks import (
    Block,
    Cell,
    Column,
    Curve,
    Curves,
    Grid,
    Heat,
    Interval,
    Paragraph,
    Section,
    Table,
)
from core.report.document.selection import Selection, class_label, run_label
from core.store import queries
from core.store.records import Run
from core.text.formatting import DASH, MIN_SUPPORT, format_count

MAX_CLASSES_DRAWN = 15
MAX_RUNS_DRAWN = 6
MAX_MATRIX_LABELS = 12
MAX_CURVES = 8
MAX_CURVE_POINTS = 150
CURVES = ("validation_macro_f1", "validation_loss", "loss")


def _column(figure: Figure) -> Column:
    return Column(figure.heading, figure.explanation, is_number=True)


def _stacked(text: str) -> str:
    """Return a formatted figure with its interval, its share or its note on a line of its own."""
    return re.sub(r",? (?=\(|too few)", "\n", text, count=1)


def _interval(figure: Figure, row: pd.Series, color: str) -> Interval:
    """Return the cell of a figure from a row that has its columns; without its interval for few test examples."""
    value, low, high = (None if pd.isna(row[name]) else float(row[name]) for name in figure.columns[:3])
    if row.get("support", MIN_SUPPORT) < MIN_SUPPORT:
        low = high = None
    return Interval(figure.format_row(row), value, low, high, color)


# --- Scores and costs -------------------------------------------------------------------------------


def show_scores(selection: Selection) -> Section:
    """Return a table of the scores, of calibration and of the costs of runs and baselines."""
    metrics = queries.metrics(selection.store, [run.id for run in selection.shown])
    test = metrics[metrics["split"] == "test"].set_index(["run_id", "name"])[["value", "low", "high"]].astype(float)
    tables = (
        _score_table(selection, test),
        _figure_table(selection, "Calibration", _metric_cells(selection, test, "calibration")),
        _figure_table(selection, "Cost", _cost_cells(selection)),
    )
    note = "Scores in percent, with 95% intervals that reflect the size of the test set."
    if selection.baselines:
        names = ", ".join(map(run_label, selection.baselines))
        note += f" For reference: {names}, the best baseline{'s' if len(selection.baselines) > 1 else ''}."
    return Section("Scores and cost", (*(table for table in tables if table), Paragraph(note, "note")))


def _score_table(selection: Selection, test: pd.DataFrame) -> Table | None:
    """Return the table of quality, in which macro F1 is drawn."""
    cells = _metric_cells(selection, test, "quality")
    headline, worst = FIGURES["macro_f1"], FIGURES["worst_f1"]
    drawn = [_interval(headline, selection.rows.loc[run.id], selection.colors[run.id]) for run in selection.shown]
    rest = {figure: values for figure, values in cells.items() if figure is not headline}
    rest[worst] = [_stacked(worst.format_row(selection.rows.loc[run.id])) for run in selection.shown]
    columns = (Column("Run"), Column(headline.heading, headline.explanation, axis="score"), *map(_column, rest))
    labels = [run_label(run) for run in selection.shown]
    return Table(columns, tuple(zip(labels, drawn, *rest.values(), strict=True)), "Quality")


def _metric_cells(selection: Selection, test: pd.DataFrame, group: Any) -> dict[Figure, list[str]]:
    """Return the cells of each metric of a group that any of the runs has."""
    cells = {}
    for figure in select_figures("metrics", group, "test"):
        if figure.interval == "null band" or figure.name not in test.index.get_level_values("name"):
            continue
        values = test.xs(figure.name, level="name").reindex([run.id for run in selection.shown])
        cells[figure] = [_stacked(figure.format(*row)) for row in values.itertuples(index=False, name=None)]
    return cells


def _cost_cells(selection: Selection) -> dict[Figure, list[str]]:
    rows = [selection.rows.loc[run.id] for run in selection.shown]
    cells = {figure: [_stacked(figure.format_row(row)) for row in rows] for figure in select_figures("runs", "cost")}
    return {figure: values for figure, values in cells.items() if set(values) != {DASH}}


def _figure_table(selection: Selection, caption: str, cells: dict[Figure, list[str]]) -> Table | None:
    """Return a table with a row per run and a column per figure; None without figures."""
    if not cells:
        return None
    labels = [run_label(run) for run in selection.shown]
    rows = tuple(zip(labels, *cells.values(), strict=True))
    return Table((Column("Run"), *map(_column, cells)), rows, caption)


# --- Classes ----------------------------------------------------------------------------------------


def show_classes(selection: Selection) -> Section:
    """Return F1 of each class in each run as a chart, and all class metrics of each run."""
    metrics = {run.id: _class_metrics(selection, run) for run in selection.shown}
    runs = selection.shown[:MAX_RUNS_DRAWN]
    labels = _labels_to_draw(selection, metrics[selection.runs[0].id])
    figure = FIGURES["f1"]
    rows = [
        (class_label(label), run_label(run), _interval(figure, metrics[run.id].loc[label], selection.colors[run.id]))
        for label in labels
        for run in runs
    ]
    columns = (Column("Class"), Column("Run"), Column(figure.heading, figure.explanation, axis="score"))
    parts = []
    if len(labels) < len(selection.labels):
        best = run_label(selection.runs[0])
        parts.append(f"{len(labels)} of {len(selection.labels)} classes: those with the lowest F1 in {best}.")
    if len(runs) < len(selection.shown):
        parts.append(f"{len(runs)} of {len(selection.shown)} runs: those with the highest macro F1.")
    drawn = Table(columns, tuple(rows), "F1 by class", " ".join(parts), is_grouped=True)
    tables = tuple(_class_table(run, metrics[run.id]) for run in selection.shown)
    return Section("Classes", (drawn, Section("Precision, recall and F1", tables, is_folded=True)))


def _class_metrics(selection: Selection, run: Run) -> pd.DataFrame:
    """Return the class metrics of a run by label, in the order of the labels."""
    return queries.class_metrics(selection.store, [run.id]).set_index("label").reindex(list(selection.labels))


def _labels_to_draw(selection: Selection, metrics: pd.DataFrame) -> list[str]:
    """Return all labels or, of many, those with the lowest F1, in their order; those with few examples last."""
    ranked = metrics.assign(is_rare=metrics["support"] < MIN_SUPPORT).sort_values(["is_rare", "f1"], kind="stable")
    drawn = set(ranked.index[:MAX_CLASSES_DRAWN])
    return [label for label in selection.labels if label in drawn]


def _class_table(run: Run, metrics: pd.DataFrame) -> Table:
    figures = select_figures("class_metrics")
    rows = [
        (class_label(label), *(_stacked(figure.format_row(row)) for figure in figures))
        for label, row in metrics.iterrows()
    ]
    return Table((Column("Class"), *map(_column, figures)), tuple(rows), run_label(run))


def show_confusions(selection: Selection) -> Section:
    """Return the confusion matrix of each run."""
    matrices = [_confusion_table(selection, run) for run in selection.runs]
    first, rest = matrices[:MAX_RUNS_DRAWN], matrices[MAX_RUNS_DRAWN:]
    more = (Section(f"{len(rest)} more runs", (Grid(tuple(rest)),), is_folded=True),) if rest else ()
    note = "Rows: true labels. Columns: predicted labels. Shade: share of the row."
    if len(selection.labels) > MAX_MATRIX_LABELS:
        note += f" {MAX_MATRIX_LABELS} of {len(selection.labels)} labels: those with the most errors."
    return Section("Confusion matrices", (Grid(tuple(first)), *more, Paragraph(note, "note")))


def _confusion_table(selection: Selection, run: Run) -> Table:
    true, predicted = queries.labels_and_predictions(selection.store, run.id, selection.labels)
    matrix = confusion_matrix(true, predicted, len(selection.labels))
    support = np.maximum(matrix.sum(axis=1), 1)
    shown = most_confused_classes(matrix, MAX_MATRIX_LABELS)
    names = [class_label(selection.labels[index]) for index in shown]
    rows: list[tuple[Cell, ...]] = [
        (name, *(Heat(format_count(matrix[a, b]), float(matrix[a, b] / support[a]), a == b) for b in shown))
        for name, a in zip(names, shown, strict=True)
    ]
    columns = (Column("True label"), *(Column(name, is_number=True) for name in names))
    return Table(columns, tuple(rows), run_label(run))


# --- Learning curves --------------------------------------------------------------------------------


def show_learning_curves(selection: Selection) -> Section | None:
    """Return the learning curves of the best runs that logged any; None without one."""
    history = queries.history(selection.store, [run.id for run in selection.runs]).dropna(subset="value")
    logged = [run for run in selection.runs if history["run_id"].isin([run.id]).any()]
    runs = logged[:MAX_CURVES]
    charts = [_curves(selection, runs, history[history["name"] == name], FIGURES[name]) for name in CURVES]
    drawn: Sequence[Block] = [chart for chart in charts if chart.curves]
    if not drawn:
        return None
    some = f"{len(runs)} of {len(logged)} runs: those with the highest macro F1."
    notes = [Paragraph(some, "note")] if len(runs) < len(logged) else []
    return Section("Learning curves", (Grid(tuple(drawn)), *notes))


def _curves(selection: Selection, runs: Sequence[Run], history: pd.DataFrame, figure: Figure) -> Curves:
    curves = []
    for run in runs:
        rows = history[history["run_id"] == run.id]
        places = np.unique(np.linspace(0, len(rows) - 1, min(MAX_CURVE_POINTS, len(rows))).round().astype(int))
        points = tuple(rows[["epoch", "value"]].astype(float).iloc[places].itertuples(index=False, name=None))
        if points:
            curves.append(Curve(run_label(run), selection.colors[run.id], points))
    return Curves(figure.heading, figure.unit == "percent", tuple(curves))
