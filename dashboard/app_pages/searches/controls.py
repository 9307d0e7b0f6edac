"""Choices on the Searches page; all are URL parameters."""

from collections.abc import Sequence

import streamlit as st


def pick_search(names: Sequence[str]) -> str:
    """Draw the picker of a search if there are several; return its name."""
    if len(names) == 1:
        return names[0]
    return str(st.selectbox("Search", list(names), key="study", bind="query-params", width=420))


def choose_parameter(names: Sequence[str]) -> str:
    """Draw the choice of a parameter, the first by default."""
    return str(st.selectbox("Parameter", list(names), key="parameter", bind="query-params", width=260))
