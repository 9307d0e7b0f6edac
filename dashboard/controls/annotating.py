"""What a person notes on an example, one at a time or from a file."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from core.errors import RequestError
from dashboard import annotating, data, exports, state
from dashboard.annotating import FIELDS
from dashboard.words import failures as words
from dashboard.words.common import plain


def annotate(row: Any, labels: list[str]) -> None:
    """Draw the form for one example, filled with what was noted before."""
    noted = data.Annotation(*(row[name] for name in FIELDS))
    # What was noted is part of the keys: fields of another state of the record start from that.
    key = f"{row['example_id']} {hash(noted)}"
    with st.form(f"annotate {key}", border=False):
        with st.container(horizontal=True):
            _choose(data.tags(), noted.tag, "Tag", f"tag {key}", new=True)
            _choose(labels, noted.proposed_label, "Proposed label", f"proposed {key}")
        st.text_area("Note", noted.note or "", key=f"note {key}", height=80, max_chars=annotating.LONGEST_NOTE)
        with st.container(horizontal=True):
            st.form_submit_button(
                "Save", icon=":material/save:", on_click=_save, args=(row["text"], key), type="primary"
            )
            if noted != data.Annotation():
                st.form_submit_button("Take back", icon=":material/undo:", on_click=_take_back, args=(row["text"],))


def _choose(options: list[str], chosen: str | None, label: str, key: str, *, new: bool = False) -> None:
    offered = options if chosen is None or chosen in options else [*options, chosen]
    index = None if chosen is None else offered.index(chosen)
    hint = "Choose or type" if new else "Choose a label"
    st.selectbox(label, offered, index=index, key=key, accept_new_options=new, placeholder=hint, width=240)


def _save(text: str, key: str) -> None:
    typed = [st.session_state.get(f"{name} {key}") for name in ("tag", "note", "proposed")]
    tag, note, label = (" ".join(typed[0].split()) if typed[0] else None), (typed[1] or "").strip(), typed[2]
    state.attempt(
        _keep, text, data.Annotation(tag or None, note or None, label or None), done="The annotation is kept."
    )


def _keep(text: str, said: data.Annotation) -> None:
    if said.tag and len(said.tag) > annotating.LONGEST_TAG:
        raise RequestError(f"A tag has at most {annotating.LONGEST_TAG} characters; this one has {len(said.tag)}.")
    data.annotate({text: said})


def _take_back(text: str) -> None:
    state.attempt(data.annotate, {text: data.Annotation()}, done="The annotation is taken back.")


def accept(row: Any, label: str) -> None:
    """Draw the button that takes a suggested label as the proposed one."""
    if row["proposed_label"] == label:
        st.caption(f"{plain(label)} is the proposed label.")
        return
    said = data.Annotation(row["tag"], row["note"], label)
    st.button(
        f"Propose «{plain(label)}»",
        icon=":material/check:",
        on_click=state.attempt,
        args=(data.annotate, {row["text"]: said}),
        kwargs={"done": "The suggested label is kept as the proposed one."},
    )


def download(label: str, frame: Callable[[], pd.DataFrame], name: str) -> None:
    """Draw a link that downloads a table as CSV; it is made when it is asked for."""
    text = partial(_as_csv, frame)
    st.download_button(label, text, f"{name}.csv", "text/csv", on_click="ignore", icon=":material/download:")


def _as_csv(frame: Callable[[], pd.DataFrame]) -> str:
    return exports.for_spreadsheets(frame())


def upload(known: Callable[[], pd.DataFrame], labels: list[str]) -> None:
    """Draw the box for a file of annotations; what it says is told before it is kept.

    ``known``: gives all texts of the data set with what was noted on each.
    """
    file = st.file_uploader(
        "Annotations from a CSV file",
        type=["csv", "tsv", "txt"],
        max_upload_size=annotating.MOST_MEGABYTES,
        key="annotations",
        help="Columns: text, and any of tag, note and proposed_label. Texts are known by what they say.",
    )
    if file is None:
        return
    frame = known()
    before = {
        text: data.Annotation(*said) for text, *said in frame[["text", *FIELDS]].itertuples(index=False, name=None)
    }
    every = [*labels, *(one.proposed_label for one in before.values() if one.proposed_label)]
    try:
        found = annotating.read(file.getvalue(), before, every)
    except RequestError as error:
        st.error(plain(error), icon=":material/error:")
        return
    new = {text: said for text, said in found.said.items() if said != before[text]}
    st.text(words.annotations_found(len(found.said), len(new), found.unknown))
    st.button(
        "Keep these annotations",
        disabled=not new,
        on_click=state.attempt,
        args=(data.annotate, new),
        kwargs={"done": "The annotations are kept."},
    )
