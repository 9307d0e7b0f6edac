"""Actions on selected runs: compare, open, edit, archive, delete and restore."""

from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
import streamlit as st

from dashboard import access, data, state
from dashboard.app_pages.runs import text
from dashboard.components import feedback, links
from dashboard.components.report_download import draw_report_download
from dashboard.components.run_actions import archive, change_runs, close_undo, draw_button, restore, trash, unarchive
from dashboard.components.safe_text import show_text
from dashboard.components.text import runs_changed

MAX_OPEN_LINKS = 4
MAX_COMPARED = 50
"""More selected runs have no links to pages that compare them: these would be too long, and the pages too slow."""


# --- Action bars ------------------------------------------------------------------------------------


def active_bar(selected: pd.DataFrame, shown: list[int], tags: list[str]) -> None:
    """Draw the actions on active runs.

    ``shown``: the ids of those to open and compare, one per configuration if seeds are grouped. ``tags``: all in use.
    """
    with _bar(selected) as ids:
        _links(shown)
        draw_report_download(ids)
        if len(ids) == 1 and access.may_change():
            _edit_form(ids[0], tags)
        draw_button("Archive", ":material/archive:", archive, ids)
        draw_button("Delete", ":material/delete:", trash, ids)


def archived_bar(selected: pd.DataFrame, shown: list[int], _: list[str]) -> None:
    """Draw the actions on archived runs."""
    with _bar(selected) as ids:
        _links(shown)
        draw_report_download(ids)
        draw_button("Unarchive", ":material/unarchive:", unarchive, ids)
        draw_button("Delete", ":material/delete:", trash, ids)


def trash_bar(selected: pd.DataFrame, _: list[int], __: list[str]) -> None:
    """Draw the actions on runs in the trash."""
    with _bar(selected) as ids:
        draw_button("Restore", ":material/restore_from_trash:", restore, ids)
        label = "Delete permanently …"
        if access.may_change() and st.button(label, icon=":material/delete_forever:", key="delete permanently"):
            _confirm_deletion(selected)


ACTIONS = {"active": active_bar, "archived": archived_bar, "trash": trash_bar}
"""By the view of the page."""


@contextmanager
def _bar(selected: pd.DataFrame) -> Iterator[list[int]]:
    """Draw which runs are selected, actions, and a button to clear the selection; give the ids of the selected runs."""
    with st.container(horizontal=True, vertical_alignment="center"):
        show_text(text.selection(selected["label"].tolist()), width="content")
        yield [int(run_id) for run_id in selected["id"]]
        st.button("Clear selection", type="tertiary", on_click=state.select_runs, args=([],), key="clear selection")


def _links(ids: list[int]) -> None:
    if 1 < len(ids) <= MAX_COMPARED:
        links.page_link("compare", "Compare", ":material/compare_arrows:", run=ids[0], against=ids[1:])
    if len(ids) <= MAX_COMPARED:
        links.page_link("failures", "Failures", ":material/error_outline:", run=ids[0], against=ids[1:] or None)
    for run_id in ids[:MAX_OPEN_LINKS]:
        links.page_link("run", f"Open #{run_id}", ":material/description:", run=run_id)


# --- Trash -----------------------------------------------------------------------------------------


def stop_if_all_in_trash() -> None:
    """If all runs are in the trash, offer to restore them, and stop the page."""
    if data.all_runs_in_trash():
        ids = data.trashed_runs()["id"].tolist()
        st.info(f"All runs ({len(ids)}) are in the trash.", icon=":material/delete:")
        if access.may_change():
            st.button("Restore all", on_click=restore, args=(ids,), key="restore all")
        st.stop()


@st.dialog("Delete permanently?", icon=":material/delete_forever:")
def _confirm_deletion(selected: pd.DataFrame) -> None:
    ids = [int(run_id) for run_id in selected["id"]]
    dependents = int(data.all_runs()["baseline_id"].isin(ids).sum())
    bytes_ = float(selected["adapter_bytes"].astype(float).sum())
    show_text(text.deletion_warning(selected["label"].tolist(), bytes_, dependents))
    show_text("This cannot be undone.")
    if st.button("Delete permanently", type="primary", key="confirm deletion", on_click=_delete, args=(ids,)):
        st.rerun()  # closes the dialog


def _delete(ids: list[int]) -> None:
    def delete() -> list[str]:
        close_undo()
        state.deselect_runs(ids)
        return data.delete_runs(ids)

    deleted = runs_changed(len(ids), "deleted permanently")
    feedback.run_action(delete, done=lambda kept_folders: " ".join([deleted, *kept_folders]))


# --- Name, notes and tags ---------------------------------------------------------------------------


def _edit_form(run_id: int, tags: list[str]) -> None:
    """Draw a form for a run's name, notes and tags; all are saved or, if one is refused, none."""
    run = data.run(run_id)
    keys = tuple(f"{field} of {run_id}" for field in ("name", "notes", "tags"))
    with st.popover("Edit", icon=":material/edit:", key="edit"), st.form(f"edit {run_id}", border=False):
        st.text_input("Name", run.name, key=keys[0])
        st.multiselect(
            "Tags",
            sorted({*tags, *run.tags}),
            default=run.tags,
            key=keys[2],
            accept_new_options=True,
            placeholder="Type a tag and press Enter",
        )
        st.text_area("Notes", run.notes or "", key=keys[1])
        st.form_submit_button("Save", on_click=_save, args=(run_id, *keys), key="save")


def _save(run_id: int, *keys: str) -> None:
    name, notes, tags = (st.session_state[key] for key in keys)
    change_runs(data.edit_run, run_id, name, notes, tags, done=f"Run #{run_id} saved.")
