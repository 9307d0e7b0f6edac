"""Selections that a page reads from its URL: the test set and the runs that it shows.

The URL is the source of truth. A widget is set from it before it is drawn and writes to it when it
changes; a parameter that the URL lacks keeps its last value in the session.
"""

from collections.abc import Sequence

import streamlit as st

MAX_LENGTH = 3_000
"""A longer value, such as the ids of over 500 runs, is kept in the session only: servers refuse long URLs."""


def get_parameter(key: str) -> str:
    """Return a URL parameter, else its last value in the session."""
    return st.query_params.get(key) or st.session_state.get(f"last {key}", "")


def set_parameter(key: str, value: str) -> None:
    """Store a value in the session and in the URL; an empty or very long one is removed from the URL."""
    st.session_state[f"last {key}"] = value
    if not value or len(value) > MAX_LENGTH:
        st.query_params.pop(key, None)
    elif st.query_params.get(key) != value:
        st.query_params[key] = value


def save_widget(key: str, widget: str) -> None:
    """Write the value of a widget to the URL; a widget's callback."""
    value = st.session_state[widget]
    values = value if isinstance(value, list) else [] if value is None else [value]
    set_parameter(key, ",".join(map(str, values)))


def parse_run_ids(text: str) -> list[int]:
    """Return the run ids in a text such as ``7,12``; ``#7`` and ``#7 name`` are read as 7."""
    parts = (part.strip().removeprefix("#").partition(" ")[0] for part in text.split(","))
    return [int(part) for part in parts if part.isascii() and part.isdigit() and len(part) < 10]


def get_run_ids(key: str = "run") -> list[int]:
    """Return the run ids in a URL parameter, whether such runs exist or not."""
    return parse_run_ids(get_parameter(key))


def test_set() -> int:
    """Return the id of the selected test set."""
    return int(st.session_state["test_set"])


def selected_runs() -> list[int]:
    """Return the ids of the runs that are selected on the Runs page."""
    return list(dict.fromkeys(get_run_ids("chosen")))


def select_runs(run_ids: Sequence[int]) -> None:
    """Store which runs are selected on the Runs page."""
    set_parameter("chosen", ",".join(map(str, run_ids)))


def deselect_runs(run_ids: Sequence[int]) -> None:
    """Remove runs from those that are selected on the Runs page."""
    removed = set(run_ids)
    select_runs([run_id for run_id in selected_runs() if run_id not in removed])


def clicked_cell(chart: str) -> tuple[str, str] | None:
    """Return the true and the predicted label of the clicked cell of a confusion matrix."""
    selected = st.session_state.get(chart, {}).get("selection", {}).get("cell", [])
    return (selected[0]["true"], selected[0]["predicted"]) if selected else None
