"""What is done with ticked runs: compare, open, name, archive, delete, and take it back again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import access, data, state
from dashboard.app_pages.runs import text as words
from dashboard.components import feedback, links
from dashboard.components.safe_text import show_text

_ARCHIVED, _TRASHED = "in the archive", "in the trash"


# --- What can be done -------------------------------------------------------------------------------


def act_on_active(chosen: pd.DataFrame, tags: list[str]) -> None:
    """Draw what can be done with ticked runs that are at hand; ``tags``: all that are in use."""
    with _bar(chosen) as ids:
        _links(ids)
        if len(ids) == 1 and access.may_change():
            _edit(ids[0], tags)
        _button("Archive", ":material/archive:", archive, ids)
        _button("Delete", ":material/delete:", delete, ids)


def act_on_archived(chosen: pd.DataFrame, _: list[str]) -> None:
    """Draw what can be done with ticked runs of the archive."""
    with _bar(chosen) as ids:
        _links(ids)
        _button("Take out of the archive", ":material/unarchive:", unarchive, ids)
        _button("Delete", ":material/delete:", delete, ids)


def act_on_trash(chosen: pd.DataFrame, _: list[str]) -> None:
    """Draw what can be done with ticked runs of the trash."""
    with _bar(chosen) as ids:
        _button("Restore", ":material/restore_from_trash:", restore, ids)
        if access.may_change() and st.button(
            "Delete for good …", icon=":material/delete_forever:", key="delete for good"
        ):
            _confirm(chosen)


ACTIONS = {"active": act_on_active, "archived": act_on_archived, "trash": act_on_trash}
"""By what the page shows."""


@contextmanager
def _bar(chosen: pd.DataFrame) -> Iterator[list[int]]:
    """Draw what can be done with ticked runs in a row, and last the way to untick them; give their numbers."""
    with st.container(horizontal=True, vertical_alignment="center"):
        yield [int(number) for number in chosen["id"]]
        st.button("Untick all", type="tertiary", on_click=state.select_runs, args=([],), key="untick")


def _links(ids: list[int]) -> None:
    if len(ids) > 1:
        links.page_link("compare", "Compare", ":material/compare_arrows:", run=ids[0], against=ids[1:])
    if len(ids) <= 2:
        against = ids[1] if len(ids) == 2 else None
        links.page_link("failures", "Failures", ":material/error_outline:", run=ids[0], against=against)
    for number in ids[:4]:
        links.page_link("run", f"Open #{number}", ":material/description:", run=number)


def _button(label: str, icon: str, action: Callable[[list[int]], None], ids: list[int]) -> None:
    # Without a key to press: one that is hit by accident would take runs away.
    if access.may_change():
        st.button(label, icon=icon, on_click=action, args=(ids,), key=f"do {label}")


# --- Callbacks --------------------------------------------------------------------------------------


def archive(ids: list[int]) -> None:
    """Put runs into the archive, as a callback."""
    _move(ids, _ARCHIVED, lambda: data.archive_runs(ids))


def unarchive(ids: list[int]) -> None:
    """Take runs out of the archive, as a callback."""
    _move(ids, "at hand again", lambda: data.archive_runs(ids, archived=False))


def delete(ids: list[int]) -> None:
    """Put runs into the trash, as a callback."""
    _move(ids, _TRASHED, lambda: data.trash_runs(ids))


def restore(ids: list[int]) -> None:
    """Take runs out of the trash, as a callback."""
    _move(ids, "at hand again", lambda: data.restore_runs(ids))


def _move(ids: list[int], where: str, action: Callable[[], None]) -> None:
    def moved() -> None:
        action()
        st.session_state["moved"] = (where, ids)
        state.select_runs([])

    _attempt(moved)


def _attempt(action: Callable[..., None], *arguments: Any, done: str = "") -> None:
    """Do what a click asks for; the whole page is to follow, where only the table would be drawn anew."""
    feedback.run_action(action, *arguments, done=done)
    st.session_state["changed"] = True


def refresh_page_if_changed() -> None:
    """Draw the whole page anew where a click has changed what is recorded, or could not."""
    if st.session_state.pop("changed", False):
        st.rerun()


# --- Taking it back ---------------------------------------------------------------------------------


def offer_undo() -> None:
    """Say where the runs of the last click are now, and offer to take that back; it stays until it is put away."""
    where, ids = st.session_state.get("moved", ("", []))
    if not ids:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="undo bar"):
        show_text(words.runs_are(len(ids), where), width="content")
        if where in (_ARCHIVED, _TRASHED) and access.may_change():
            st.button("Undo", icon=":material/undo:", shortcut="U", on_click=_undo, key="undo")
        st.button("Close", type="tertiary", icon=":material/close:", on_click=_forget, key="forget")


def _undo() -> None:
    where, ids = st.session_state["moved"]
    if where == _ARCHIVED:
        unarchive(ids)
    else:
        restore(ids)


def _forget() -> None:
    st.session_state.pop("moved", None)


def offer_restore() -> None:
    """Where all runs are in the trash, say so and offer to bring them back; the page ends there."""
    if data.all_runs_in_trash():
        ids = data.trashed_runs()["id"].tolist()
        st.info(f"All runs are in the trash: {len(ids)}.", icon=":material/delete:")
        if access.may_change():
            st.button("Restore them all", on_click=restore, args=(ids,), key="restore all")
        st.stop()


@st.dialog("Delete for good?", icon=":material/delete_forever:")
def _confirm(chosen: pd.DataFrame) -> None:
    ids = [int(number) for number in chosen["id"]]
    measured = int(data.all_runs()["baseline_id"].isin(ids).sum())
    bytes_ = float(chosen["adapter_bytes"].astype(float).sum())
    show_text(words.what_is_lost(chosen["label"].tolist(), bytes_, measured))
    show_text("This can't be taken back.")
    if st.button("Delete for good", type="primary", key="really delete", on_click=_really_delete, args=(ids,)):
        st.rerun()  # closes the question


def _really_delete(ids: list[int]) -> None:
    gone = words.runs_are(len(ids), "deleted for good")
    feedback.run_action(_delete_for_good, ids, done=lambda left: " ".join([gone, *left]))


def _delete_for_good(ids: list[int]) -> list[str]:
    st.session_state.pop("moved", None)
    state.select_runs([])
    return data.delete_runs(ids)


# --- Name, note and tags ----------------------------------------------------------------------------


def _edit(run_id: int, tags: list[str]) -> None:
    """Draw a form for a run's name, note and tags; it is saved whole or, where something is refused, not at all."""
    run = data.run(run_id)
    keys = tuple(f"{what} of {run_id}" for what in ("name", "note", "tags"))
    with st.popover("Name, note, tags", icon=":material/edit:", key="edit"), st.form(f"edit {run_id}", border=False):
        st.text_input("Name", run.name, key=keys[0])
        st.multiselect(
            "Tags",
            sorted({*tags, *run.tags}),
            default=run.tags,
            key=keys[2],
            accept_new_options=True,
            placeholder="Type a word and press Enter",
        )
        st.text_area("Note", run.notes or "", key=keys[1])
        st.form_submit_button("Save", on_click=_save, args=(run_id, *keys), key="save")


def _save(run_id: int, *keys: str) -> None:
    name, note, tags = (st.session_state[key] for key in keys)
    _attempt(data.edit_run, run_id, name, note, tags, done=f"#{run_id} is saved.")
