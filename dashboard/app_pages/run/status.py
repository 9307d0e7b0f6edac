"""The top of the Run page: tags and notes, then verdict and main figures, progress, or failure."""

from typing import TYPE_CHECKING

import streamlit as st

from core.errors import RequestError
from core.report.truncation import truncation_note
from core.text.formatting import format_duration, format_score
from dashboard import access, data
from dashboard.app_pages.run import text
from dashboard.app_pages.run.commands import show_reproduce_command, show_resume_command
from dashboard.components import active_runs, feedback, links, run_downloads
from dashboard.components.glossary import help_for
from dashboard.components.safe_text import escape_markdown, show_code, show_text
from dashboard.components.text import baseline_verdict, describe_status, missing_baseline
from dashboard.components.verdict import rows_with_seeds, show_verdicts

if TYPE_CHECKING:
    from core.store.records import Run

LOG_LINES = 10
_NARROW, _WIDE, _NARROW_CHARACTERS = 230, 420, 20  # pixels of a metric, and up to how many characters it is narrow


def show_tags_and_notes(run: "Run") -> None:
    """Show a run's tags and notes."""
    if run.tags:
        with st.container(horizontal=True, gap="small"):
            for tag in run.tags:
                st.markdown(f":gray-badge[:material/label: {escape_markdown(tag)}]")
    if run.notes:
        show_text(run.notes)


def show_notices(run: "Run") -> None:
    """Show whether a run is archived or in the trash, or lacks its files."""
    if run.deleted_at is not None:
        st.warning(escape_markdown(text.in_trash(run)), icon=":material/delete:")
        if access.may_change():
            done = f"{data.run_label(run.id)} restored."
            st.button(
                "Restore", on_click=feedback.run_action, args=(data.restore_runs, [run.id]), kwargs={"done": done}
            )
    elif run.archived:
        st.caption("Archived.")
    if data.is_folder_missing(run.id):
        st.warning(escape_markdown(text.missing_files(run)), icon=":material/folder_off:")


def show_headline(run_id: int, baseline: int | None) -> None:
    """Show the verdict against the baseline, and the main figures."""
    run = data.run(run_id)
    if baseline is not None:
        with st.container(border=True):
            _show_verdict(run_id, baseline)
    elif run.kind != "baseline":
        show_text(missing_baseline(data.run_row(run_id)))
    _show_main_figures(run_id)
    if note := truncation_note(run):
        show_text(note)


def _show_verdict(run_id: int, baseline: int) -> None:
    try:
        compared = data.comparison(run_id, baseline)
        st.markdown(
            f"**{escape_markdown(baseline_verdict(compared))}** {escape_markdown(compared.undertraining or '')}"
        )
        over_seeds = None
        if data.run(run_id).kind != "baseline":
            over_seeds = data.configuration_comparison(run_id, baseline)
            show_text(text.configuration_verdict(over_seeds))
        show_verdicts(rows_with_seeds("this run", compared, over_seeds))
    except RequestError as error:
        show_text(error)


def _show_main_figures(run_id: int) -> None:
    metrics = data.metrics(run_id)
    scores = metrics.reindex(["macro_f1", "accuracy"])
    worst_label, worst_score = text.worst_class(data.worst_class(run_id))
    figures = (
        ("Macro F1", format_score(*scores.loc["macro_f1"]), "macro F1"),
        ("Accuracy", format_score(*scores.loc["accuracy"]), "accuracy"),
        (worst_label, worst_score, "worst class"),
        ("Training time", format_duration(data.run(run_id).train_seconds), "cost"),
    )
    with st.container(horizontal=True):
        for label, value, term in figures:
            width = _NARROW if len(value) < _NARROW_CHARACTERS else _WIDE
            st.metric(label, value, help=help_for(term), border=True, width=width)
    if "macro_f1_without_leaks" in metrics.index:
        show_text(f"Macro F1 without leaked test examples: {format_score(*metrics.loc['macro_f1_without_leaks'])}.")


def show_progress(run_id: int) -> None:
    """Show the progress of a running run; rerun the page when it ends."""
    row = data.run_row(run_id)
    if row.state != "running":
        st.rerun()
    if data.run(run_id).step:
        active_runs.progress_bar(row)
    else:
        st.info(escape_markdown(describe_status(data.run(run_id))), icon=":material/hourglass_top:")


def show_failure(run_id: int) -> None:
    """Show why a run ended without scores, the end of its log, and how to resume or reproduce it."""
    run, can_resume = data.run(run_id), data.can_resume(run_id)
    if run.state in ("validated", "pruned"):
        st.info(escape_markdown(describe_status(run)), icon=":material/tune:")
    else:
        st.warning(escape_markdown(describe_status(run)), icon=":material/warning:")
    if run.study is not None:
        links.page_link("searches", "Open search", ":material/tune:", study=run.study)
    if run.state == "crashed":
        show_text(text.last_heartbeat(run, can_resume=can_resume))
    if can_resume:
        show_resume_command(run_id)
    if run.error_message:
        show_text(f"{run.error_type}:")
        show_code(run.error_message)
    if run.traceback:
        with st.expander("Traceback"):
            show_code(run.traceback, language="python", wrap_lines=False)
    log = data.log_lines(run_id)
    if len(log):
        st.caption("End of the log")
        show_code(run_downloads.format_log(log.tail(LOG_LINES)))
    show_reproduce_command(run_id)
