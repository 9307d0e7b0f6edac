"""The download of a report on runs."""

from functools import partial

import streamlit as st

from core.report.document import MAX_RUNS, ReportFormat
from dashboard import data

_FORMATS: dict[ReportFormat, tuple[str, str]] = {"html": ("HTML", "text/html"), "md": ("Markdown", "text/markdown")}
"""Label and MIME type by format, which is the suffix of the file."""
_MAX_NAMED = 10


def draw_report_download(run_ids: list[int]) -> None:
    """Draw the downloads of a report on the complete ones of these runs, which is written on demand."""
    rows = data.run_rows(run_ids)
    complete = [int(run_id) for run_id in rows.loc[rows["state"] == "complete", "id"]]
    if not 0 < len(complete) <= MAX_RUNS:
        return
    name = "-".join(["report", *map(str, complete[:_MAX_NAMED])])
    with st.popover("Report", icon=":material/summarize:", help="Verdicts, scores, failures and settings in one file."):
        for form, (label, mime) in _FORMATS.items():
            write = partial(data.report, complete, form)
            st.download_button(
                label, write, f"{name}.{form}", mime, key=f"report {form}", on_click="ignore", type="tertiary"
            )
