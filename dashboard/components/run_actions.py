"""Archive, delete and restore runs, with undo."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from dashboard import access, data, state
from dashboard.components import feedback
from dashboard.components.configurations import seeds_left
from dashboard.components.safe_text import show_text
from dashboard.components.text import mean_changes, runs_changed

_ARCHIVED, _TRASHED, _RESTORED = "archived", "moved to the trash", "restored"


def archive(ids: list[int]) -> None:
    """Archive runs; a button's callback."""
    _move(ids, _ARCHIVED, lambda: data.archive_runs(ids))


def unarchive(ids: list[int]) -> None:
    """Unarchive runs; a button's callback."""
    _move(ids, _RESTORED, lambda: data.archive_runs(ids, archived=False))


def trash(ids: list[int]) -> None:
    """Move runs to the trash; a button's callback."""
    _move(ids, _TRASHED, lambda: data.trash_runs(ids))


def restore(ids: list[int]) -> None:
    """Restore runs from the trash; a button's callback."""
    _move(ids, _RESTORED, lambda: data.restore_runs(ids))


def _move(ids: list[int], status: str, action: Callable[[], None]) -> None:
    def move() -> None:
        action()
        st.session_state["moved"] = (status, ids, mean_changes(seeds_left(ids)))
        state.deselect_runs(ids)

    change_runs(move)


def change_runs(action: Callable[..., None], *args: Any, done: str = "") -> None:
    """Run an action on runs, and let the page rerun, not only the fragment with the button."""
    feedback.run_action(action, *args, done=done)
    st.session_state["changed"] = True


def refresh_page_if_changed() -> None:
    """Rerun the page after an action in a fragment."""
    if st.session_state.pop("changed", False):
        st.rerun()


def draw_button(label: str, icon: str, action: Callable[[list[int]], None], ids: list[int], **kwargs: Any) -> None:
    """Draw the button of an action, for users who may make changes; ``kwargs``: as for `st.button`."""
    # No keyboard shortcut: pressed by accident, it would remove runs.
    if access.may_change():
        st.button(label, icon=icon, on_click=action, args=(ids,), key=label.lower(), **kwargs)


def offer_undo() -> None:
    """Show what happened to the runs of the last action, with an Undo button, until it is closed."""
    status, ids, note = st.session_state.get("moved", ("", [], ""))
    if not ids:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="undo bar"):
        show_text(f"{runs_changed(len(ids), status)} {note}".strip(), width="content")
        if status in (_ARCHIVED, _TRASHED) and access.may_change():
            st.button("Undo", icon=":material/undo:", shortcut="U", on_click=_undo, key="undo")
        st.button("Close", type="tertiary", icon=":material/close:", on_click=close_undo, key="close undo")


def _undo() -> None:
    status, ids, _ = st.session_state["moved"]
    if status == _ARCHIVED:
        unarchive(ids)
    else:
        restore(ids)


def close_undo() -> None:
    """Close the Undo bar."""
    st.session_state.pop("moved", None)
