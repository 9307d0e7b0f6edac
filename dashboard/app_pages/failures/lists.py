"""The list of predicted examples that match the filters, and that of examples with a suspect label."""

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import data
from dashboard.app_pages.failures import controls, tables, text, view_data
from dashboard.components.example.controls import PAGE_SIZE, choose_page, selected_example, show_list
from dashboard.components.safe_text import show_text
from dashboard.components.text_map.controls import show_text_map

_HEIGHT, _HEIGHT_WITH_EXAMPLE = 648, 1_192  # pixels: an example beside the list is higher


def show_predictions(run_id: int, other: int | None, test_set: int, place: DeltaGenerator) -> pd.DataFrame:
    """Show the filters in a container, and the examples that match them; return these in their order."""
    with place:
        filters, sort = controls.choose_filters(run_id, data.labels(run_id), against=other is not None)
    examples = view_data.predicted_examples(run_id, other, filters.column)
    matching, phrases = filters.apply(examples), filters.describe()
    selected = show_text_map(run_id) if controls.choose_layout() == controls.MAP else None
    if selected is not None:
        matching, phrases = matching[matching["position"].isin(selected)], [*phrases, "the selection on the map"]
    wrong = int((~examples["is_correct"]).sum())
    with st.container(horizontal=True, vertical_alignment="center"):
        show_text(text.list_summary(wrong, len(examples), len(matching), phrases), width="stretch")
        if phrases:
            st.button("Clear filters", icon=":material/filter_alt_off:", on_click=controls.clear_filters)
    if other is not None:
        show_text(text.flip_counts(examples["flip"].value_counts(), data.run_label(other)))
    listed = view_data.sort_examples(matching, sort, run_id, test_set)
    if not wrong and not phrases:
        st.success("This run classified every test example correctly.", icon=":material/check:")
    elif listed.empty:
        st.info("No example matches these filters.", icon=":material/filter_alt:")
    else:
        column = view_data.SORTS[sort].column
        _show_page(listed, f"{run_id} {other} {phrases} {filters.outcome} {sort}", column, filters.column)
    return listed


def show_suspect_labels(run_id: int) -> pd.DataFrame:
    """Show the examples with a suspect label; return these in their order."""
    with st.spinner("Searching for suspect labels …"):
        suspects, judges = view_data.suspect_examples(run_id), data.label_judges(run_id)
    if len(judges) < data.MIN_JUDGES:
        st.info("Suspect labels need two kinds of runs on this data, such as TF-IDF and LoRA: one alone may be wrong.")
        return suspects
    labels = [data.run_label(judge) for judge in judges]
    show_text(text.suspect_summary(len(suspects), data.test_size(run_id), labels, data.suspects(run_id).expected))
    if not suspects.empty:
        _show_page(suspects, f"{run_id} suspect labels")
        st.caption("Most likely label error first. A suspect label may be correct and all of these runs wrong.")
    return suspects


def _show_page(
    examples: pd.DataFrame, filtered_by: str, sort: str | None = None, value_column: str | None = None
) -> None:
    """Show a page of the list. ``filtered_by``: as for `choose_page`; the others: as for `examples_table`."""
    first = choose_page(len(examples), filtered_by)
    page = data.annotated(examples.iloc[first : first + PAGE_SIZE])
    height = _HEIGHT_WITH_EXAMPLE if selected_example() else _HEIGHT
    table = tables.examples_table(page, sort, value_column, height)
    show_list(table, page["example_id"].tolist(), "examples")
