"""A paged list of examples and the selected example; page and selection are URL parameters."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

PAGE_SIZE = 50


def choose_page(total: int, filtered_by: str) -> int:
    """Draw the choice of a page of a list; return the position of its first row.

    ``filtered_by``: describes the filters; when it changes, the list returns to its first page.
    """
    pages = max(1, -(-total // PAGE_SIZE))
    if st.session_state.setdefault("listed", filtered_by) != filtered_by:
        st.session_state["sheet"] = 1
    st.session_state["listed"] = filtered_by
    if pages == 1:
        return 0
    return (int(st.pagination(pages, key="sheet", bind="query-params")) - 1) * PAGE_SIZE


def selected_example() -> str:
    """Return the id of the selected example as the URL has it; empty for none."""
    return st.query_params.get("example", "")


def select_example(example_id: int | None, page: int | None = None) -> None:
    """Select an example, or none, and a page of the list; a widget's callback."""
    if example_id is None:
        st.query_params.pop("example", None)
    else:
        st.query_params["example"] = str(example_id)
    if page is not None:
        st.session_state["sheet"] = page


def show_list(table: dict[str, Any], ids: Sequence[int], key: str) -> list[int]:
    """Show a table of examples; clicking a cell selects its example. Return the places of the rows that are checked.

    ``table``: arguments of `st.dataframe`; ``ids``: the example ids of its rows.
    """
    # The ids are part of the key: other rows are another widget, without the old selection.
    key = f"{key} {hash(tuple(ids))}"
    cells = [(row, "text") for row, example_id in enumerate(ids) if str(example_id) == selected_example()]
    selection: dict[str, Any] = {"rows": [], "columns": [], "cells": cells}
    if key in st.session_state:
        selection["rows"] = list(st.session_state[key]["selection"]["rows"])
        st.session_state[key] = {"selection": selection}

    def select() -> None:
        clicked = st.session_state[key]["selection"]["cells"]
        if clicked:
            select_example(ids[clicked[0][0]])

    st.dataframe(
        **table,
        key=key,
        on_select=select,
        selection_mode=["multi-row", "single-cell"],
        selection_default={"selection": {"cells": cells}},
    )
    return list(st.session_state[key]["selection"]["rows"])


def show_selectable(
    table: dict[str, Any], key: str, selected: list[int], on_select: Callable[[int | None], None]
) -> None:
    """Show a table in which at most one row is selected.

    ``table``: arguments of `st.dataframe`; ``on_select``: gets the number of the selected row, or None.
    """
    if key in st.session_state and list(st.session_state[key]["selection"]["rows"]) != selected:
        st.session_state[key] = {"selection": {"rows": selected, "columns": [], "cells": []}}
    st.dataframe(
        **table,
        key=key,
        on_select=lambda: on_select(next(iter(st.session_state[key]["selection"]["rows"]), None)),
        selection_mode="single-row",
        selection_default={"selection": {"rows": selected}},
    )


def show_navigation(example_ids: pd.Series) -> None:
    """Draw the position of the selected example in the list, and buttons to the previous and the next one.

    ``example_ids``: of all listed examples, in their order.
    """
    places = (place for place, example_id in enumerate(example_ids) if str(example_id) == selected_example())
    place = next(places, None)
    with st.container(horizontal=True, vertical_alignment="center"):
        title = "Not in the list" if place is None else f"Example {place + 1:,} of {len(example_ids):,}"
        st.subheader(title, width="stretch")
        previous, following = (None, None) if place is None else (place - 1, place + 1)
        _step_button("Previous", ":material/arrow_back:", "K", example_ids, previous)
        _step_button("Next", ":material/arrow_forward:", "J", example_ids, following)
        show_close_button()


def show_close_button() -> None:
    """Draw the button that closes the selected example."""
    st.button("Close", icon=":material/close:", on_click=select_example, args=(None,))


def _step_button(label: str, icon: str, shortcut: str, example_ids: pd.Series, place: int | None) -> None:
    if place is None or not 0 <= place < len(example_ids):
        st.button(label, icon=icon, shortcut=shortcut, disabled=True)
    else:
        target = (int(example_ids.iloc[place]), place // PAGE_SIZE + 1)
        st.button(label, icon=icon, shortcut=shortcut, on_click=select_example, args=target)
