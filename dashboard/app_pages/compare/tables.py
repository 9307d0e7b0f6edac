"""Tables of compared runs. Their cells are formatted once, for the screen and for downloads alike."""

from typing import Literal

import pandas as pd
import streamlit as st

from core.catalog.figures import FIGURES, select_figures
from core.text.formatting import DASH, MIN_SUPPORT, format_count
from dashboard.components.glossary import help_for
from dashboard.components.table_cells import (
    FormattedNumber,
    cell_column,
    cell_text,
    class_score_cells,
    column_config,
    difference_cells,
    figure_cells,
    format_cells,
    style_cells,
)

F1_OF = "F1 of "
_HEADLINE = ("macro_f1", "accuracy")
_COSTS = ("train_seconds", "trainable_parameters", "adapter_bytes", "peak_memory_bytes")
_OTHER_METRICS = tuple(
    figure.name
    for figure in select_figures("metrics")
    if figure.listed and figure.group != "baseline" and figure.name not in _HEADLINE
)
MAX_STYLED_ROWS = 100
"""Cells that sort by value take time to draw: a longer table contains plain text."""
_ROWS_WITHOUT_SCROLLING = 20


def format_class_changes(changes: pd.DataFrame, runs: list[str]) -> pd.DataFrame:
    """Return a row per class: F1 of both runs, the differences, Holm's p and the flips.

    ``changes``: from `view_data.class_changes`; ``runs``: the labels of the two runs.
    """
    changes = changes.reset_index(drop=True)  # the rows may be a selection
    cells = pd.DataFrame({"class": changes["label"]})
    for run, column in zip(runs, ("a", "b"), strict=True):
        cells[f"{F1_OF}{run}"] = cell_column(class_score_cells(changes, column))
    for name in ("f1", "recall", "precision"):
        cells[f"{FIGURES[name].title}, points"] = cell_column(difference_cells(changes, name))
    for name in ("p_adjusted", "gained", "lost"):
        cells[FIGURES[name].title] = cell_column(figure_cells(changes, name))
    cells[FIGURES["support"].title] = cell_column(format_cells(_format_support, changes["support"]))
    return cells


def format_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row per run: metrics, cost, and the comparison with the first run if ``runs`` has it."""
    worst_class = [
        FormattedNumber(cell, f"{label} {cell.text}")
        for label, cell in zip(runs["worst_class"], figure_cells(runs, "worst_f1"), strict=True)
    ]
    cells = pd.DataFrame({"run": runs["label"], "kind": runs["kind"]})
    for name in _HEADLINE:
        cells[FIGURES[name].title] = cell_column(figure_cells(runs, name))
    cells["worst class"] = cell_column(worst_class)
    for name in (*_COSTS, *_OTHER_METRICS):
        cells[FIGURES[name].title] = cell_column(figure_cells(runs, name))
    if "gap" in runs:
        cells.insert(3, "vs first run", cell_column(difference_cells(runs, "gap")))
        cells.insert(4, "verdict", runs["verdict"])
        cells.insert(5, FIGURES["p_adjusted"].title, cell_column(figure_cells(runs, "p_adjusted")))
    return cells


def show_table(cells: pd.DataFrame) -> None:
    """Show formatted cells; a long table scrolls."""
    if len(cells) <= MAX_STYLED_ROWS:
        numbers = [name for name in cells if any(isinstance(cell, FormattedNumber) for cell in cells[name])]
        table = style_cells(cells)
    else:
        numbers, table = [], cells.map(cell_text)
    height: Literal["content", 440] = "content" if len(cells) <= _ROWS_WITHOUT_SCROLLING else 440
    config = column_config(cells, numbers)
    for name in config:
        if name.startswith(F1_OF):
            config[name] |= {"help": help_for("F1")}
    st.dataframe(table, hide_index=True, height=height, placeholder=DASH, column_config=config)


def _format_support(support: float) -> str:
    return format_count(support) + (" (too few)" if support < MIN_SUPPORT else "")
