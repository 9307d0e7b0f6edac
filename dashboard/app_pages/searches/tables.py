"""The table of the trials of a search."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.text.formatting import DASH, format_percent, format_setting
from core.text.sanitize import escape_invisible
from dashboard.components.table_cells import cell_column, column_config, format_cells, style_cells


def show_trials(trials: pd.DataFrame, parameters: Sequence[str]) -> Any:
    """Show a row per trial; return the selected row, None without one."""
    columns = {
        "trial": trials["number"],
        "state": trials["state"],
        "validation macro F1": cell_column(format_cells(format_percent, trials["value"])),
        "run": [DASH if run != run or run is None else str(int(run)) for run in trials["run"]],
        **{name: [_format_value(value) for value in trials[name]] for name in parameters},
        "error": trials["error"].fillna(""),
    }
    if not trials["error"].notna().any():
        del columns["error"]
    cells = pd.DataFrame(columns).reset_index(drop=True)
    config = column_config(cells, ["trial", "validation macro F1", "run", *parameters])
    event: Any = st.dataframe(
        style_cells(cells),
        hide_index=True,
        height=440 if len(cells) > 12 else "content",
        column_config=config,
        on_select="rerun",
        selection_mode="single-row",
        key="trials",
    )
    selected = [row for row in event.selection.rows if row < len(trials)]
    return next(trials.iloc[selected[:1]].itertuples(index=False), None)


def _format_value(value: Any) -> str:
    """Return a parameter's value; a dash for one that the trial does not have or leaves to its default."""
    if value is None or value != value:
        return DASH
    return f"{value:.3g}" if isinstance(value, float) else escape_invisible(format_setting(value))
