"""Tables of the data: balance, lengths, flawed rows and examples."""

from typing import Any

import pandas as pd
import streamlit as st

from core.text.formatting import DASH, format_count, format_number, format_percent
from core.text.sanitize import escape_invisible
from dashboard.components.table_cells import cell_column, column_config, format_cells, sanitize_cells, style_cells
from dashboard.components.text import unique_names

ROWS_WITHOUT_SCROLLING = 12


def balance(shown: pd.DataFrame) -> None:
    """Show count and share of each class in each split, a row a class."""
    wide = pd.DataFrame({"label": list(dict.fromkeys(shown["label"]))})
    for split, own in shown.groupby("split", sort=False):
        found = own.set_index("label").reindex(wide["label"])
        wide[str(split)] = cell_column(format_cells(_cell, found["count"], found["share"]))
    _many(wide, numbers=wide.columns[1:])


def _cell(number: float, share: float) -> str:
    return f"{format_count(number)} ({format_percent(share)} %)"


def lengths(shown: pd.DataFrame) -> None:
    """Show how long the texts of each class are, in characters."""
    figures = [name for name in shown if name != "label"]
    cells = {name: cell_column(format_cells(format_count, shown[name])) for name in figures}
    _many(shown.assign(**cells), numbers=figures)


def _many(shown: pd.DataFrame, numbers: Any) -> None:
    """Show a table as told, sorted by a click; one of many rows scrolls."""
    height: Any = "content" if len(shown) <= ROWS_WITHOUT_SCROLLING else 440
    st.dataframe(style_cells(shown), hide_index=True, height=height, column_config=column_config(shown, numbers))


def flawed(frame: pd.DataFrame) -> None:
    """Show rows of the data that something is the matter with."""
    if "similarity" in frame:
        frame = frame.assign(similarity=[f"{format_percent(share)} %" for share in frame["similarity"]])
    texts = {
        name: st.column_config.TextColumn(width="large") for name in ("test text", "twin", "text") if name in frame
    }
    shown = sanitize_cells(frame)
    st.dataframe(shown, hide_index=True, column_config=column_config(frame) | texts, lazy=True)


def examples(shown: pd.DataFrame, extra: pd.DataFrame) -> None:
    """Show examples, a row each, with the source's other columns; only what is looked at is sent."""
    frame = shown[["split", "label", "text", "length"]].rename(columns={"length": "characters"})
    frame["text"] = list(map(escape_invisible, frame["text"]))
    more = extra.set_axis(unique_names((str(name).replace("_", " ") for name in extra), frame), axis=1)
    both = pd.concat([frame.reset_index(drop=True), more.reset_index(drop=True)], axis=1)
    wide = column_config(both) | {"text": st.column_config.TextColumn(width="large")}
    st.dataframe(both, hide_index=True, height=440, column_config=wide, lazy=True, placeholder=DASH)


def disputed(shown: pd.DataFrame) -> None:
    """Show the texts that the raters judged most differently. ``shown``: split, label, text, deviation."""
    frame = shown[["label", "split", "text"]].copy()
    frame.insert(1, "deviation of the raters", cell_column(format_cells(format_number, shown["deviation"])))
    wide = column_config(frame, ["deviation of the raters"]) | {"text": st.column_config.TextColumn(width="large")}
    st.dataframe(style_cells(frame), hide_index=True, height=320, column_config=wide)
