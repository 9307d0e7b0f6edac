"""Controls that annotate examples: a form for one, and the import of many from a file."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from core.errors import RequestError
from dashboard import access, data
from dashboard.components import feedback
from dashboard.components.annotations import text
from dashboard.components.annotations.import_csv import MAX_MEGABYTES, Annotation, read_annotations
from dashboard.components.safe_text import escape_markdown, show_text
from dashboard.components.table_downloads import spreadsheet_csv


def show_annotation(row: Any, labels: list[str]) -> None:
    """Draw the form with the annotation of an example; without the right to edit, the annotation only."""
    annotation = _annotation_of(row)
    if access.may_change():
        _draw_form(row, annotation, labels)
    else:
        lines = [f"{name.replace('_', ' ')}: {value}" for name, value in annotation.items() if value]
        show_text("\n".join(lines) or "No annotations")


def _annotation_of(row: Any) -> Annotation:
    return {name: row[name] for name in data.ANNOTATION_FIELDS}


def _draw_form(row: Any, annotation: Annotation, labels: list[str]) -> None:
    # The annotation is part of the keys: a changed annotation resets the fields.
    key = f"{row['example_id']} {hash(tuple(annotation.values()))}"
    with st.form(f"annotate {key}", border=False):
        with st.container(horizontal=True):
            _select("Tag", data.tags(), annotation["tag"], f"tag {key}", accept_new=True)
            _select("Proposed label", labels, annotation["proposed_label"], f"proposed {key}")
        st.text_area("Note", annotation["note"] or "", key=f"note {key}", height=80, max_chars=data.MAX_NOTE_LENGTH)
        with st.container(horizontal=True):
            arguments = (row["text"], key, annotation)
            st.form_submit_button("Save", icon=":material/save:", on_click=_save, args=arguments, type="primary")
            if any(annotation.values()):
                st.form_submit_button("Remove", icon=":material/delete:", on_click=_remove, args=(row["text"],))


def _select(label: str, options: list[str], selected: str | None, key: str, *, accept_new: bool = False) -> None:
    offered = options if selected is None or selected in options else [*options, selected]
    index = None if selected is None else offered.index(selected)
    placeholder = "Choose or type" if accept_new else "Choose a label"
    st.selectbox(
        label, offered, index=index, key=key, accept_new_options=accept_new, placeholder=placeholder, width=240
    )


def _save(example: str, key: str, before: Annotation) -> None:
    """Save the fields that the user changed; somebody else may have changed the others meanwhile."""
    tag, note, label = (st.session_state.get(f"{name} {key}") or "" for name in ("tag", "note", "proposed"))
    typed = dict(zip(data.ANNOTATION_FIELDS, (" ".join(tag.split()), note.strip(), label), strict=True))
    changes = {name: value or None for name, value in typed.items() if (value or None) != before[name]}
    feedback.run_action(data.annotate, {example: changes}, done="Annotation saved.")


def _remove(example: str) -> None:
    feedback.run_action(data.annotate, {example: dict.fromkeys(data.ANNOTATION_FIELDS)}, done="Annotation removed.")


def show_propose_button(row: Any, label: str) -> None:
    """Draw the button that saves a suggested label as the proposed one."""
    if row["proposed_label"] == label:
        st.caption(f"{escape_markdown(label)} is the proposed label.")
    elif access.may_change():
        st.button(
            f"Propose {escape_markdown(label)}",
            icon=":material/check:",
            on_click=feedback.run_action,
            args=(data.annotate, {row["text"]: {"proposed_label": label}}),
            kwargs={"done": "Proposed label saved."},
        )


def show_download(label: str, table: Callable[[], pd.DataFrame], name: str) -> None:
    """Draw a button that downloads a table as CSV; ``table`` is called on a click."""

    def make_csv() -> str:
        return spreadsheet_csv(table())

    st.download_button(label, make_csv, f"{name}.csv", "text/csv", on_click="ignore", icon=":material/download:")


def show_import(texts: Callable[[], pd.DataFrame], labels: list[str]) -> None:
    """Draw the upload of a file of annotations, with a summary before it is imported; nothing without edit rights.

    ``texts``: returns all texts of the data set with their annotations.
    """
    if not access.may_change():
        return
    file = st.file_uploader(
        "Import annotations (CSV)",
        type=["csv", "tsv", "txt"],
        max_upload_size=MAX_MEGABYTES,
        key="annotations",
        help="Columns: text, and any of tag, note and proposed_label. Rows are matched by their text.",
    )
    if file is None:
        return
    stored = {row["text"]: _annotation_of(row) for row in texts().to_dict("records")}
    proposed = [annotation["proposed_label"] for annotation in stored.values() if annotation["proposed_label"]]
    try:
        imported = read_annotations(file.getvalue(), stored, [*labels, *proposed])
    except RequestError as error:
        feedback.show_error(error)
        return
    show_text(text.import_summary(imported.texts, len(imported.changes), imported.unknown))
    st.button(
        "Import annotations",
        disabled=not imported.changes,
        on_click=partial(feedback.run_action, data.annotate, imported.changes, done="Annotations imported."),
    )
