"""The table of predicted examples, as arguments of `st.dataframe`."""

from typing import Any

import pandas as pd
import streamlit as st

from core.text.formatting import DASH
from core.text.sanitize import escape_invisible
from dashboard import data
from dashboard.components.glossary import help_for
from dashboard.components.text import unique_names

PREVIEW_LENGTH = 300
"""Longer texts are cut in the list; the selected example is shown completely."""
_TEXT_PIXELS, _SHARE_PIXELS = 300, 90  # leaves room for the other columns
_HEAD_PIXELS = 40
_ROW_PIXELS = 68  # Streamlit wraps a text if its row is higher than 64 pixels
_TITLES = {
    "text": "text",
    "dots": "runs wrong",
    "label": "true",
    "predicted": "predicted",
    "flip": "flip",
    "confidence": "confidence, %",
    "loss": "loss",
    "disagreement": "disagreement, %",
    "other": "other run",
    "value": "value",
    "suggested": "suggested label",
    "quality": "support for label, %",
    "deviation": "rating SD",
    "tag": "tags",
    "note": "note",
    "proposed_label": "proposed label",
}
_SHARES = ("confidence", "disagreement", "quality")
_NUMBERS = ("loss", "deviation")


def examples_table(frame: pd.DataFrame, sort: str | None, value_column: str | None, max_height: int) -> dict[str, Any]:
    """Return a table of predicted examples, a row each; empty columns of annotations are omitted.

    If every example is annotated, the annotations follow the text.

    ``sort``: the column of the order, which is shown. ``value_column``: the name of the source's
    column in ``value``.
    """
    columns = [name for name in _TITLES if name in frame and (name != "loss" or sort == "loss")]
    annotations = [name for name in data.ANNOTATION_FIELDS if frame[name].notna().any()]
    columns = [name for name in columns if name not in data.ANNOTATION_FIELDS]
    place = 1 if frame[list(data.ANNOTATION_FIELDS)].notna().any(axis=1).all() else len(columns)
    columns[place:place] = annotations
    table = frame[columns].copy()
    table["text"] = list(map(_preview, table["text"]))
    for name in _SHARES:
        if name in table:
            table[name] *= 100
    titles = dict(_TITLES)
    if value_column:
        titles["value"] = unique_names([value_column], [title for name, title in _TITLES.items() if name != "value"])[0]
    return {
        "data": table.rename(columns=titles),
        "hide_index": True,
        "height": min(max_height, _HEAD_PIXELS + _ROW_PIXELS * len(table)),
        "row_height": _ROW_PIXELS,
        "placeholder": DASH,
        "column_config": {titles[name]: _configure(name, titles[name]) for name in columns},
    }


def _preview(text: str) -> str:
    return escape_invisible(f"{text[:PREVIEW_LENGTH]}…" if len(text) > PREVIEW_LENGTH else text)


def _configure(name: str, title: str) -> Any:
    """Return the configuration of a column: shares as bars, other numbers with three decimals."""
    if name in _SHARES:
        return st.column_config.ProgressColumn(
            min_value=0, max_value=100, format="%.1f", width=_SHARE_PIXELS, help=help_for(title)
        )
    if name in _NUMBERS:
        return st.column_config.NumberColumn(format="%.3f", width="small", help=help_for(title))
    return st.column_config.Column(width=_TEXT_PIXELS if name == "text" else None, help=help_for(title))
