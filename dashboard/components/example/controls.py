"""A list of examples, page by page, and which of them is open. The address says both."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

PAGE_SIZE = 50


def choose_page(total: int, filtered_by: str) -> int:
    """Draw the choice of a page of a list; return the place of its first row.

    ``filtered_by``: what the list is made by, in words; where that changes, the first page comes first.
    """
    pages = max(1, -(-total // PAGE_SIZE))
    if st.session_state.setdefault("listed", filtered_by) != filtered_by:
        st.session_state["sheet"] = 1
    st.session_state["listed"] = filtered_by
    if pages == 1:
        return 0
    return (int(st.pagination(pages, key="sheet", bind="query-params")) - 1) * PAGE_SIZE


def opened() -> str:
    """Return the number of the example that is open, as the address has it; empty for none."""
    return st.query_params.get("example", "")


def open_example(example_id: int | None, page: int | None = None) -> None:
    """Open an example, or close it, on a page of the list; as a callback."""
    if example_id is None:
        st.query_params.pop("example", None)
    else:
        st.query_params["example"] = str(example_id)
    if page is not None:
        st.session_state["sheet"] = page


def show_list(shown: dict[str, Any], ids: Sequence[int], key: str) -> None:
    """Show a table of examples; a click on a row opens it. ``shown``: for `st.dataframe`; ``ids``: of its rows."""
    rows = [row for row, example_id in enumerate(ids) if str(example_id) == opened()]
    # A table of other rows is another one.
    show_rows(shown, f"{key} {hash(tuple(ids))}", rows, lambda row: open_example(None if row is None else ids[row]))


def show_rows(shown: dict[str, Any], table: str, rows: list[int], on_click: Callable[[int | None], None]) -> None:
    """Show a table in which ``rows`` (one or none) are chosen, as the address has it, and a click chooses another."""
    if table in st.session_state and list(st.session_state[table]["selection"]["rows"]) != rows:
        st.session_state[table] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    st.dataframe(
        **shown,
        key=table,
        on_select=lambda: on_click(next(iter(st.session_state[table]["selection"]["rows"]), None)),
        selection_mode="single-row",
        selection_default={"selection": {"rows": rows}},
    )


def step_through(listed: pd.Series) -> None:
    """Draw the buttons that lead to the example before and after the open one, and away from it.

    ``listed``: the numbers of all listed examples, in their order.
    """
    place = next((place for place, example_id in enumerate(listed) if str(example_id) == opened()), None)
    with st.container(horizontal=True, vertical_alignment="center"):
        said = "Not in the list above" if place is None else f"Example {place + 1:,} of {len(listed):,} in the list"
        st.subheader(said, width="stretch")
        before, after = (None, None) if place is None else (place - 1, place + 1)
        _step("Previous", ":material/arrow_back:", "K", listed, before)
        _step("Next", ":material/arrow_forward:", "J", listed, after)
        st.button("Close", icon=":material/close:", on_click=open_example, args=(None,))


def _step(label: str, icon: str, shortcut: str, listed: pd.Series, place: int | None) -> None:
    there = place is not None and 0 <= place < len(listed)
    target = (int(listed.iloc[place]), place // PAGE_SIZE + 1) if there and place is not None else (None, None)
    st.button(label, icon=icon, shortcut=shortcut, on_click=open_example, args=target, disabled=not there)
