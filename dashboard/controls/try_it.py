"""Choices on the page where a run is tried, and what was tried so far."""

import pandas as pd
import streamlit as st

from dashboard import data
from dashboard.state import test_set


def write_text() -> str:
    """Draw the box to write a text in; ready with the example that the address names, else with a test example."""
    example = st.query_params.get("example", "")
    ready = data.example_text(test_set(), example) or data.sample_text(test_set())
    return str(st.text_area("Text", ready, height=120, key=f"text {test_set()} {example}", max_chars=20_000))


def remember_answers(text: str, answers: dict[str, str]) -> pd.DataFrame:
    """Add what was answered to the session's history; return it, the newest first."""
    history: list[dict[str, str]] = st.session_state.setdefault("tried", [])
    entry = {"text": text, **answers}
    if entry not in history:
        history.insert(0, entry)
    return pd.DataFrame(history).fillna("")
