"""The table of error slices."""

from typing import Any

import pandas as pd
import streamlit as st

from core.catalog.figures import FIGURES
from core.text.formatting import format_count
from dashboard.components.glossary import help_for
from dashboard.components.table_cells import (
    cell_column,
    column_config,
    difference_cells,
    figure_cells,
    format_cells,
    score_cells,
    style_cells,
)


def slices_table(slices: pd.DataFrame) -> dict[str, Any]:
    """Return the arguments of `st.dataframe` that show error slices. ``slices``: from `view_data.error_slices`."""
    cells = pd.DataFrame({"slice": slices["name"]})
    cells["wrong, %"] = cell_column(score_cells(slices, "wrong"))
    cells["other examples, %"] = cell_column(score_cells(slices, "rest"))
    cells["difference, points"] = cell_column(difference_cells(slices, "gap"))
    cells[FIGURES["p_adjusted"].title] = cell_column(figure_cells(slices, "p_adjusted"))
    cells["examples"] = cell_column(format_cells(format_count, slices["size"]))
    config = column_config(cells, list(cells.columns[1:]))
    config["slice"] = st.column_config.TextColumn(width="medium", help=help_for("slice"))
    return {"data": style_cells(cells), "hide_index": True, "height": 330, "column_config": config}
