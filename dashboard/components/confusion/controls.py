"""The confusion matrix of a run: all of it if there are few labels, else as several views with a search."""

from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st

from dashboard import data, state
from dashboard.components.chart_cache import CachedChart, show_chart
from dashboard.components.confusion import charts, tables, view_data
from dashboard.components.example.controls import show_selectable
from dashboard.components.filters import choose_option, select_optional
from dashboard.components.glossary import help_for
from dashboard.components.safe_text import show_subset, show_text

PAIRS, MATRIX, WHOLE, TABLE = "pairs", "matrix", "all", "table"
"""The views, as the URL names them."""
_VIEWS = {PAIRS: "Pairs", MATRIX: "Matrix", WHOLE: "All labels", TABLE: "Table"}

Pair = tuple[str, str]
OnSelect = Callable[[Pair | None], None]


def show_confusions(run_id: int, on_select: OnSelect, selected: tuple[str | None, str | None] = (None, None)) -> None:
    """Show the confusion matrix of a run.

    ``on_select``: a callback that gets the true and the predicted label of the selected cell, or None. ``selected``:
    those of the cell that is selected in the table.
    """
    st.subheader("Confusion matrix", help=help_for("confusion matrix"))
    labels = data.labels(run_id)
    many = len(labels) > view_data.FEW_LABELS
    with st.container(horizontal=True, vertical_alignment="bottom"):
        views = _VIEWS if many else {name: _VIEWS[name] for name in (MATRIX, TABLE)}
        view = choose_option("View", views, next(iter(views)), "confusions", label_visibility="collapsed")
        label = select_optional("Label", labels, "label", width=220) if many else None
    cells = view_data.select_cells(view_data.confusion_cells(run_id), label)
    if view == TABLE:
        _show_table(run_id, cells, on_select, selected)
    elif view == PAIRS:
        _show_pairs(cells, on_select)
    elif view == WHOLE:
        _show_whole_matrix(run_id, label, on_select)
    else:
        _show_matrix(run_id, cells, label, on_select)


def _show_pairs(cells: pd.DataFrame, on_select: OnSelect) -> None:
    confusions = view_data.select_confusions(cells)
    if confusions.empty:
        show_text("No confusions.")
        return
    shown = confusions.head(view_data.MAX_PAIRS)
    _show_chart(charts.confused_pairs(shown), PAIRS, on_select)
    show_subset(len(shown), len(confusions), "pairs", "that are confused most often")


def _show_matrix(run_id: int, cells: pd.DataFrame, label: str | None, on_select: OnSelect) -> None:
    labels = drawn = data.labels(run_id)
    if len(labels) > view_data.FEW_LABELS:
        ordered = view_data.clustered_labels(run_id)
        drawn = view_data.select_labels(view_data.select_confusions(cells), ordered, label)
    _show_chart(charts.confusion_matrix(view_data.matrix_cells(run_id, drawn), drawn), MATRIX, on_select)
    show_subset(len(drawn), len(labels), "labels", "that are confused most often")


def _show_whole_matrix(run_id: int, label: str | None, on_select: OnSelect) -> None:
    cells = view_data.confusion_cells(run_id)
    shown = cells.nlargest(view_data.MAX_CELLS, "count")
    chart = charts.whole_matrix(shown, view_data.clustered_labels(run_id), label)
    _show_chart(chart, WHOLE, on_select)
    show_subset(len(shown), len(cells), "cells", "with the most examples")


def _show_table(run_id: int, cells: pd.DataFrame, on_select: OnSelect, selected: tuple[str | None, str | None]) -> None:
    pairs: list[Pair] = list(cells[["true", "predicted"]].itertuples(index=False, name=None))
    rows = [row for row, pair in enumerate(pairs) if pair == selected]
    show_selectable(
        tables.confusions_table(cells),
        f"confusion table {run_id} {st.query_params.get('label', '')}",
        rows,
        lambda row: on_select(None if row is None else pairs[row]),
    )


def _show_chart(chart: CachedChart, view: str, on_select: OnSelect) -> None:
    """Show a chart; a click on a cell, or beside all cells, calls ``on_select``."""
    key = f"confusion {view}"
    show_chart(chart, key=key, on_select=partial(_select_clicked, key, on_select))


def _select_clicked(key: str, on_select: OnSelect) -> None:
    on_select(state.clicked_cell(key))
