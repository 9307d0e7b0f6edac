"""Sections beside the list: the confusion matrix and the error slices. A click on either filters the list."""

import streamlit as st

from dashboard import data
from dashboard.app_pages.failures import controls, text
from dashboard.components.chart_cache import show_chart
from dashboard.components.confusion.charts import confusion_matrix
from dashboard.components.confusion.view_data import confusion_cells, select_labels
from dashboard.components.example.controls import show_selectable
from dashboard.components.glossary import help_for
from dashboard.components.safe_text import show_text
from dashboard.components.slices.tables import slices_table
from dashboard.components.slices.view_data import MAX_SLICES, error_slices, select_significant, select_worse
from dashboard.components.text import describe_subset

_MATRIX_HELP = (
    "Color: share of the true class (each row sums to 100%). Click a cell to filter the list, double-click to show all."
)
_SLICES_HELP = "Worse and better count the significant differences. Select a slice to filter the list."


def show_confusion_matrix(run_id: int) -> None:
    """Show the confusion matrix."""
    cells, labels = confusion_cells(run_id), data.labels(run_id)
    drawn = select_labels(cells, labels)
    st.subheader("Confusion matrix", help=_MATRIX_HELP)
    show_chart(confusion_matrix(cells, drawn, selection="cell"), on_select=controls.filter_by_cell, key="cells")
    _show_subset(len(drawn), len(labels), "labels", "with the most errors")


def show_slices(run_id: int) -> None:
    """Show the error slices."""
    st.subheader("Error slices", help=f"{help_for('error slices')} {_SLICES_HELP}")
    with st.spinner("Searching for error slices …"):
        slices = error_slices(run_id)
    show_text(text.slice_summary(select_significant(slices), len(slices)))
    with_better = not slices.empty and controls.show_better_slices()
    listed = slices if with_better else select_worse(slices)
    shown = listed.head(MAX_SLICES)
    if shown.empty:
        return
    names = list(shown["name"])
    selected = [row for row, name in enumerate(names) if name == st.query_params.get("slice")]
    show_selectable(
        slices_table(shown),
        f"slices {run_id}",
        selected,
        lambda row: controls.filter_by_slice(None if row is None else names[row]),
    )
    _show_subset(len(shown), len(listed), "slices", "with the smallest p")


def _show_subset(shown: int, total: int, what: str, which: str) -> None:
    """Show which of several things are shown, unless all are."""
    if shown < total:
        st.caption(describe_subset(shown, total, what, which))
