"""Choices on the page of the failures."""

import streamlit as st

from dashboard.frames import failures as frames
from dashboard.state import ANY, DOUBT, MISTAKES, clicked_cell


def choose_view() -> str:
    """Draw the choice of what to list: mistakes, or labels in doubt; it stands in the address."""
    views = [MISTAKES, DOUBT]
    choice = st.segmented_control("Show", views, default=MISTAKES, required=True, key="view", bind="query-params")
    return str(choice)


def confidence_range() -> tuple[int, int]:
    """Draw the range of confidence, in percent."""
    low, high = st.slider("Confidence, %", *frames.FULL_RANGE, frames.FULL_RANGE, key="confidence")
    return int(low), int(high)


def filter_by_cell() -> None:
    """Set the filters of true and predicted label to the cell that was clicked, or lift them."""
    st.session_state["true"], st.session_state["predicted"] = clicked_cell("matrix") or (ANY, ANY)
