"""Choices on the Runs page: view, filters, grouping, order and columns; all are URL parameters."""

from collections.abc import Mapping
from datetime import date

import streamlit as st

from dashboard import data
from dashboard.app_pages.runs.groups import SEEDS
from dashboard.app_pages.runs.tables import COLUMNS, DEFAULT_COLUMNS, PINNED, SETTINGS, TITLES
from dashboard.app_pages.runs.view_data import (
    ACTIVE,
    ARCHIVED,
    PAGE_SIZE,
    TEXT_FIELDS,
    TRASH,
    Filters,
    prepare_runs,
    settings_of_view,
    tags_of,
)
from dashboard.components.filters import choose_option, get_option, select_options, set_option

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
"""The URL parameters of the filters."""
GROUPINGS = {"method": ("method", "title"), "model": ("model", "model"), "training": ("training set", "version")}
"""Title and column of the runs by URL value: the groupings by a column that is no setting."""
MAX_SETTINGS, MAX_SETTING_VALUES = 6, 50
"""The most settings with a filter, and the most values of one."""
MAX_SETTING_COLUMNS = 4
"""The most settings that are shown as columns unless the user chooses others."""
STATES_WITHOUT_SCORES = ["failed", "crashed", "cancelled"]


def choose_filters(test_set: int) -> tuple[str, Filters]:
    """Draw the search box and the filters; return the view (active, archived or trash) and the filters."""
    words = st.text_input(
        "Search",
        key="search",
        label_visibility="collapsed",
        bind="query-params",
        placeholder="Search",
        help="Name, run id, tag, notes",
        on_change=reset_page,
        width=220,
    )
    number = _count_filters() - ("search" in st.query_params) + ("show" in st.query_params)
    with st.popover(f"Filters ({number})" if number else "Filters", key="filters"):
        view = choose_option(
            "Show",
            {ACTIVE: "Active", ARCHIVED: "Archived", TRASH: "Trash"},
            ACTIVE,
            "show",
            on_change=reset_page,
            label_visibility="collapsed",
        )
        options = filter_options(view, test_set)
        settings = _filtered_settings(settings_of_view(view, test_set))
        values = {
            column: _select_values(label, options[key], key)
            for key, (label, column) in (VALUE_FILTERS | {key: SETTING_FILTERS[key] for key in settings}).items()
            if key != "training" or len(options[key]) > 1
        }
        tags = _select_values("Tags", options["tag"], "tag")
        with st.container(horizontal=True):
            since, until = _choose_date("Started from", "from"), _choose_date("Started until", "to")
        st.button("Clear filters", on_click=clear_filters, disabled=not _count_filters(), key="clear filters")
    return view, Filters(words or "", values, tags, since, until)


def filter_options(view: str, test_set: int) -> dict[str, list[str]]:
    """Return the values of the runs of a view to filter by, by URL parameter; settings only if they vary."""
    runs, varying = prepare_runs(view, test_set), settings_of_view(view, test_set)
    options = {key: sorted(runs[column].unique()) for key, (_, column) in VALUE_FILTERS.items()}
    settings = {key: varying[field] for key, (_, field) in SETTING_FILTERS.items() if field in varying}
    return options | settings | {"tag": tags_of(runs)}


def _filtered_settings(varying: Mapping[str, list[str]]) -> list[str]:
    """Return the settings with a filter: those that vary most clearly, and those that the URL filters by.

    A setting in the URL that does not vary here is removed from it.
    """
    few = [field for field, values in varying.items() if len(values) <= MAX_SETTING_VALUES][:MAX_SETTINGS]
    requested = [key for key in SETTING_FILTERS if key in st.query_params or st.session_state.get(key)]
    for key in requested:
        if SETTING_FILTERS[key][1] not in varying:
            st.query_params.pop(key, None)
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


def choose_grouping(view: str, test_set: int) -> list[str]:
    """Draw the choice of what the rows are grouped by; return columns for `group_runs`, empty for one row per run."""
    options = grouping_options(view, test_set)
    if st.query_params.get("seeds") == "false":  # links of earlier versions
        st.query_params.pop("seeds")
        set_option("group", [], [SEEDS])

    def keep(selected: list[str]) -> list[str]:
        """Drop seeds beside settings, or settings beside seeds that were just selected."""
        reset_page()
        added = [value for value in selected if value not in grouped]
        return [value for value in selected if (value == SEEDS) == (SEEDS in (added or selected))]

    titles = {key: title for key, (title, _) in options.items()}
    grouped = select_options(
        "Group by",
        titles,
        [SEEDS],
        "group",
        on_change=keep,
        placeholder="None",
        width=240,
        help="Rows are means over runs that differ only in the seed, or over runs with the same values of settings.",
    )
    return [options[key][1] for key in grouped]


def grouping_options(view: str, test_set: int) -> dict[str, tuple[str, str]]:
    """Return what the rows can be grouped by: title and column of the runs by URL value."""
    runs, varying = prepare_runs(view, test_set), settings_of_view(view, test_set)
    several = {key: (title, column) for key, (title, column) in GROUPINGS.items() if runs[column].nunique() > 1}
    return {SEEDS: ("Seeds", SEEDS)} | several | {_key(field): (_title(field), field) for field in varying}


def _key(field: str) -> str:
    return field.removeprefix(data.SETTING)


def _title(field: str) -> str:
    return _key(field).replace("_", " ")


def get_order() -> tuple[str, bool]:
    """Return the column by which the table is sorted, and whether the highest values come first."""
    sort = get_option("sort", TITLES, DEFAULT_SORT)
    return sort, get_option("order", (DESCENDING, ASCENDING), DESCENDING) == DESCENDING


def sort_by(column: str) -> None:
    """Sort by a clicked column, or reverse the order if it is sorted by already; a table's callback."""
    sort, descending = get_order()
    is_ascending = descending if column == sort else COLUMNS[column].field in TEXT_FIELDS
    set_option("order", [ASCENDING if is_ascending else DESCENDING], [DESCENDING])
    set_option("sort", [column], [DEFAULT_SORT])
    reset_page()


def choose_columns(view: str, test_set: int, *, grouped: bool) -> list[str]:
    """Draw the choice of columns; return all to show, in their order."""
    runs, varying = prepare_runs(view, test_set), settings_of_view(view, test_set)
    settings = [_title(field) for field in list(varying)[:MAX_SETTING_COLUMNS]]
    default = [*DEFAULT_COLUMNS, *settings, *(["seed SD"] if grouped else [])]
    default += [key for key, field in (("status", "state"), ("training set", "version")) if runs[field].nunique() > 1]
    options = {key: title for key, title in TITLES.items() if key not in PINNED}
    with st.popover("Columns", key="choose columns popover"):
        selected = select_options("Columns", options, default, "columns")
    return [key for key in COLUMNS if key in (*PINNED, *selected)]


def choose_page(rows: int) -> int:
    """Draw the choice of a page of the table; return its number, from 1."""
    pages = max(1, -(-rows // PAGE_SIZE))
    return st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1


def reset_page() -> None:
    """Return to the first page of the table; a callback of every control that changes its rows."""
    if st.session_state.get("page", 1) != 1:
        st.session_state["page"] = 1
