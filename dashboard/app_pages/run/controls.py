"""Choices on the Run page."""

from collections.abc import Sequence

import pandas as pd
from streamlit.elements.lib.mutable_tab_container import TabContainer

from dashboard import data, state
from dashboard.components import default_runs, pickers
from dashboard.components.filters import choose_option, choose_tab

TABS = {
    "Classes": "Overview",
    "Training": "Training",
    "Calibration": "Calibration",
    "Abstaining": "Threshold",
    "Cost": "Cost",
    "Settings": "Config",
    "Record": "Environment & logs",
}
"""Labels of the tabs by their value in the URL."""
WINDOWS = {"off": 1, "5": 5, "10": 10, "25": 25}
"""The number of logged values that the training loss is averaged over."""
_PICKER_PIXELS = 300


def pick_run() -> int:
    """Draw the picker of the run; the URL may also name an archived run, a trial or one in the trash."""
    options = data.runs(state.test_set())
    hidden = [run_id for run_id in state.get_run_ids() if run_id not in options["id"].array]
    if hidden:
        test_set = state.test_set()
        others = pd.concat([data.archived_runs(test_set), data.trashed_runs(), data.trial_runs(test_set)])
        others = others.drop_duplicates("id")
        options = pd.concat([options, others[others["id"].isin(hidden)]], ignore_index=True)
    best = default_runs.best_run(state.test_set())
    return pickers.pick_run("Run", options, best, label_visibility="collapsed", width=_PICKER_PIXELS)


def draw_tabs(values: Sequence[str]) -> Sequence[TabContainer]:
    """Draw the tabs of these `TABS`; only the open one is computed."""
    return choose_tab({value: TABS[value] for value in values}, "part")


def choose_window(logged: int) -> int:
    """Draw the choice of smoothing of the training loss; return the number of values to average over."""
    names = [name for name, window in WINDOWS.items() if 2 * window <= logged]
    if len(names) < 2:
        return 1
    choice = choose_option(
        "Smoothing",
        {name: name.capitalize() for name in names},
        names[1],
        "smooth",
        help="Moving average of the training loss over this many logged values. The raw values are drawn faintly.",
    )
    return WINDOWS[choice]
