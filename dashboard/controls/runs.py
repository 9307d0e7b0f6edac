"""Choices on the page of all runs."""

import pandas as pd
import streamlit as st

from dashboard.frames import runs as frames


def narrowed(runs: pd.DataFrame) -> pd.DataFrame:
    """Draw the filters of the table of runs; return the runs that pass."""
    titles = {"state": "Status", "title": "Method", "kind": "Kind", "model": "Model"}
    first, *columns = st.columns([3, 2, 2, 2, 2])
    words = first.text_input("Search", key="search", icon=":material/search:", persist_state="session")
    chosen = {
        name: column.multiselect(
            title, sorted(runs[name].unique()), key=f"only {name}", placeholder="all", persist_state="session"
        )
        for column, (name, title) in zip(columns, titles.items(), strict=True)
    }
    return frames.narrowed(runs, words or "", chosen)


def group_seeds() -> bool:
    """Draw the choice of one line for runs that differ in nothing but the seed."""
    return st.toggle(
        "Group seeds", key="seeds", bind="query-params", help="Runs that differ only in the seed: one line."
    )
