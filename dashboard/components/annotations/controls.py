"""Controls that annotate examples: one, or several alike."""

from typing import Any

import pandas as pd
import streamlit as st

from core.text.formatting import format_count
from dashboard import access, data
from dashboard.components.annotations import edits
from dashboard.components.glossary import help_for
from dashboard.components.safe_text import escape_markdown, show_text
from dashboard.components.shortcuts import focus_fields

MAX_LABEL_BUTTONS = 9
"""Each has a digit as its shortcut; more labels are offered in a select box."""
LABELS = {"tag": "Tags", "note": "Note", "proposed_label": "Proposed label"}
"""The name of each annotation field on the screens."""
_SAVED = "Annotation saved."
_BULK = "annotate selected"


# --- One example ------------------------------------------------------------------------------------


def show_annotation(row: Any, labels: list[str]) -> None:
    """Draw the annotation of an example, in fields that save each change; without the right to edit, as text."""
    annotation = {name: row[name] for name in data.ANNOTATION_FIELDS}
    if access.may_change():
        _show_fields(row, annotation, labels)
    else:
        lines = [f"{LABELS[name]}: {value}" for name, value in annotation.items() if value]
        show_text("\n".join(lines) or "No annotations")
    focus_fields({"t": "annotation-tags", "n": "annotation-note"})


def _show_fields(row: Any, annotation: dict[str, str | None], labels: list[str]) -> None:
    _show_labels(row, labels)
    with st.container(horizontal=True):
        _show_tags(row)
        _show_note(row)
    if any(annotation.values()):
        cleared = {row["text"]: dict.fromkeys(data.ANNOTATION_FIELDS)}
        st.button(
            "Delete annotation",
            icon=":material/delete:",
            type="tertiary",
            on_click=edits.annotate,
            args=(cleared, "Annotation deleted."),
        )


def _show_labels(row: Any, labels: list[str]) -> None:
    """Draw a button for each label that proposes it, or takes the proposal back."""
    proposed, first = row["proposed_label"], labels[:MAX_LABEL_BUTTONS]
    offered = first if proposed in (None, *first) else [*first, proposed]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("Propose label", help=help_for("proposed label"), width="content")
        for number, label in enumerate(offered, start=1):
            value = None if label == proposed else label
            st.button(
                escape_markdown(label),
                key=f"propose {number}",
                shortcut=str(number) if number <= MAX_LABEL_BUTTONS else None,
                icon=":material/check:" if label == proposed else None,
                on_click=edits.annotate,
                args=({row["text"]: {"proposed_label": value}}, _SAVED if value else "Proposed label removed."),
            )
        if len(labels) > MAX_LABEL_BUTTONS:
            _show_other_labels(row, labels[MAX_LABEL_BUTTONS:])


def _show_other_labels(row: Any, labels: list[str]) -> None:
    key = f"other label {row['example_id']}"
    st.session_state[key] = row["proposed_label"] if row["proposed_label"] in labels else None
    st.selectbox(
        "Other label",
        labels,
        index=None,
        key=key,
        placeholder="Other label",
        label_visibility="collapsed",
        on_change=lambda: edits.annotate({row["text"]: {"proposed_label": st.session_state[key]}}, _SAVED),
        width=240,
    )


def _show_tags(row: Any) -> None:
    key, tags = f"tags {row['example_id']}", data.split_tags(row["tag"])
    st.session_state[key] = tags

    def save() -> None:
        """Save what the user added and removed; somebody else may have changed other tags meanwhile."""
        chosen = {*st.session_state[key]}
        edits.annotate_alike([row["text"]], _SAVED, add_tags=chosen - {*tags}, remove_tags={*tags} - chosen)

    with st.container(key="annotation tags"):
        st.multiselect(
            f"{LABELS['tag']} (T)",
            sorted({*data.tags(), *tags}),
            key=key,
            accept_new_options=True,
            placeholder="",
            help=help_for("tags of a text"),
            on_change=save,
        )


def _show_note(row: Any) -> None:
    # The saved note is part of the key: a changed one resets the field, and one that was refused stays in it.
    key, note = f"note {row['example_id']} {hash(row['note'])}", row["note"] or ""

    def save() -> None:
        edits.annotate({row["text"]: {"note": st.session_state[key].strip() or None}}, _SAVED)

    with st.container(key="annotation note"):
        label = f"{LABELS['note']} (N)"
        st.text_area(label, note, key=key, height=80, max_chars=data.MAX_NOTE_LENGTH, on_change=save)


# --- Several examples -------------------------------------------------------------------------------


def show_bulk_form(examples: pd.DataFrame, labels: list[str]) -> None:
    """Draw a popover with a form that annotates several examples alike.

    ``examples``: text and tag of each; nothing is drawn if there are none.
    """
    if examples.empty or not access.may_change():
        return
    used = data.split_tags(data.join_tags(examples["tag"].dropna()))
    box = st.popover(f"Annotate {format_count(len(examples))} selected", key=_BULK, on_change="rerun")
    with box, st.form("bulk annotation", border=False, clear_on_submit=True):
        st.multiselect(
            "Add tags", data.tags(), key="add tags", accept_new_options=True, placeholder="Type a tag and press Enter"
        )
        st.multiselect("Remove tags", used, key="remove tags", placeholder="None")
        st.selectbox(LABELS["proposed_label"], labels, index=None, key="bulk label", placeholder="Unchanged")
        st.form_submit_button("Save", type="primary", on_click=_save_bulk, args=(examples["text"].tolist(),))


def _save_bulk(texts: list[str]) -> None:
    edits.annotate_alike(
        texts,
        f"{format_count(len(texts))} {'text' if len(texts) == 1 else 'texts'} annotated.",
        add_tags=st.session_state["add tags"],
        remove_tags=st.session_state["remove tags"],
        proposed_label=st.session_state["bulk label"],
    )
    st.session_state[_BULK] = False
