"""The top of the Run page: verdict and main figures, progress, or failure."""

from typing import TYPE_CHECKING

import streamlit as st

from core.errors import RequestError
from core.report.truncation import truncation_note
from core.text.formatting import format_score
from dashboard import data
from dashboard.app_pages.run import text
from dashboard.app_pages.run.commands import show_reproduce_command, show_resume_command
from dashboard.app_pages.run.main_figures import main_figures
from dashboard.components import active_runs, links, run_downloads
from dashboard.components.safe_text import escape_markdown, show_code, show_text
from dashboard.components.text import describe_status, missing_baseline
from dashboard.components.verdict import rows_with_seeds, show_verdicts

if TYPE_CHECKING:
    from core.report.comparisons import RunComparison
    from core.store.records import Run

LOG_LINES = 10
_METRIC_PIXELS = 240


def show_notices(run: "Run") -> None:
    """Show whether a run is in the trash, or lacks its files."""
    if run.deleted_at is not None:
        st.warning(escape_markdown(text.in_trash(run)), icon=":material/delete:")
    if data.is_folder_missing(run.id):
        st.warning(escape_markdown(text.missing_files(run)), icon=":material/folder_off:")


def show_headline(run_id: int, baseline: int | None) -> None:
    """Show the verdict against the baseline, and the main figures."""
    run, compared = data.run(run_id), None
    if baseline is not None:
        try:
            compared = data.comparison(run_id, baseline)
            _show_verdict(run_id, baseline)
        except RequestError as error:
            show_text(error)
    elif run.kind != "baseline":
        show_text(missing_baseline(data.run_row(run_id)))
    _show_main_figures(run_id, compared)
    if note := truncation_note(run):
        show_text(note)


def _show_verdict(run_id: int, baseline: int) -> None:
    """Show the verdict in words and as intervals; its help holds the tests."""
    compared, is_baseline = data.comparison(run_id, baseline), data.run(run_id).kind == "baseline"
    over_seeds = None if is_baseline else data.configuration_comparison(run_id, baseline)
    seeds = "" if is_baseline or over_seeds else " (1 seed)"
    tests = " ".join(data.verdict_sentences(run_id, baseline))
    with st.container(border=True):
        st.markdown(f"**{escape_markdown(text.verdict(compared))}**{seeds}", help=escape_markdown(tests))
        if compared.undertraining:
            show_text(compared.undertraining)
        show_verdicts(rows_with_seeds("this run", compared, over_seeds))


def _show_main_figures(run_id: int, compared: "RunComparison | None") -> None:
    """Show the main figures, each with its difference to the baseline."""
    with st.container(horizontal=True):
        for figure in main_figures(run_id, compared):
            st.metric(
                escape_markdown(figure.label),
                figure.value,
                figure.mark.text,
                delta_color=figure.mark.color,
                delta_arrow=figure.mark.arrow,
                help=text.figure_note(figure.term, compared),
                border=True,
                width=_METRIC_PIXELS,
            )
    metrics = data.metrics(run_id)
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
