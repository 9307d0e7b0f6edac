"""Tables of judged examples."""

from typing import Any

import pandas as pd
import streamlit as st

from core.text.formatting import DASH, format_percent
from core.text.sanitize import escape_invisible
from dashboard import data
from dashboard.components.glossary import help_for
from dashboard.components.table_cells import cell_column, format_cells, style_cells
from dashboard.components.text import unique_names

PREVIEW = 300
"""Characters of a text in a list; the panel has the whole."""
TEXT_WIDTH = 290  # pixels: the figures behind it stay in sight
_HEADS = {
    "text": "text",
    "label": "true",
    "predicted": "predicted",
    "flip": "flip",
    "confidence": "confidence, %",
    "loss": "loss",
    "disagreement": "disagreement, %",
    "other": "the other said",
    "value": "value",
    "suggested": "suggested label",
    "quality": "quality of the label, %",
    "deviation": "deviation of the raters",
    "tag": "tag",
    "note": "note",
    "proposed_label": "proposed label",
}
_SHARES = ("confidence", "disagreement", "quality")


def failures(frame: pd.DataFrame, sort: str | None, cell_column: str | None, height: int) -> dict[str, Any]:
    """Return what `st.dataframe` needs to show judged examples, a row each.

    ``sort``: the column they are sorted by, which is shown; ``cell_column``: the name of the data's own
    column in ``value``. What nobody annotated and no run was asked for is left out.
    """
    wanted = [name for name in _HEADS if name in frame and (name != "loss" or sort == "loss")]
    wanted = [name for name in wanted if name not in data.ANNOTATION_FIELDS or frame[name].notna().any()]
    shown = frame[wanted].copy()
    shown["text"] = [escape_invisible(f"{text[:PREVIEW]}…" if len(text) > PREVIEW else text) for text in shown["text"]]
    for name in _SHARES:
        if name in shown:
            shown[name] *= 100
    ours = [head for name, head in _HEADS.items() if name != "value"]
    heads = _HEADS | ({"value": unique_names([cell_column], ours)[0]} if cell_column else {})
    return {
        "data": shown.rename(columns=heads),
        "hide_index": True,
        "height": height,
        "placeholder": DASH,
        "column_config": _configured(wanted, heads),
    }


def _configured(wanted: list[str], heads: dict[str, str]) -> dict[str, Any]:
    """Return the column heads, each with its help line; shares as bars, other figures in three digits."""
    configured: dict[str, Any] = {}
    for name in wanted:
        help_ = help_for(heads[name])
        if name in _SHARES:
            configured[heads[name]] = st.column_config.ProgressColumn(
                min_value=0, max_value=100, format="%.1f", width="small", help=help_
            )
        elif name in ("loss", "deviation"):
            configured[heads[name]] = st.column_config.NumberColumn(format="%.3f", width="small", help=help_)
        else:
            configured[heads[name]] = st.column_config.Column(width=TEXT_WIDTH if name == "text" else None, help=help_)
    return configured


def confusions(frame: pd.DataFrame) -> dict[str, Any]:
    """Return what `st.dataframe` needs to show the most frequent confusions: true, predicted, count, share."""
    shown = frame[["true", "predicted", "count"]].rename(columns={"count": "examples"})
    shown["share, %"] = cell_column(format_cells(format_percent, frame["share"]))
    return {"data": style_cells(shown), "hide_index": True, "height": 230}
