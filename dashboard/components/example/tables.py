"""What is known of one example."""

from typing import Any

import pandas as pd
import streamlit as st

from core.text.formatting import DASH, format_count, format_number, format_percent, format_setting
from dashboard.components.glossary import help_for
from dashboard.components.table_cells import sanitize_cells
from dashboard.components.text import unique_names

ROW, HEAD = 35, 38  # pixels of a table's row and of its head
MOST_ROWS = 6


def example(row: Any, disagreement: float | None, other: str | None) -> None:
    """Show what is recorded of a judged example besides its text; ``other``: the run it is held against."""
    read = {True: "its beginning only", False: "whole"}
    said = {
        "true label": f"{row['label']}, {format_percent(row['true_probability'])} %",
        "predicted": f"{row['predicted']}, {format_percent(row['confidence'])} %",
        "loss": format_number(row["loss"]),
        "disagreement": None if disagreement is None else f"{format_percent(disagreement)} %",
        "length": f"{format_count(row['words'])} words",
        "the model read": None if row["truncated"] is None else read.get(bool(row["truncated"])),
        f"{other} said": row.get("other"),
        "flip": row.get("flip"),
    }
    extra = row["extra"] or {}
    names = unique_names((name.replace("_", " ") for name in extra), said)
    said |= dict(zip(names, map(format_setting, extra.values()), strict=True))
    rows = [(name, value, help_for(name) or "") for name, value in said.items() if value not in (None, "", DASH)]
    shown = pd.DataFrame(rows, columns=["", "value", "what it is"])
    st.dataframe(shown, hide_index=True, height="content")


def shares(frame: pd.DataFrame) -> None:
    """Show the probability of each label, the likeliest first. ``frame``: label, probability."""
    _bars(frame, "probability", "probability, %")


def nearest(frame: pd.DataFrame) -> None:
    """Show training examples with how many of their words they share: text, label, similarity."""
    _bars(frame, "similarity", "similarity, %")


def others(frame: pd.DataFrame) -> None:
    """Show what other runs said of an example: run, predicted, confidence, right."""
    shown = frame[["run", "predicted", "confidence"]].assign(
        right=["right" if one else "wrong" for one in frame["right"]]
    )
    _bars(shown.rename(columns={"right": "right or wrong"}), "confidence", "confidence, %")


def weights(frame: pd.DataFrame) -> None:
    """Show each word of a text with how much it speaks for a label, in the order of the text."""
    config = {"weight": st.column_config.NumberColumn(format="%+.3f", help=help_for("weight"))}
    st.dataframe(sanitize_cells(frame[["word", "weight"]]), hide_index=True, height=240, column_config=config)


def _bars(frame: pd.DataFrame, share: str, title: str) -> None:
    """Show a table with a share as a bar, no taller than a few rows."""
    config = {
        title: st.column_config.ProgressColumn(
            min_value=0, max_value=100, format="%.1f", width="small", help=help_for(title)
        )
    }
    shown = sanitize_cells(frame).assign(**{share: frame[share] * 100}).rename(columns={share: title})
    height = HEAD + ROW * min(len(shown), MOST_ROWS)
    st.dataframe(shown, hide_index=True, height=height, column_config=config)
