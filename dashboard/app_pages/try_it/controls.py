"""Controls of the Try it page, and the history of the session."""

import streamlit as st

from dashboard import data
from dashboard.app_pages.try_it.view_data import HistoryEntry, add_entry
from dashboard.components.glossary import help_for
from dashboard.state import test_set

MAX_OTHER_RUNS = 3
MAX_LENGTH = 20_000  # characters
MAX_URL_LENGTH = 1_000  # browsers and chats cut longer URLs
_REQUESTED = "predicted text"


def enter_text() -> tuple[str, bool]:
    """Draw the text box with its Predict button; return the text, and whether its prediction was requested.

    The box is filled from the URL, else with a test example. A text in the URL is predicted at once.
    """
    example = st.query_params.get("example", "")
    initial = st.query_params.get("text") or data.example_text(example) or data.sample_text(test_set())
    key = f"text {test_set()} {example}"
    with st.form("text", border=False):
        text = str(st.text_area("Text", initial[:MAX_LENGTH], height=120, key=key, max_chars=MAX_LENGTH))
        st.form_submit_button(
            "Predict", type="primary", icon=":material/play_arrow:", on_click=_save_text, args=(key,), key="predict"
        )
    return text, text in (st.query_params.get("text"), st.session_state.get(_REQUESTED))


def _save_text(key: str) -> None:
    text = st.session_state[_REQUESTED] = str(st.session_state[key])
    if text and len(text) <= MAX_URL_LENGTH:
        st.query_params["text"] = text
    else:
        st.query_params.pop("text", None)


def show_word_importance() -> bool:
    """Draw the switch that shows the word importance."""
    return st.toggle("Word importance", key="weights", bind="query-params", help=help_for("word importance"))


def add_to_history(entry: HistoryEntry) -> list[HistoryEntry]:
    """Add a text with its predictions to the session's history; return it, newest first."""
    history = add_entry(st.session_state.get("tried", []), entry)
    st.session_state["tried"] = history
    return history
