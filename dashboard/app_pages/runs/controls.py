"""Choices on the Runs page: view, filters, order and columns; all are URL parameters."""

from collections.abc import Mapping
from datetime import date

import pandas as pd
import streamlit as st

from dashboard import data
from dashboard.app_pages.runs.tables import COLUMNS, DEFAULT_COLUMNS, ONLY_GROUPED, PINNED, SETTINGS, TITLES
from dashboard.app_pages.runs.view_data import PAGE_SIZE, TEXT_FIELDS, Filters, tags_of
from dashboard.components.filters import choose_option, select_option, select_options, set_option

ACTIVE, ARCHIVED, TRASH = "active", "archived", "trash"
DESCENDING, ASCENDING = "descending", "ascending"
DEFAULT_SORT = "macro F1"
VALUE_FILTERS = {
    "status": ("Status", "state"),
    "method": ("Method", "title"),
    "kind": ("Kind", "kind"),
    "model": ("Model", "model"),
    "training": ("Training set", "version"),
}
"""Label and column of the runs by URL parameter."""
SETTING_FILTERS = {field.removeprefix(data.SETTING): (title, field) for title, field in SETTINGS.items()}
"""Label and column of the settings by URL parameter; those that vary have a filter."""
PARAMETERS = ("search", *VALUE_FILTERS, *SETTING_FILTERS, "tag", "from", "to")
MAX_SETTINGS, MAX_SETTING_VALUES = 6, 50
"""The most settings with a filter, and the most values of one."""
MAX_SETTING_COLUMNS = 4
"""The most settings that are shown as columns unless the user chooses others."""
STATES_WITHOUT_SCORES = ["failed", "crashed", "cancelled"]


def choose_view() -> str:
    """Draw the choice between active, archived and trashed runs."""
    options = {ACTIVE: "Active", ARCHIVED: "Archived", TRASH: "Trash"}
    return choose_option("Show", options, ACTIVE, "show", on_change=reset_page)


def runs_of(view: str, test_set: int) -> pd.DataFrame:
    """Return the runs of a view on a test set."""
    if view == TRASH:
        return data.filter_test_set(data.trashed_runs(), test_set)
    return data.archived_runs(test_set) if view == ARCHIVED else data.runs(test_set)


def choose_filters(runs: pd.DataFrame, versions: Mapping[int, str], varying: Mapping[str, list[str]]) -> Filters:
    """Draw the search box and the filters.

    ``versions``: title by id of the data sets that runs trained on. ``varying``: from `varying_settings`.
    """
    words = st.text_input(
        "Search",
        key="search",
        icon=":material/search:",
        bind="query-params",
        placeholder="Name, run id, tag, notes",
        on_change=reset_page,
        width=280,
    )
    settings = _filtered_settings(varying)
    number = _count_filters() - ("search" in st.query_params)
    with st.popover(f"Filters ({number})" if number else "Filters", icon=":material/filter_alt:", key="filters"):
        values = {
            column: _select_values(label, sorted(runs[column].unique()), key)
            for key, (label, column) in VALUE_FILTERS.items()
            if key != "training" or len(versions) > 1
        }
        tags = _select_values("Tags", tags_of(runs), "tag")
        for key in settings:
            label, field = SETTING_FILTERS[key]
            values[field] = _select_values(label, varying[field], key)
        with st.container(horizontal=True):
            since, until = _choose_date("Started from", "from"), _choose_date("Started until", "to")
        st.button("Clear filters", on_click=clear_filters, disabled=not _count_filters(), key="clear filters")
    return Filters(words or "", values, tags, since, until)


def _filtered_settings(varying: Mapping[str, list[str]]) -> list[str]:
    """Return the settings with a filter: those that vary most clearly, and those that the URL filters by.

    A setting in the URL that does not vary here is removed from it.
    """
    few = [field for field, values in varying.items() if len(values) <= MAX_SETTING_VALUES][:MAX_SETTINGS]
    requested = [key for key in SETTING_FILTERS if key in st.query_params]
    for key in requested:
        if SETTING_FILTERS[key][1] not in varying:
            st.query_params.pop(key)
    return [
        key for key, (_, field) in SETTING_FILTERS.items() if field in few or (key in requested and field in varying)
    ]


