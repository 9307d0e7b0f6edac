"""Choices on the page of one run."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st
from streamlit.elements.lib.mutable_tab_container import TabContainer

from dashboard import data, state
from dashboard.app_pages.run.tables import AT_ONCE
from dashboard.components import default_runs as choices
from dashboard.components import pickers

WINDOWS = {"off": 1, "5": 5, "10": 10, "25": 25}
"""Over how many logged values the training loss can be smoothed."""


def pick_run() -> int:
    """Draw the choice of a run; one that the address names may also lie in the archive or in the trash."""
    on_offer = data.runs(state.test_set())
    hidden = [run_id for run_id in state.get_run_ids() if run_id not in on_offer["id"].array]
    if hidden:
        others = pd.concat([data.archived_runs(state.test_set()), data.trashed_runs()])
        on_offer = pd.concat([on_offer, others[others["id"].isin(hidden)]], ignore_index=True)
    return pickers.pick_run("Run", on_offer, choices.best_run(state.test_set()))


def choose_part(parts: Sequence[str]) -> Sequence[TabContainer]:
    """Draw the parts of the page as tabs; only the open one is made. It stands in the address."""
    return st.tabs(parts, key="part", bind="query-params")


def worst_first(classes: int) -> bool:
    """Draw the choice of the order of the classes, where there are many."""
    if classes <= 3:
        return False
    return st.toggle("Worst first", value=classes > AT_ONCE, key="worst", bind="query-params")


def choose_window(logged: int) -> int:
    """Draw the choice of how far to smooth the training loss; return over how many logged values."""
    names = [name for name, window in WINDOWS.items() if 2 * window <= logged]
    if len(names) < 2:
        return 1
    choice = st.segmented_control(
        "Smoothing of the training loss",
        names,
        default=names[1],
        required=True,
        key="smooth",
        bind="query-params",
        help="The mean of so many logged values, up to each point. The values as logged stand faintly behind.",
    )
    return WINDOWS[str(choice)]
