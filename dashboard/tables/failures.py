"""Tables of judged examples."""

import pandas as pd
import streamlit as st

from core.formatting import number, percent, setting
from dashboard.tables.cells import as_told, column, facts, told


def failures(frame: pd.DataFrame, key: str) -> int | None:
    """Show judged examples, a row each; return the position of the chosen one."""
    columns = {"text": "text", "label": "true", "predicted": "predicted", "confidence": "confidence"}
    columns |= {"flip": "flip", "other": "the other said"} if "flip" in frame else {}
    shown = frame[list(columns)].rename(columns=columns)
    event = st.dataframe(
        shown.assign(confidence=shown["confidence"] * 100),
        hide_index=True,
        height=440,
        key=key,
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "text": st.column_config.TextColumn(width="large"),
            "confidence": st.column_config.ProgressColumn(
                "confidence, %", min_value=0, max_value=100, format="%.1f", width="small"
            ),
        },
    )
    rows = [row for row in event["selection"]["rows"] if row < len(frame)]
    return rows[0] if rows else None


def example(row: pd.Series) -> None:
    """Show what is known of one judged example besides its text."""
    said = {
        "true label": row["label"],
        "predicted": f"{row['predicted']}, {percent(row['confidence'])} %",
        "probability of the true label": f"{percent(row['true_probability'])} %",
        "the other run said": row.get("other"),
        "flip": row.get("flip"),
    }
    facts(said | {name.replace("_", " "): setting(value) for name, value in (row["extra"] or {}).items()})


def suspects(frame: pd.DataFrame) -> None:
    """Show examples whose label is in doubt, with how far the raters were apart where that is known."""
    shown = frame[["text", "label", "suggested"]].rename(columns={"suggested": "suggested label"})
    shown["quality of the label, %"] = column(told(percent, frame["quality"]))
    if "deviation" in frame:
        shown["deviation of the raters"] = column(told(number, frame["deviation"]))
    st.dataframe(as_told(shown), hide_index=True, column_config={"text": st.column_config.TextColumn(width="large")})
