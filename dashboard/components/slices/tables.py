"""Tables of kinds of texts."""

from typing import Any

import pandas as pd
import streamlit as st

from core.text.formatting import format_count, format_p_value
from dashboard.components.glossary import help_for
from dashboard.components.table_cells import as_told, column, gaps, heads, scores, told


def slices(frame: pd.DataFrame) -> dict[str, Any]:
    """Return what `st.dataframe` needs to show slices, a row each, those that stand out most first."""
    shown = pd.DataFrame({"slice": frame["name"]})
    shown["wrong, %"] = column(scores(frame, "wrong"))
    shown["elsewhere, %"] = column(scores(frame, "rest"))
    shown["difference, points"] = column(gaps(frame, "gap"))
    shown["p (Holm)"] = column(told(lambda p: format_p_value(p).removeprefix("= "), frame["p"]))
    shown["examples"] = column(told(format_count, frame["size"]))
    config = heads(shown, list(shown.columns[1:]))
    config["slice"] = st.column_config.TextColumn(width="medium", help=help_for("slice"))
    return {"data": as_told(shown), "hide_index": True, "height": 330, "column_config": config}
