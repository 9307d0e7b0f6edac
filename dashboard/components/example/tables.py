"""Tables about one example."""

from math import isnan
from typing import Any

import pandas as pd
import streamlit as st

from core.text.formatting import DASH, format_count, format_number, format_percent, format_setting
from dashboard.components.glossary import help_for
from dashboard.components.table_cells import sanitize_cells
from dashboard.components.text import unique_names

_ROW_PIXELS, _HEAD_PIXELS = 35, 38
_MAX_VISIBLE_ROWS = 6
_TEXT_PIXELS, _SHARE_PIXELS = 300, 110  # leaves room for the other columns


def show_properties(row: Any, disagreement: float, other: str | None) -> None:
    """Show the properties of an example except its text.

    ``disagreement``: NaN if there is no other run. ``other``: the label of the only run to compare with.
    """
    properties = {
        "true label": f"{row['label']}, {format_percent(row['true_probability'])}%",
        "predicted": f"{row['predicted']}, {format_percent(row['confidence'])}%",
        "loss": format_number(row["loss"]),
        "disagreement": None if isnan(disagreement) else f"{format_percent(disagreement)}%",
        "length": f"{format_count(row['words'])} words",
        "truncated": None if row["truncated"] is None else format_setting(bool(row["truncated"])),
        f"{other} predicted": row.get("other"),
        "flip": row.get("flip"),
    }
    extra = row["extra"] or {}
    names = unique_names((name.replace("_", " ") for name in extra), properties)
    properties |= dict(zip(names, map(format_setting, extra.values()), strict=True))
    rows = [(name, value, help_for(name) or "") for name, value in properties.items() if value not in (None, "", DASH)]
    table = pd.DataFrame(rows, columns=["", "value", "description"])
    st.dataframe(table, hide_index=True, height="content")


def show_probabilities(probabilities: pd.DataFrame) -> None:
    """Show the probability of each label. ``probabilities``: label, probability."""
    _show_bars(probabilities, "probability")


def show_nearest(examples: pd.DataFrame) -> None:
    """Show similar training examples: text (exact), label, similarity."""
    _show_bars(sanitize_cells(examples), "similarity")


def show_other_predictions(predictions: pd.DataFrame) -> None:
    """Show the predictions of other runs on an example: run, predicted, confidence, is_correct."""
    outcome = ["correct" if is_correct else "wrong" for is_correct in predictions["is_correct"]]
    _show_bars(predictions[["run", "predicted", "confidence"]].assign(outcome=outcome), "confidence")


def show_word_weights(words: pd.DataFrame) -> None:
    """Show the weight of each word of a text for a label, in the order of the text."""
    config = {"weight": st.column_config.NumberColumn(format="%+.3f", help=help_for("weight"))}
    st.dataframe(words[["word", "weight"]], hide_index=True, height=240, column_config=config)


def _show_bars(table: pd.DataFrame, share: str) -> None:
    """Show a table of a few rows with a share as bars in percent."""
    title = f"{share}, %"
    column = st.column_config.ProgressColumn(
        min_value=0, max_value=100, format="%.1f", width=_SHARE_PIXELS, help=help_for(title)
    )
    cells = table.assign(**{share: table[share] * 100}).rename(columns={share: title})
    height = _HEAD_PIXELS + _ROW_PIXELS * min(len(cells), _MAX_VISIBLE_ROWS)
    config = {title: column, "text": st.column_config.TextColumn(width=_TEXT_PIXELS)}
    st.dataframe(cells, hide_index=True, height=height, column_config=config)
