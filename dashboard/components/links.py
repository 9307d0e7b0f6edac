"""Links between pages; the test set and the selected runs are part of the URL."""

from typing import Any
from urllib.parse import urlencode

import streamlit as st

from dashboard import state
from dashboard.components.filters import MISTAKES

PAGES = {
    name: f"app_pages/{name}/page.py" for name in ("runs", "run", "compare", "failures", "data", "searches", "try_it")
}

_LIST_FILTERS = {"true", "predicted", "flip"}
"""Parameters of the Failures page that filter its list of predictions."""


def run_address(run_id: int) -> str:
    """Return the relative URL of the Run page of a run."""
    return f"run?{urlencode(_query_params('run', {'run': run_id}))}"


def page_link(page: str, label: str, icon: str | None = None, **parameters: Any) -> None:
    """Draw a link to a page with the test set and further parameters in its URL."""
    st.page_link(PAGES[page], label=label, icon=icon, query_params=_query_params(page, parameters))


def run_links(run: int, against: int | list[int] | None = None, *, on_run_page: bool = False) -> None:
    """Draw links from a run to the pages that show it; ``on_run_page`` leaves out the link to the Run page."""
    with st.container(horizontal=True):
        if not on_run_page:
            page_link("run", "Open run", ":material/description:", run=run)
        page_link("compare", "Compare", ":material/compare_arrows:", run=run, against=against)
        page_link("failures", "See failures", ":material/error_outline:", run=run, against=against)
        page_link("try_it", "Try it", ":material/play_arrow:", run=run)


def open_page(page: str, **parameters: Any) -> None:
    """Switch to a page with the test set and further parameters in its URL."""
    st.switch_page(PAGES[page], query_params=_query_params(page, parameters))


def _query_params(page: str, parameters: dict[str, Any]) -> dict[str, str]:
    if page == "failures" and not _LIST_FILTERS.isdisjoint(parameters):
        parameters = {"view": MISTAKES, **parameters}  # the last view of the session may ignore the filters
    return {
        key: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for key, value in {"dataset": state.test_set(), **parameters}.items()
        if value is not None
    }
