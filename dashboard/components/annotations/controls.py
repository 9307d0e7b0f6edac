"""What a person notes on an example, one at a time or from a file."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from core.errors import RequestError
from dashboard import access, data
from dashboard.components import feedback
from dashboard.components import table_downloads as exports
from dashboard.components.annotations import import_csv as annotating
from dashboard.components.annotations import text
from dashboard.components.safe_text import escape_markdown, show_text


def annotate(row: Any, labels: list[str]) -> None:
    """Draw the form for one example, filled with what was noted before; to a viewer say what was."""
    noted = _noted(row)
    if not access.may_change():
        said = [f"{name.replace('_', ' ')}: {value}" for name, value in noted.items() if value]
        show_text("\n".join(said) or "Nobody noted anything on this text.")
        return
    # What was noted is part of the keys: fields of another state of the record start from that.
    key = f"{row['example_id']} {hash(tuple(noted.values()))}"
    with st.form(f"annotate {key}", border=False):
        with st.container(horizontal=True):
            _choose(data.tags(), noted["tag"], "Tag", f"tag {key}", new=True)
            _choose(labels, noted["proposed_label"], "Proposed label", f"proposed {key}")
        st.text_area("Note", noted["note"] or "", key=f"note {key}", height=80, max_chars=data.MAX_NOTE_LENGTH)
        with st.container(horizontal=True):
            st.form_submit_button(
                "Save", icon=":material/save:", on_click=_save, args=(row["text"], key, noted), type="primary"
            )
            if any(noted.values()):
                st.form_submit_button("Take back", icon=":material/undo:", on_click=_take_back, args=(row["text"],))


def _choose(options: list[str], chosen: str | None, label: str, key: str, *, new: bool = False) -> None:
    offered = options if chosen is None or chosen in options else [*options, chosen]
    index = None if chosen is None else offered.index(chosen)
    hint = "Choose or type" if new else "Choose a label"
    st.selectbox(label, offered, index=index, key=key, accept_new_options=new, placeholder=hint, width=240)


def _noted(row: Any) -> dict[str, str | None]:
    return {name: row[name] for name in data.ANNOTATION_FIELDS}


def _save(text: str, key: str, noted: dict[str, str | None]) -> None:
    """Keep those fields that a person changed: of the others somebody else may have said more since."""
    tag, note, label = (st.session_state.get(f"{name} {key}") or "" for name in ("tag", "note", "proposed"))
    typed = dict(zip(data.ANNOTATION_FIELDS, (" ".join(tag.split()), note.strip(), label), strict=True))
    changes = {name: value or None for name, value in typed.items() if (value or None) != noted[name]}
    feedback.run_action(data.annotate, {text: changes}, done="The annotation is kept.")


def _take_back(text: str) -> None:
    feedback.run_action(
        data.annotate, {text: dict.fromkeys(data.ANNOTATION_FIELDS)}, done="The annotation is taken back."
    )


def accept(row: Any, label: str) -> None:
    """Draw the button that takes a suggested label as the proposed one."""
    if row["proposed_label"] == label:
        st.caption(f"{escape_markdown(label)} is the proposed label.")
    if row["proposed_label"] == label or not access.may_change():
        return
    st.button(
        f"Propose «{escape_markdown(label)}»",
        icon=":material/check:",
        on_click=feedback.run_action,
        args=(data.annotate, {row["text"]: {"proposed_label": label}}),
        kwargs={"done": "The suggested label is kept as the proposed one."},
    )


def download(label: str, frame: Callable[[], pd.DataFrame], name: str) -> None:
    """Draw a link that downloads a table as CSV; it is made when it is asked for."""
    text = partial(_as_csv, frame)
    st.download_button(label, text, f"{name}.csv", "text/csv", on_click="ignore", icon=":material/download:")


def _as_csv(frame: Callable[[], pd.DataFrame]) -> str:
    return exports.spreadsheet_csv(frame())


def upload(known: Callable[[], pd.DataFrame], labels: list[str]) -> None:
    """Draw the box for a file of annotations; what it says is told before it is kept.

    ``known``: gives all texts of the data set with what was noted on each. A viewer has no such box.
    """
    if not access.may_change():
        return
    file = st.file_uploader(
        "Annotations from a CSV file",
        type=["csv", "tsv", "txt"],
        max_upload_size=annotating.MOST_MEGABYTES,
        key="annotations",
        help="Columns: text, and any of tag, note and proposed_label. Texts are known by what they say.",
    )
    if file is None:
        return
    before = {row["text"]: _noted(row) for row in known().to_dict("records")}
    every = [*labels, *(noted["proposed_label"] for noted in before.values() if noted["proposed_label"])]
    try:
        found = annotating.read(file.getvalue(), before, every)
    except RequestError as error:
        st.error(escape_markdown(error), icon=":material/error:")
        return
    show_text(text.annotations_found(found.texts, len(found.changes), found.unknown))
    st.button(
        "Keep these annotations",
        disabled=not found.changes,
        on_click=feedback.run_action,
        args=(data.annotate, found.changes),
        kwargs={"done": "The annotations are kept."},
    )
