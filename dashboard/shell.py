"""The frame of every page: navigation, the picker of the test set, and the sidebar's footer."""

from pathlib import Path

import streamlit as st

from core.errors import RequestError
from dashboard import access, data
from dashboard.components import feedback, pickers
from dashboard.components.links import PAGES
from dashboard.components.safe_text import escape_markdown

st.set_page_config(
    page_title="Adapter Bench",
    page_icon=str(Path(__file__).with_name("icon.svg")),
    layout="wide",
    initial_sidebar_state=230,
)
# Streamlit's own margins leave an empty band above the title and at the sides.
st.html("<style>[data-testid='stMainBlockContainer'] {padding: 3.75rem clamp(1rem, 3vw, 3rem) 3rem}</style>")


def show_footer() -> None:
    """Show the database, the number of runs, the version and the user."""
    st.sidebar.caption(escape_markdown(data.address()))
    st.sidebar.caption(data.footer(st.session_state.get("test_set")))
    access.show_user()


try:
    visitor = access.visitor()
except RequestError as error:
    feedback.show_error(error)
    st.stop()

page = st.navigation(
    {
        "Results": [
            st.Page(PAGES["runs"], title="Runs", icon=":material/table_rows:", default=True),
            st.Page(PAGES["run"], title="Run", icon=":material/description:", url_path="run"),
            st.Page(PAGES["compare"], title="Compare", icon=":material/compare_arrows:", url_path="compare"),
            st.Page(PAGES["failures"], title="Failures", icon=":material/error_outline:", url_path="failures"),
        ],
        "Data": [st.Page(PAGES["data"], title="Data", icon=":material/dataset:", url_path="data")],
        "Use": [st.Page(PAGES["try_it"], title="Try it", icon=":material/play_arrow:", url_path="try")],
    },
    position="sidebar" if visitor.may_see else "hidden",
)
if not visitor.may_see:  # before anything is read from the database
    access.refuse(visitor)
    st.stop()

try:
    if not data.is_empty():
        pickers.pick_test_set()
    show_footer()
    feedback.show_toast()
    page.run()
except RequestError as error:
    feedback.show_error(error)
