"""Tables of kinds of texts."""

from typing import Any

import pandas as pd
import streamlit as st

from core.text.formatting import format_count, format_p_value
from dashboard.components.glossary import help_for
from dashboard.components.table_cells import (
    cell_column,
    column_config,
    difference_cells,
    format_cells,
    score_cells,
    style_cells,
)


def slices(frame: pd.DataFrame) -> dict[str, Any]:
    """Return what `st.dataframe` needs to show slices, a row each, those that stand out most first."""
    shown = pd.DataFrame({"slice": frame["name"]})
    shown["wrong, %"] = cell_column(score_cells(frame, "wrong"))
    shown["elsewhere, %"] = cell_column(score_cells(frame, "rest"))
    shown["difference, points"] = cell_column(difference_cells(frame, "gap"))
    shown["p (Holm)"] = cell_column(format_cells(lambda p: format_p_value(p).removeprefix("= "), frame["p"]))
    shown["examples"] = cell_column(format_cells(format_count, frame["size"]))
    config = column_config(shown, list(shown.columns[1:]))
    config["slice"] = st.column_config.TextColumn(width="medium", help=help_for("slice"))
    return {"data": style_cells(shown), "hide_index": True, "height": 330, "column_config": config}
