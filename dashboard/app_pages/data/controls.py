"""Choices on the page of the data."""

import streamlit as st


def pick_version(versions: dict[int, str]) -> int:
    """Draw the choice between data sets that share a test set, where there are several."""
    if len(versions) == 1:
        return next(iter(versions))
    return int(
        st.selectbox("Version", list(versions), format_func=versions.__getitem__, key="version", bind="query-params")
    )
