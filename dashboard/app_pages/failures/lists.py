"""The list of predicted examples that match the filters, and that of examples with a suspect label."""

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import data
from dashboard.app_pages.failures import controls, tables, text, view_data
from dashboard.components.annotations.controls import show_bulk_form
from dashboard.components.annotations.edits import show_undo_button
from dashboard.components.example.controls import PAGE_SIZE, choose_page, selected_example, show_list
from dashboard.components.safe_text import show_text
from dashboard.components.text_map.controls import show_text_map

_HEIGHT, _HEIGHT_WITH_EXAMPLE = 648, 1_192  # pixels: an example beside the list is higher


def show_predictions(run_id: int, others: list[int], view: str, test_set: int, place: DeltaGenerator) -> pd.DataFrame:
    """Show the filters in a container, and the examples that match them; return these in their order.

    ``others``: the runs to compare with. ``view``: as `controls.choose_view` returns it.
    """
    with place:
        filters, sort = controls.choose_filters(run_id, data.labels(run_id), 1 + len(others), view)
    examples = view_data.predicted_examples(run_id, others, filters.column)
    matching, phrases = filters.apply(examples), filters.describe(view)
    selected = show_text_map(run_id) if controls.choose_layout() == controls.MAP else None
    if selected is not None:
        matching, phrases = matching[matching["position"].isin(selected)], [*phrases, "the selection on the map"]
    actions = st.container(horizontal=True, vertical_alignment="center")
    if phrases:
        with actions:
            show_text(text.list_summary(len(matching), phrases), width="content")
            st.button("Clear filters", icon=":material/filter_alt_off:", on_click=controls.clear_filters)
    if len(others) == 1:
        show_text(text.flip_counts(examples["flip"].value_counts(), data.run_label(others[0])))
    if len(others) > 1:
        show_text(text.wrong_run_counts(examples["wrong_runs"], 1 + len(others)))
    listed = view_data.sort_examples(matching, sort, run_id, test_set)
    if listed.empty:
        _explain_empty_list(view, filters)
    else:
        filtered_by = f"{run_id} {others} {view} {phrases} {filters.outcome} {sort} {hash(frozenset(selected or ()))}"
        _show_page(listed, run_id, others, filtered_by, actions, view_data.find_sort(sort).column, filters.column)
    with actions:
        show_undo_button()
    return listed


def _explain_empty_list(view: str, filters: view_data.Filters) -> None:
    """Show why no example is listed."""
    if filters.describe(view) or (view != view_data.ANNOTATED and filters.outcome != view_data.WRONG):
        st.info("No example matches these filters.", icon=":material/filter_alt:")
    elif view == view_data.ANNOTATED:
        st.info("No annotated example. Select an example in the other views to tag it, or to propose a label.")
    else:
        st.success("This run classified every test example correctly.", icon=":material/check:")


def show_suspect_labels(run_id: int) -> pd.DataFrame:
    """Show the examples with a suspect label; return these in their order."""
    with st.spinner("Searching for suspect labels …"):
        suspects, judges = view_data.suspect_examples(run_id), data.label_judges(run_id)
    if len(judges) < data.MIN_JUDGES:
        st.info("Suspect labels need two kinds of runs on this data, such as TF-IDF and LoRA: one alone may be wrong.")
        return suspects
    labels = [data.run_label(judge) for judge in judges]
    show_text(text.suspect_summary(len(suspects), data.test_size(run_id), labels, data.suspects(run_id).expected))
    actions = st.container(horizontal=True, vertical_alignment="center")
    if not suspects.empty:
        _show_page(suspects, run_id, [], f"{run_id} suspect labels", actions)
    with actions:
        show_undo_button()
    return suspects


def _show_page(
    examples: pd.DataFrame,
    run_id: int,
    others: list[int],
    filtered_by: str,
    actions: DeltaGenerator,
    sort: str | None = None,
    value_column: str | None = None,
) -> None:
    """Show a page of the list, and in ``actions`` a form that annotates the checked rows.

    ``filtered_by``: as for `choose_page`; ``sort``, ``value_column``: as for `examples_table`.
    """
    first = choose_page(len(examples), filtered_by)
    page = view_data.add_dots(examples.iloc[first : first + PAGE_SIZE], run_id, others)
    max_height = _HEIGHT_WITH_EXAMPLE if selected_example() else _HEIGHT
    table = tables.examples_table(page, sort, value_column, max_height)
    checked = show_list(table, page["example_id"].tolist(), "examples")
    with actions:
        show_bulk_form(page.iloc[checked], data.labels(run_id))
