"""The dashboard's frame: navigation, the choice of test set, and what database is shown."""

from pathlib import Path

import streamlit as st

from core.errors import RequestError
from dashboard import access, data
from dashboard.components import feedback, links, pickers
from dashboard.components.safe_text import escape_markdown

st.set_page_config(
    page_title="Adapter Bench",
    page_icon=str(Path(__file__).with_name("icon.svg")),
    layout="wide",
    initial_sidebar_state=230,
)

try:
    who = access.visitor()
except RequestError as error:
    feedback.show_error(error)
    st.stop()

page = st.navigation(
    {
        "Results": [
            st.Page(links.PAGES["runs"], title="Runs", icon=":material/table_rows:", default=True),
            st.Page(links.PAGES["run"], url_path="run", title="Run", icon=":material/description:"),
            st.Page(links.PAGES["compare"], url_path="compare", title="Compare", icon=":material/compare_arrows:"),
            st.Page(links.PAGES["failures"], url_path="failures", title="Failures", icon=":material/error_outline:"),
        ],
        "Data": [st.Page(links.PAGES["data"], url_path="data", title="Data", icon=":material/dataset:")],
        "Use": [st.Page(links.PAGES["try_it"], title="Try it", icon=":material/play_arrow:", url_path="try")],
    },
    position="sidebar" if who.sees else "hidden",
)
if not who.sees:  # nothing of the record is read before
    access.refuse(who)
    st.stop()


def show_foot() -> None:
    """Say at the foot of the sidebar what database is shown."""
    st.sidebar.caption(escape_markdown(data.address()))
    st.sidebar.caption(data.footer())
    access.show_who()


try:
    if not data.is_empty():
        pickers.pick_test_set()
    show_foot()
    feedback.show_toast()
    page.run()
except RequestError as error:
    feedback.show_error(error)
