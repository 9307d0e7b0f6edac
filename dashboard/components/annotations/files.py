"""Downloads of examples and annotations, and the import of annotations from a file."""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from core.errors import RequestError
from dashboard import access, data
from dashboard.components import feedback
from dashboard.components.annotations import edits, export_csv, text
from dashboard.components.annotations.clean import clean_examples
from dashboard.components.annotations.import_csv import MAX_MEGABYTES, ImportedAnnotations, read_annotations
from dashboard.components.safe_text import escape_markdown, show_text
from dashboard.components.table_downloads import spreadsheet_csv

DEFAULT_REMOVE_TAG = "remove"
"""The tag of the texts that the cleaned data set leaves out, unless the user chooses another one."""
_IMPORTED = "imported annotations"


def show_download(label: str, table: Callable[[], pd.DataFrame], name: str) -> None:
    """Draw a button that downloads a table as CSV; ``table`` is called on a click."""

    def make_csv() -> str:
        return spreadsheet_csv(table())

    st.download_button(label, make_csv, f"{name}.csv", "text/csv", on_click="ignore", icon=":material/download:")


def show_clean_download(dataset_id: int) -> None:
    """Draw the download of a data set with the proposed labels, without the texts that have a chosen tag."""
    tags = sorted({DEFAULT_REMOVE_TAG, *data.tags()})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        tag = st.selectbox(
            "Leave out tag", tags, index=tags.index(DEFAULT_REMOVE_TAG), key="leave_out", bind="query-params", width=240
        )
        cleaned = clean_examples(dataset_id, tag)
        name = f"cleaned-{dataset_id}.csv"
        st.download_button(
            "Cleaned data set",
            lambda: cleaned.rows.to_csv(index=False),
            name,
            "text/csv",
            on_click="ignore",
            icon=":material/download:",
            help=escape_markdown(text.clean_summary(cleaned, name)),
        )


def show_import(run_id: int) -> None:
    """Draw the upload of a file of annotations of the texts of a run's data set, and a summary before it is imported.

    Without edit rights, nothing is drawn.
    """
    if not access.may_change():
        return
    file = st.file_uploader(
        "Import annotations (CSV)",
        type=["csv", "tsv", "txt"],
        max_upload_size=MAX_MEGABYTES,
        key="annotations",
        help="Columns: text, and any of tag (commas separate several), note and proposed_label. Rows are matched by "
        "their text.",
    )
    if file is None:
        return
    upload = (file.file_id, run_id, data.version())
    try:
        if st.session_state.get(_IMPORTED, (None,))[0] != upload:  # a page reruns often
            st.session_state[_IMPORTED] = (upload, _read(file.getvalue(), run_id))
    except RequestError as error:
        feedback.show_error(error)
        return
    imported = st.session_state[_IMPORTED][1]
    show_text(text.import_summary(imported.texts, len(imported.changes), imported.unknown))
    st.button(
        "Import annotations",
        disabled=not imported.changes,
        on_click=edits.annotate,
        args=(imported.changes, "Annotations imported."),
    )


def _read(content: bytes, run_id: int) -> ImportedAnnotations:
    """Return the annotations of a file, compared with those of the texts of a run's data set."""
    rows = export_csv.texts_with_annotations(run_id).to_dict("records")
    stored = {row["text"]: {name: row[name] for name in data.ANNOTATION_FIELDS} for row in rows}
    proposed = [annotation["proposed_label"] for annotation in stored.values() if annotation["proposed_label"]]
    return read_annotations(content, stored, [*data.labels(run_id), *proposed])
