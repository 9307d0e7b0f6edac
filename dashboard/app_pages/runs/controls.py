"""Choices on the page of all runs: which are shown, in which order, with which columns. All stand in the address."""

from collections.abc import Mapping
from datetime import date

import pandas as pd
import streamlit as st

from dashboard import data
from dashboard.app_pages.runs.tables import ALWAYS, COLUMNS, OF_GROUPS, USUAL
from dashboard.app_pages.runs.view_data import PAGE, TEXTS, Filters, tags_of
from dashboard.components.filters import choose_option

ACTIVE, ARCHIVE, TRASH = "active", "archived", "trash"
FALLING, RISING = "descending", "ascending"
BEST_FIRST = "macro F1"
VALUES = {
    "status": ("Status", "state"),
    "method": ("Method", "title"),
    "kind": ("Kind", "kind"),
    "model": ("Model", "model"),
    "training": ("Training set", "version"),
}
"""By key in the address: the filter's title, and the column that it looks at."""
KEYS = ("search", *VALUES, "tag", "from", "to")
WITHOUT_SCORES = ["failed", "crashed", "cancelled"]


def choose_view() -> str:
    """Draw the choice of which runs to see: those at hand, those in the archive, or those in the trash."""
    return choose_option("Show", [ACTIVE, ARCHIVE, TRASH], ACTIVE, "show", on_change=first_page)


def runs_of(view: str, test_set: int) -> pd.DataFrame:
    """Return the runs on a test set that belong to a view."""
    if view == TRASH:
        return data.filter_test_set(data.trashed_runs(), test_set)
    return data.archived_runs(test_set) if view == ARCHIVE else data.runs(test_set)


def choose_filters(runs: pd.DataFrame, versions: Mapping[int, str]) -> Filters:
    """Draw the search and the filters; return what is wanted. ``versions``: the data sets that runs trained on."""
    words = st.text_input(
        "Search",
        key="search",
        icon=":material/search:",
        bind="query-params",
        placeholder="name, number, tag or note",
        on_change=first_page,
        width=280,
    )
    number = how_many_set() - ("search" in st.query_params)
    with st.popover(f"Filters ({number})" if number else "Filters", icon=":material/filter_alt:", key="filters"):
        values = {
            column: _several(title, sorted(runs[column].unique()), key)
            for key, (title, column) in VALUES.items()
            if key != "training" or len(versions) > 1
        }
        tags = _several("Tag", tags_of(runs), "tag")
        with st.container(horizontal=True):
            since, until = _day("Started from", "from"), _day("to", "to")
        st.button("Clear all filters", on_click=clear_filters, disabled=not how_many_set(), key="clear")
    return Filters(words or "", values, tags, since, until)


def _several(title: str, options: list[str], key: str) -> list[str]:
    return st.multiselect(title, options, key=key, bind="query-params", placeholder="all", on_change=first_page)


def _day(title: str, key: str) -> date | None:
    day: date | None = st.date_input(
        title,
        value=None,
        key=key,
        bind="query-params",
        format="YYYY-MM-DD",
        help="In UTC.",
        on_change=first_page,
        width=150,
    )
    return day


def how_many_set() -> int:
    """Return how many filters are set, the search among them."""
    return sum(bool(st.query_params.get(key)) for key in KEYS)


def clear_filters() -> None:
    """Let all runs pass, as a callback."""
    for key in KEYS:
        if key in st.session_state:
            st.session_state[key] = {"search": "", "from": None, "to": None}.get(key, [])
    first_page()


def without_scores() -> None:
    """Show only the runs that ended without scores, as a callback."""
    st.session_state["status"] = WITHOUT_SCORES
    first_page()


def group_seeds() -> bool:
    """Draw the choice of one line for runs that differ in nothing but the seed."""
    return st.toggle(
        "Group seeds",
        key="seeds",
        bind="query-params",
        on_change=first_page,
        help="Runs that differ only in the seed: one line.",
    )


def choose_order() -> tuple[str, bool]:
    """Draw the choice of the order of all runs; return a column of theirs, and whether the highest stands first."""
    title = st.selectbox(
        "Sort by",
        [title for title in COLUMNS if title != OF_GROUPS],
        index=list(COLUMNS).index(BEST_FIRST),
        key="sort",
        bind="query-params",
        on_change=first_page,
        width=170,
    )
    order = choose_option("Order", [FALLING, RISING], FALLING, "order", on_change=first_page)
    return COLUMNS[title].field, order == FALLING


def sort_by(title: str) -> None:
    """Sort by a column whose head was clicked, a second time the other way round; as a callback."""
    if title == OF_GROUPS:
        return
    if st.session_state["sort"] == title:
        st.session_state["order"] = RISING if st.session_state["order"] == FALLING else FALLING
    else:
        st.session_state["order"] = RISING if COLUMNS[title].field in TEXTS else FALLING
    st.session_state["sort"] = title
    first_page()


def choose_columns(*, several_versions: bool) -> list[str]:
    """Draw the choice of columns; return the titles of the chosen ones."""
    usual = [*USUAL, *(["training set"] if several_versions else [])]
    with st.popover("Columns", icon=":material/view_column:", key="choose columns"):
        return st.multiselect(
            "Columns",
            [title for title in COLUMNS if title not in (*ALWAYS, OF_GROUPS)],
            default=usual,
            key="columns",
            bind="query-params",
        )


def titles_of(chosen: list[str], *, grouped: bool) -> list[str]:
    """Return the titles of all columns that are shown, in their order."""
    own = {*ALWAYS, *chosen, *([OF_GROUPS] if grouped else [])}
    return [title for title in COLUMNS if title in own]


def choose_page(rows: int) -> int:
    """Draw the choice of a page of so many rows."""
    pages = max(1, -(-rows // PAGE))
    return st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1


def first_page() -> None:
    """Go back to the first page, as a callback of what changes which rows there are."""
    if st.session_state.get("page", 1) != 1:
        st.session_state["page"] = 1