def _select_values(label: str, options: list[str], key: str) -> list[str]:
    return st.multiselect(label, options, key=key, bind="query-params", placeholder="All", on_change=reset_page)


def _choose_date(label: str, key: str) -> date | None:
    day: date | None = st.date_input(
        label,
        value=None,
        key=key,
        bind="query-params",
        format="YYYY-MM-DD",
        help="UTC",
        on_change=reset_page,
        width=150,
    )
    return day


def _count_filters() -> int:
    """Return the number of filters in use, including the search."""
    return sum(bool(st.query_params.get(key)) for key in PARAMETERS)


def clear_filters() -> None:
    """Clear all filters; a button's callback."""
    for key in PARAMETERS:
        if key in st.session_state:
            st.session_state[key] = {"search": "", "from": None, "to": None}.get(key, [])
    reset_page()


def filter_without_scores() -> None:
    """Show only the failed, crashed and cancelled runs; a button's callback."""
    st.session_state["status"] = STATES_WITHOUT_SCORES
    reset_page()


def choose_grouping() -> bool:
    """Draw the switch that shows runs of one configuration as one row."""
    return st.toggle(
        "Group seeds",
        value=True,
        key="seeds",
        bind="query-params",
        on_change=reset_page,
        help="Show runs that differ only in the seed as one row.",
    )


def choose_order() -> tuple[str, bool]:
    """Draw the choice of the order; return a column of the runs, and whether the highest values come first."""
    options = {key: title for key, title in TITLES.items() if key not in ONLY_GROUPED}
    sort = select_option("Sort by", options, DEFAULT_SORT, "sort", on_change=reset_page, width=170)
    directions = {DESCENDING: "Descending", ASCENDING: "Ascending"}
    order = choose_option("Order", directions, DESCENDING, "order", on_change=reset_page)
    return COLUMNS[sort].field, order == DESCENDING


def sort_by(column: str) -> None:
    """Sort by a clicked column, or reverse the order if it is sorted by already; a table's callback."""
    if column in ONLY_GROUPED:
        return
    order = ASCENDING if COLUMNS[column].field in TEXT_FIELDS else DESCENDING
    if st.query_params.get("sort", DEFAULT_SORT) == column:
        current = st.query_params.get("order", DESCENDING)
        order = ASCENDING if current == DESCENDING else DESCENDING
    set_option("order", [order], [DESCENDING])
    set_option("sort", [column], [DEFAULT_SORT])
    reset_page()


def choose_columns(varying: Mapping[str, list[str]], *, several_versions: bool) -> list[str]:
    """Draw the choice of columns; return those selected. ``varying``: from `varying_settings`."""
    settings = [title for title, field in SETTINGS.items() if field in list(varying)[:MAX_SETTING_COLUMNS]]
    default = [*DEFAULT_COLUMNS, *settings, *(["training set"] if several_versions else [])]
    options = {key: title for key, title in TITLES.items() if key not in (*PINNED, *ONLY_GROUPED)}
    with st.popover("Columns", icon=":material/view_column:", key="choose columns popover"):
        return select_options("Columns", options, default, "columns")


def columns_shown(selected: list[str], *, grouped: bool) -> list[str]:
    """Return all columns to show, in their order."""
    shown = {*PINNED, *selected, *(ONLY_GROUPED if grouped else ())}
    return [key for key in COLUMNS if key in shown]


def choose_page(rows: int) -> int:
    """Draw the choice of a page of the table; return its number, from 1."""
    pages = max(1, -(-rows // PAGE_SIZE))
    return st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1


def reset_page() -> None:
    """Return to the first page of the table; a callback of every control that changes its rows."""
    if st.session_state.get("page", 1) != 1:
        st.session_state["page"] = 1
