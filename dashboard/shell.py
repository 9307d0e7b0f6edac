"""The frame of every page: navigation, the picker of the data set, and the footer."""

from contextlib import suppress
from pathlib import Path

import streamlit as st

from core.errors import RequestError
from dashboard import access, data
from dashboard.components import active_runs, feedback, pickers
from dashboard.components.links import PAGES
from dashboard.components.safe_text import escape_markdown

st.set_page_config(
    page_title="Adapter Bench",
    page_icon=str(Path(__file__).with_name("icon.svg")),
    layout="wide",
)
# Streamlit's own margins leave an empty band above the title and at the sides; its captions, and in the dark theme the
# texts on its accent color, have too little contrast.
STYLE = """
[data-testid='stMainBlockContainer'] {padding: 3.75rem clamp(1rem, 3vw, 3rem) 3rem}
[data-testid='stCaptionContainer'] {color: inherit; opacity: 0.8}
.st-key-selection {min-height: 2.6rem; justify-content: center}
.st-key-headline-0 {min-height: 9.5rem}
.st-key-headline-1 {min-height: 16.5rem}
.st-key-headline-2 {min-height: 20rem}
"""
DARK_STYLE = "[data-testid^='stBaseButton-primary'], [data-testid='stMultiSelect'] span[title] {color: #0B1117}"
st.html(f"<style>{STYLE}{DARK_STYLE if st.context.theme.type == 'dark' else ''}</style>")


def show_frame() -> None:
    """Show the name of the project, the picker of the data set and the user, in one row above the page."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**Adapter Bench**", width="content")
        if not data.is_empty() and not data.test_sets().empty:
            pickers.pick_test_set()
            active_runs.show_status(active_runs.complete_runs())
        access.show_user()


def show_footer() -> None:
    """Show the database, the number of runs and the version."""
    st.caption(escape_markdown(f"{data.address()} · {data.footer(st.session_state.get('test_set'))}"))


try:
    visitor = access.visitor()
except RequestError as error:
    feedback.show_error(error)
    st.stop()

page = st.navigation(
    [
        st.Page(PAGES["runs"], title="Runs", icon=":material/table_rows:", default=True),
        st.Page(PAGES["run"], title="Run", icon=":material/description:", url_path="run"),
        st.Page(PAGES["compare"], title="Compare", icon=":material/compare_arrows:", url_path="compare"),
        st.Page(PAGES["failures"], title="Failures", icon=":material/error_outline:", url_path="failures"),
        st.Page(PAGES["data"], title="Data", icon=":material/dataset:", url_path="data"),
        st.Page(PAGES["searches"], title="Searches", icon=":material/tune:", url_path="searches"),
        st.Page(PAGES["try_it"], title="Try it", icon=":material/play_arrow:", url_path="try"),
    ],
    position="top" if visitor.may_see else "hidden",
)
if not visitor.may_see:  # before anything is read from the database
    access.refuse(visitor)
    st.stop()


def run_page() -> None:
    """Show the frame and the page, or the error that prevents it."""
    try:
        show_frame()
        feedback.show_toast()
        page.run()
    except RequestError as error:
        feedback.show_error(error)


try:
    run_page()
finally:  # also if the page stops early
    with suppress(RequestError):  # of an unreadable database, which the page has shown
        show_footer()
