"""Runs in progress: how far each is, drawn anew while there are any, and those that ended without scores."""

from typing import Any

import pandas as pd
import streamlit as st

from core.text.formatting import format_count
from dashboard import data, state
from dashboard.app_pages.run import view_data as frames
from dashboard.app_pages.runs import text as words
from dashboard.components.safe_text import quote, say
from dashboard.components.text import failure_of, plain

EVERY = "2s"
MOST = 10
"""So many runs at work, and of those without scores a third as many, are told of one by one."""


def show_runs_in_progress() -> None:
    """Draw how far each run at work on the chosen test set is; nothing where none is."""
    going = _at_work()
    if len(going):
        _watch(going["id"].tolist())


def _at_work() -> pd.DataFrame:
    """Return the runs at work, those without data yet among them, the newest first."""
    runs = data.runs(state.test_set())
    return runs[runs["state"] == "running"].sort_values("id", ascending=False)


@state.part(run_every=EVERY)
def _watch(known: list[int]) -> None:
    """Draw the runs at work anew; where one has ended or begun the whole page changes with it."""
    going = _at_work()
    if going["id"].tolist() != known:
        st.rerun()
    with st.container(border=True):
        st.markdown(f"**At work: {format_count(len(going))}**")
        for row in going.head(MOST).itertuples(index=False):
            _show(row)
        if len(going) > MOST:
            st.caption(f"And {format_count(len(going) - MOST)} more: they stand in the table.")


def _show(row: Any) -> None:
    st.progress(share_done(row), text=plain(words.progress(row, seconds_left(row))))
    log = st.expander("Log", key=f"log {row.id}", on_change="rerun", icon=":material/subject:")
    if log.open:
        with log:
            show_log(row.id)


def show_log(run_id: int) -> None:
    """Show the last lines of a run's log."""
    lines = data.log(run_id)
    quote("\n".join(lines["text"]) or "Nothing is logged yet.", height=200)


def _done(row: Any) -> tuple[float, float, float]:
    """Return a run's steps so far, all of them and the seconds so far; 0 for each that is not known yet."""
    step, total, seconds = (
        0.0 if pd.isna(value) else float(value) for value in (row.step, row.total_steps, row.train_seconds)
    )
    return step, total, seconds


def share_done(row: Any) -> float:
    """Return how much of its training a run has done, from its row: 0 to 1."""
    step, total, _ = _done(row)
    return min(step / total, 1.0) if total else 0.0


def seconds_left(row: Any) -> float | None:
    """Return how long the rest of a training takes at its speed so far; None where that is not known or over."""
    step, total, seconds = _done(row)
    return seconds / step * (total - step) if seconds and 0 < step < total else None


def show_without_scores(runs: pd.DataFrame, on_more: Any) -> None:
    """Tell why the newest of these runs ended without scores; a button shows the others in the table."""
    ended = runs[~runs["state"].isin(["complete", "running"])].sort_values("id", ascending=False)
    if ended.empty:
        return
    st.subheader("Ended without scores")
    for run_id in ended["id"].head(MOST // 3):
        _show_end(int(run_id))
    rest = len(ended) - MOST // 3
    if rest > 0:
        said = f"All {format_count(len(ended))} in the table"
        st.button(said, icon=":material/filter_alt:", on_click=on_more, key="without scores")


def _show_end(run_id: int) -> None:
    run = data.run(run_id)
    with st.container(border=True):
        say(f"{data.label(run_id)}. {failure_of(run)}")
        if run.error_message:
            quote(f"{run.error_type}: {run.error_message}")
        elif len(last := data.log(run_id, 1)):
            quote(f"The last line of its log: {last['text'].iloc[0]}")
        if data.can_go_on(run_id):
            st.caption("It can go on where it stopped:")
            quote(frames.resuming(run_id), language="bash")
        state.link("run", "Open this run", ":material/description:", run=run_id)
