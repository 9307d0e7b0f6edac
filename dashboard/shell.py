"""The dashboard's frame: navigation, the choice of test set, and what database is shown."""

from pathlib import Path

import streamlit as st

from core.errors import RequestError
from dashboard import access, data, state
from dashboard.components.text import plain

st.set_page_config(
    page_title="Adapter Bench",
    page_icon=str(Path(__file__).with_name("icon.svg")),
    layout="wide",
    initial_sidebar_state=230,
)

try:
    who = access.visitor()
except RequestError as error:
    state.broken(error)
    st.stop()

page = st.navigation(
    {
        "Results": [
            st.Page(state.PAGES["runs"], title="Runs", icon=":material/table_rows:", default=True),
            st.Page(state.PAGES["run"], url_path="run", title="Run", icon=":material/description:"),
            st.Page(state.PAGES["compare"], url_path="compare", title="Compare", icon=":material/compare_arrows:"),
            st.Page(state.PAGES["failures"], url_path="failures", title="Failures", icon=":material/error_outline:"),
        ],
        "Data": [st.Page(state.PAGES["data"], url_path="data", title="Data", icon=":material/dataset:")],
        "Use": [st.Page(state.PAGES["try_it"], title="Try it", icon=":material/play_arrow:", url_path="try")],
    },
    position="sidebar" if who.sees else "hidden",
)
if not who.sees:  # nothing of the record is read before
    access.refuse(who)
    st.stop()


def show_foot() -> None:
    """Say at the foot of the sidebar what database is shown."""
    st.sidebar.caption(plain(data.address()))
    st.sidebar.caption(data.foot())
    access.show_who()


try:
    if not data.is_empty():
        state.choose_test_set()
    show_foot()
    state.tell()
    page.run()
except RequestError as error:
    state.broken(error)
