"""The head of the Run page: name, tags, notes, and all actions on the run."""

import streamlit as st

from core.errors import RequestError
from dashboard import access, data
from dashboard.app_pages.run.commands import show_continue_command, show_reproduce_command, show_resume_command
from dashboard.components import feedback, links, run_actions, run_downloads
from dashboard.components.safe_text import escape_markdown, show_markdown

_RENAMING = "renaming"
"""The session's id of the run whose name is being edited."""
_TAGS_PIXELS, _NOTES_PIXELS = 260, 320


# --- Name and tags ----------------------------------------------------------------------------------


def show_name(run_id: int) -> None:
    """Show the name as the title with a button to edit it, or the text box that edits it."""
    if not access.may_change():
        _show_title(run_id)
    elif st.session_state.get(_RENAMING) == run_id:
        key = f"name of {run_id}"
        st.text_input(
            "Name", data.run(run_id).name, key=key, on_change=_rename, args=(run_id, key), label_visibility="collapsed"
        )
        st.button("", icon=":material/close:", help="Cancel", type="tertiary", on_click=_stop_renaming, key="cancel")
    else:
        _show_title(run_id)
        st.button(
            "",
            icon=":material/edit:",
            help="Rename",
            type="tertiary",
            on_click=lambda: st.session_state.update({_RENAMING: run_id}),
            key="rename",
        )


def _show_title(run_id: int) -> None:
    st.title(escape_markdown(data.run_label(run_id)), anchor=False, width="content")


def _rename(run_id: int, key: str) -> None:
    def rename() -> None:
        data.edit_run(run_id, name=st.session_state[key])
        _stop_renaming()

    feedback.run_action(rename, done=f"Run #{run_id} renamed.")


def _stop_renaming() -> None:
    st.session_state.pop(_RENAMING, None)


def show_tags(run_id: int) -> None:
    """Show the tags of a run in a box that adds and removes them."""
    tags = data.run(run_id).tags
    if not access.may_change():
        st.markdown(" ".join(f":gray-badge[:material/label: {escape_markdown(tag)}]" for tag in tags), width="content")
        return
    key = f"tags of {run_id}"
    st.session_state[key] = tags
    st.multiselect(
        "Tags",
        sorted({*tags, *data.all_runs()["tags"].explode().dropna()}),
        key=key,
        accept_new_options=True,
        placeholder="Add tags",
        label_visibility="collapsed",
        width=_TAGS_PIXELS,
        on_change=_save_tags,
        args=(run_id, key),
    )


def _save_tags(run_id: int, key: str) -> None:
    feedback.run_action(data.edit_run, run_id, tags=st.session_state[key])


# --- Notes ------------------------------------------------------------------------------------------


def show_notes(run_id: int) -> None:
    """Show the notes on a run as Markdown."""
    notes = data.run(run_id).notes
    if notes:
        with st.container(border=True, key="notes"):
            show_markdown(notes)


@st.dialog("Notes", width="large", icon=":material/edit_note:")
def _edit_notes(run_id: int) -> None:
    left, right = st.columns(2)
    with left:
        notes = st.text_area("Markdown", data.run(run_id).notes or "", height=_NOTES_PIXELS, key=f"notes of {run_id}")
    with right:
        st.markdown("Preview")
        with st.container(border=True, height=_NOTES_PIXELS):
            show_markdown(notes or "")
    if st.button("Save", type="primary", key="save notes"):
        try:
            data.edit_run(run_id, notes=notes)
        except RequestError as error:
            feedback.show_error(error)
        else:
            st.rerun()  # closes the dialog


# --- Actions ----------------------------------------------------------------------------------------


def draw_actions(run_id: int, baseline: int | None) -> None:
    """Draw all actions on a run: pages about it, notes, archive and trash, downloads, commands."""
    with st.popover("Actions"):
        if data.run(run_id).state == "complete":
            links.run_links(run_id, against=baseline, on_run_page=True)
        with st.container(horizontal=True):
            _draw_edits(run_id)
        with st.container(horizontal=True):
            run_downloads.draw_downloads(run_id)
        _show_commands(run_id)


def _draw_edits(run_id: int) -> None:
    run = data.run(run_id)
    if access.may_change() and st.button("Notes", icon=":material/edit_note:", key="edit notes"):
        _edit_notes(run_id)
    if run.deleted_at is not None:
        run_actions.draw_button("Restore", ":material/restore_from_trash:", run_actions.restore, [run_id])
        return
    if run.archived:
        run_actions.draw_button("Unarchive", ":material/unarchive:", run_actions.unarchive, [run_id])
    else:
        run_actions.draw_button("Archive", ":material/archive:", run_actions.archive, [run_id])
    run_actions.draw_button("Delete", ":material/delete:", run_actions.trash, [run_id])


def _show_commands(run_id: int) -> None:
    if data.can_resume(run_id):
        show_resume_command(run_id)
    show_continue_command(run_id)
    show_reproduce_command(run_id)
