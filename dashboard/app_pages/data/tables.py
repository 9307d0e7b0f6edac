"""Tables of the data: class balance, text lengths, flagged rows and examples."""

from typing import Any

import pandas as pd
import streamlit as st

from core.catalog.figures import FIGURES
from core.text.formatting import DASH, format_count, format_number, format_percent
from core.text.sanitize import escape_invisible
from dashboard.components.table_cells import cell_column, column_config, format_cells, sanitize_cells, style_cells
from dashboard.components.text import unique_names

_ROWS_WITHOUT_SCROLLING = 12
_LONG_TEXTS = ("test text", "duplicate", "text")


def show_balance(balance: pd.DataFrame) -> None:
    """Show count and share of each class, a row per class and a column per split."""
    cells = pd.DataFrame({"label": list(dict.fromkeys(balance["label"]))})
    for split, rows in balance.groupby("split", sort=False):
        by_label = rows.set_index("label").reindex(cells["label"])
        cells[str(split)] = cell_column(format_cells(_format_count_and_share, by_label["count"], by_label["share"]))
    _show_classes(cells)


def _format_count_and_share(count: float, share: float) -> str:
    return f"{FIGURES['count'].format(count)} ({FIGURES['share'].format(share)}%)"


def show_lengths(lengths: pd.DataFrame) -> None:
    """Show the lengths of texts in characters, a row per class."""
    lengths = lengths.reset_index(drop=True)  # the rows may be a selection
    columns = [name for name in lengths if name != "label"]
    _show_classes(lengths.assign(**{name: cell_column(format_cells(format_count, lengths[name])) for name in columns}))


def _show_classes(cells: pd.DataFrame) -> None:
    height: Any = "content" if len(cells) <= _ROWS_WITHOUT_SCROLLING else 440
    config = column_config(cells, cells.columns[1:])
    st.dataframe(style_cells(cells), hide_index=True, height=height, column_config=config)


def format_rare_classes(rare: pd.DataFrame) -> pd.DataFrame:
    """Return a row per rare class. ``rare``: label, count, share and half (half the width of the interval of F1)."""
    return pd.DataFrame(
        {
            "label": rare["label"],
            "test examples": list(map(format_count, rare["count"])),
            "test share": [f"{format_percent(share)}%" for share in rare["share"]],
            "F1 interval": [DASH if half != half else f"±{format_percent(half)}" for half in rare["half"]],
        }
    )


def show_flagged(rows: pd.DataFrame) -> None:
    """Show rows that a data quality check flagged; their texts are exact."""
    if "similarity" in rows:
        rows = rows.assign(similarity=[f"{format_percent(share)}%" for share in rows["similarity"]])
    long_texts = {name: st.column_config.TextColumn(width="large") for name in _LONG_TEXTS if name in rows}
    config = column_config(rows) | long_texts
    st.dataframe(sanitize_cells(rows), hide_index=True, column_config=config, lazy=True)


def show_examples(examples: pd.DataFrame, source: pd.DataFrame) -> None:
    """Show examples with the source's other columns; the browser gets only the rows in view."""
    columns = examples[["split", "label", "text", "length"]].rename(columns={"length": "characters"})
    columns["text"] = list(map(escape_invisible, columns["text"]))
    names = unique_names((str(name).replace("_", " ") for name in source), columns)
    table = pd.concat([columns.reset_index(drop=True), source.set_axis(names, axis=1).reset_index(drop=True)], axis=1)
    config = column_config(table) | {"text": st.column_config.TextColumn(width="large")}
    st.dataframe(table, hide_index=True, height=440, column_config=config, lazy=True, placeholder=DASH)


def show_disputed(examples: pd.DataFrame) -> None:
    """Show the examples with the highest rating SD. ``examples``: split, label, text, deviation."""
    table = examples[["label", "split", "text"]].copy()
    table.insert(1, "rating SD", cell_column(format_cells(format_number, examples["deviation"])))
    config = column_config(table, ["rating SD"]) | {"text": st.column_config.TextColumn(width="large")}
    st.dataframe(style_cells(table), hide_index=True, height=320, column_config=config)
