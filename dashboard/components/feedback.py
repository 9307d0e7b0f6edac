"""Outcomes of actions, error messages, and the empty state of a page."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

import streamlit as st

from core.errors import RequestError
from dashboard import access, data
from dashboard.components.safe_text import escape_markdown, show_code

FIRST_RUN = "--r 8 --epochs 2"
P = ParamSpec("P")
R = TypeVar("R")


def run_action(action: Callable[..., Any], *args: Any, done: str | Callable[[Any], str] = "", **kwargs: Any) -> None:
    """Call an action as a widget's callback; `show_toast` reports the outcome in the next run of the script.

    ``done``: the message on success, or a function that returns it from the action's result.
    """
    try:
        result = action(*args, **kwargs)
    except RequestError as error:
        st.session_state["toast"] = (str(error), ":material/error:")
    else:
        message = done if isinstance(done, str) else done(result)
        if message:
            st.session_state["toast"] = (message, ":material/check:")


def show_toast() -> None:
    """Show the outcome of the last action, once."""
    message, icon = st.session_state.pop("toast", ("", None))
    if message:
        st.toast(escape_markdown(message), icon=icon, duration="long")


def show_error(error: RequestError) -> None:
    """Show an error's message on the page."""
    st.error(escape_markdown(error), icon=":material/error:")


def safe_fragment(run_every: str | None = None) -> Callable[[Callable[P, R]], Callable[P, R | None]]:
    """Decorate a function as a Streamlit fragment that checks access and shows errors itself.

    A fragment reruns without the rest of the script, so `shell` catches none of its errors.
    ``run_every``: the interval of automatic reruns, such as ``2s``; None for none.
    """

    def decorate(draw: Callable[P, R]) -> Callable[P, R | None]:
        @wraps(draw)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R | None:
            try:
                access.check_may_see()
                return draw(*args, **kwargs)
            except RequestError as error:
                show_error(error)
                return None

        return cast(Callable[P, R | None], st.fragment(checked, run_every=run_every))

    return decorate


def stop_if_empty(purpose: str) -> None:
    """If no run is recorded yet, show the purpose of the page and the command of a first run, and stop the page."""
    if data.is_empty() or data.test_sets().empty:
        st.info(escape_markdown(f"No runs in {data.address()} yet. {purpose}"), icon=":material/info:")
        st.text("Train a first adapter and its baselines on the bundled reviews; it takes a few minutes:")
        show_code(data.command(FIRST_RUN))
        st.stop()
