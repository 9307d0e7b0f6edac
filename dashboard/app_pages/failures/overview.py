"""The error slices beside the list; a click on one filters the list."""

import streamlit as st

from dashboard.app_pages.failures import controls, text
from dashboard.components.example.controls import show_selectable
from dashboard.components.glossary import help_for
from dashboard.components.safe_text import show_subset, show_text
from dashboard.components.slices.tables import slices_table
from dashboard.components.slices.view_data import MAX_SLICES, error_slices, select_significant, select_worse

_SLICES_HELP = "Worse and better count the significant differences. Select a slice to filter the list."


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
    show_subset(len(shown), len(listed), "slices", "with the smallest p")
