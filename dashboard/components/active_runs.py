"""Runs in progress, refreshed while any is running, and runs that ended without scores."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from core.text.formatting import format_count, format_duration, format_throughput
from dashboard import data, state
from dashboard.components import feedback, links
from dashboard.components.safe_text import escape_markdown, show_code, show_text
from dashboard.components.text import describe_status

REFRESH, REFRESH_STATUS = "2s", "10s"
MAX_RUNNING, MAX_ENDED = 10, 3
"""The number of runs shown in boxes; the table lists the others."""


@feedback.safe_fragment(run_every=REFRESH_STATUS)
def show_status(complete: frozenset[int]) -> None:
    """Show how many runs on the test set are running, and offer to show those that were completed in the meantime.

    ``complete``: the ids of the complete runs when the page was drawn. It is only redrawn on a click.
    """
    running, new = len(_running()), len(complete_runs() - complete)
    if running:
        st.markdown(f":material/progress_activity: {format_count(running)} running", width="content")
    if new:
        label = f"Show {format_count(new)} new run{'s' if new > 1 else ''}"
        if st.button(label, icon=":material/refresh:", key="show new runs"):
            st.rerun()


def complete_runs() -> frozenset[int]:
    """Return the ids of the complete runs on the test set."""
    return frozenset(map(int, data.complete_runs(state.test_set())["id"]))


def show_runs_in_progress() -> None:
    """Draw the progress of the runs on the selected test set, if any."""
    running = _running()
    if len(running):
        _watch(running["id"].tolist())


def _running() -> pd.DataFrame:
    """Return the running runs, newest first, including those that have no data set yet."""
    runs = data.runs(state.test_set())
    return runs[runs["state"] == "running"].sort_values("id", ascending=False)


@feedback.safe_fragment(run_every=REFRESH)
def _watch(run_ids: list[int]) -> None:
    """Draw the running runs; rerun the page when they are no longer those of ``run_ids``."""
    running = _running()
    if running["id"].tolist() != run_ids:
        st.rerun()
    with st.container(border=True):
        st.markdown(f"**Running: {format_count(len(running))}**")
        for row in running.head(MAX_RUNNING).itertuples(index=False):
            _show_progress(row)
        if len(running) > MAX_RUNNING:
            st.caption(f"And {format_count(len(running) - MAX_RUNNING)} more in the table.")


def _show_progress(row: Any) -> None:
    progress_bar(row)
    log = st.expander("Log", key=f"log {row.id}", on_change="rerun", icon=":material/subject:")
    if log.open:
        with log:
            lines = data.log_lines(row.id)
            show_code("\n".join(lines["text"]) or "The log is empty.", height=200)


def progress_bar(row: Any) -> None:
    """Draw the progress of a run's training, from its row: phase, step, speed and remaining time."""
    step, total, seconds = (
        0.0 if pd.isna(value) else float(value) for value in (row.step, row.total_steps, row.train_seconds)
    )
    share = min(step / total, 1.0) if total else 0.0
    seconds_left = seconds / step * (total - step) if seconds and 0 < step < total else None
    st.progress(share, text=escape_markdown(_progress_text(row, seconds_left)))


def _progress_text(row: Any, seconds_left: float | None) -> str:
    steps = "" if pd.isna(row.total_steps) else f", step {format_count(row.step)} of {format_count(row.total_steps)}"
    parts = [f"{row.label}: {row.phase or 'running'}{steps}"]
    parts += [] if pd.isna(row.train_examples_per_second) else [format_throughput(row.train_examples_per_second)]
    parts += [] if seconds_left is None else [f"{format_duration(seconds_left)} left"]
    return " · ".join(parts)


def show_runs_without_scores(runs: pd.DataFrame, show_all: Callable[[], None]) -> None:
    """Show why the newest failed, crashed and cancelled runs ended; ``show_all`` filters the table to all of them."""
    ended = runs[~runs["state"].isin(["complete", "running"])].sort_values("id", ascending=False)
    if ended.empty:
        return
    st.subheader("Ended without scores")
    for run_id in ended["id"].head(MAX_ENDED):
        _show_end(int(run_id))
    if len(ended) > MAX_ENDED:
        label = f"Show all {format_count(len(ended))}"
        st.button(label, icon=":material/filter_alt:", on_click=show_all, key="without scores")


def _show_end(run_id: int) -> None:
    run = data.run(run_id)
    with st.container(border=True):
        show_text(f"{data.run_label(run_id)}. {describe_status(run)}")
        if run.error_message:
            show_code(f"{run.error_type}: {run.error_message}")
        elif len(last := data.log_lines(run_id, 1)):
            show_code(f"Last line of the log: {last['text'].iloc[0]}")
        if data.can_resume(run_id):
            st.caption("Resume from the last checkpoint:")
            show_code(data.resume_command(run_id))
        links.page_link("run", "Open run", ":material/description:", run=run_id)
