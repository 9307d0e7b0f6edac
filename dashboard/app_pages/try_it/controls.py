"""Choices on the page where runs are tried, and what was tried so far."""

import streamlit as st

from dashboard import data
from dashboard.app_pages.try_it.view_data import Tried
from dashboard.state import test_set

MOST_BESIDE = 3
MOST_TRIED = 50
LONGEST = 20_000  # characters
LONGEST_IN_ADDRESS = 1_000  # longer ones make addresses that browsers and chats cut off


def write_text() -> str:
    """Draw the box to write a text in; ready with what the address holds, else with a test example."""
    example = st.query_params.get("example", "")
    ready = (st.query_params.get("text") or data.example_text(example) or data.sample_text(test_set()))[:LONGEST]
    key = f"text {test_set()} {example}"
    return str(st.text_area("Text", ready, height=120, key=key, max_chars=LONGEST, on_change=_keep_text, args=(key,)))


def _keep_text(key: str) -> None:
    written = str(st.session_state[key])
    if written and len(written) <= LONGEST_IN_ADDRESS:
        st.query_params["text"] = written
    else:
        st.query_params.pop("text", None)


def asks_for_words() -> bool:
    """Draw the choice of being shown on which words the answer rests."""
    return st.toggle(
        "Which words it rests on",
        key="weights",
        bind="query-params",
        help="Each word is left out in turn: the more the answer's log-odds fall, the more it rests on that word.",
    )


def remember(tried: Tried) -> list[Tried]:
    """Add what was tried to the session's history; return it, the newest first.

    A text that was tried before moves to the front, with what other runs said of it then.
    """
    history: list[Tried] = st.session_state.get("tried", [])
    earlier = next((one.answers for one in history if one.text == tried.text), {})
    others = [one for one in history if one.text != tried.text]
    history = [Tried(tried.text, {**earlier, **tried.answers}), *others][:MOST_TRIED]
    st.session_state["tried"] = history
    return history
