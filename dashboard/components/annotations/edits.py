"""Changes of annotations as callbacks of widgets; the last one can be undone."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard import access, data
from dashboard.components import feedback

_EARLIER = "earlier annotations"


def annotate(changes: Mapping[str, Mapping[str, str | None]], done: str) -> None:
    """Set annotation fields; as for `data.annotate`. ``done``: the message on success."""
    _change(lambda: data.annotate(changes), done)


def annotate_alike(texts: Sequence[str], done: str, **changes: Any) -> None:
    """Annotate several texts alike; ``changes``: as for `data.annotate_alike`."""
    _change(lambda: data.annotate_alike(texts, **changes), done)


def _change(action: Callable[[], Mapping[str, Mapping[str, str | None]]], done: str) -> None:
    def change() -> None:
        earlier = action()
        if earlier:
            st.session_state[_EARLIER] = earlier

    feedback.run_action(change, done=done)


def show_undo_button() -> None:
    """Draw the button that undoes the last change of annotations in this session, if there is one."""
    if _EARLIER in st.session_state and access.may_change():
        st.button("Undo", icon=":material/undo:", shortcut="U", on_click=_undo, key="undo annotation")


def _undo() -> None:
    def undo() -> None:
        data.annotate(st.session_state[_EARLIER])
        del st.session_state[_EARLIER]

    feedback.run_action(undo, done="Change undone.")
