"""Tables of the data: balance, lengths, flawed rows and examples."""

import pandas as pd
import streamlit as st

from core.formatting import count, percent, setting
from dashboard.tables.cells import static


def balance(shown: pd.DataFrame) -> None:
    """Show count and share of each class, a row a split."""
    cells = shown.assign(cell=list(map(_cell, shown["count"], shown["share"])))
    wide = cells.pivot(index="split", columns="label", values="cell")
    wide = wide.loc[list(dict.fromkeys(shown["split"])), list(dict.fromkeys(shown["label"]))].reset_index()
    static(wide, numbers=wide.columns[1:])


def _cell(number: float, share: float) -> str:
    return f"{count(number)} ({percent(share)} %)"


def lengths(shown: pd.DataFrame) -> None:
    """Show how long the texts of each class are, in characters."""
    figures = [name for name in shown if name != "label"]
    static(shown.assign(**{name: list(map(count, shown[name])) for name in figures}), numbers=figures)


def flawed(frame: pd.DataFrame) -> None:
    """Show rows of the data that something is the matter with."""
    if "similarity" in frame:
        frame = frame.assign(similarity=[f"{percent(share)} %" for share in frame["similarity"]])
    texts = {
        name: st.column_config.TextColumn(width="large") for name in ("test text", "twin", "text") if name in frame
    }
    st.dataframe(frame, hide_index=True, column_config=texts)


def examples(shown: pd.DataFrame) -> None:
    """Show examples, a row each, with the source's other columns."""
    extra = pd.json_normalize(shown["extra"].tolist()).map(setting)
    frame = shown[["split", "label", "text", "length"]].rename(columns={"length": "characters"})
    extra = extra[[name for name in extra if name not in frame]]
    wide = {"text": st.column_config.TextColumn(width="large")}
    st.dataframe(pd.concat([frame, extra], axis=1), hide_index=True, height=440, column_config=wide)
