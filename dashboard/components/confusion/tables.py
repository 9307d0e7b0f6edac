"""The confusion matrix as a table, as arguments of `st.dataframe`."""

from typing import Any

import pandas as pd
import streamlit as st

from core.text.formatting import DASH
from dashboard.components.glossary import help_for

_HEIGHT = 440
_MAX_ROWS = 10  # with more rows the table scrolls


def confusions_table(cells: pd.DataFrame) -> dict[str, Any]:
    """Return a row per cell of the confusion matrix. ``cells``: true, predicted, count, share."""
    share = st.column_config.ProgressColumn(
        "share, %", min_value=0, max_value=100, format="%.1f", help=help_for("share, %")
    )
    return {
        "data": cells[["true", "predicted", "count"]].assign(share=cells["share"] * 100),
        "hide_index": True,
        "height": _HEIGHT if len(cells) > _MAX_ROWS else "content",
        "placeholder": DASH,
        "column_config": {"count": st.column_config.NumberColumn(format="localized"), "share": share},
    }
