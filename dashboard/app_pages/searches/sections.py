"""Sections of the Searches page."""

from typing import TYPE_CHECKING

import streamlit as st

from core.errors import RequestError
from dashboard import data, state
from dashboard.app_pages.searches import charts, controls, tables, text, view_data
from dashboard.components import links
from dashboard.components.chart_cache import show_chart
from dashboard.components.glossary import help_for
from dashboard.components.safe_text import escape_markdown, show_text

if TYPE_CHECKING:
    from core.report.search_verdict import WinnerCheck
    from core.search.studies import SearchRecord


def show_search(name: str, *, was_running: bool) -> None:
    """Show a search; rerun the page when it begins or ends to run."""
    search = next(search for search in data.searches(state.test_set()) if search.name == name)
    is_running = data.is_search_running(search)
    if is_running != was_running:
        st.rerun()
    st.markdown(f"**{escape_markdown(text.summary(search, is_running=is_running))}**", help=help_for("trials"))
    _show_winner(search, is_running=is_running)
    importance = data.parameter_importance(name)
    left, right = st.columns(2, gap="large")
    with left:
        _show_history(search)
    with right:
        _show_importance(importance)
    if search.parameters:
        left, right = st.columns(2, gap="large")
        with left:
            _show_slice(search, view_data.ordered_parameters(search, importance))
        with right:
            _show_parallel_coordinates(search, importance)
    _show_trials(search)


def _show_winner(search: "SearchRecord", *, is_running: bool) -> None:
    """Show the check of the winner, or that there is none yet."""
    check = data.winner_check(search)
    with st.container(border=True):
        st.markdown("**Winner**", help=help_for("winner"))
        if check is None:
            show_text(text.missing_check(is_running=is_running))
            return
        try:
            recommendation, *evidence = data.winner_verdict(check)
        except RequestError as error:  # a run of the check was deleted
            show_text(error)
            return
        st.markdown(f"**{escape_markdown(recommendation)}**")
        for sentence in evidence:
            show_text(sentence)
        _show_links(check)


def _show_links(check: "WinnerCheck") -> None:
    with st.container(horizontal=True):
        winner, default = check.winner_runs[0], check.default_runs[0]
        links.page_link("run", "Open run", ":material/description:", run=winner)
        if not check.is_default:
            links.page_link(
                "compare", "Compare with defaults", ":material/compare_arrows:", run=winner, against=default
            )


def _show_history(search: "SearchRecord") -> None:
    st.subheader("Optimization history", help=help_for("optimization history"))
    trials = view_data.history(search.trials)
    show_chart(charts.history(trials, view_data.best_so_far(search.trials)))
    st.caption(text.edge_note(trials))


def _show_importance(importance: dict[str, float]) -> None:
    st.subheader("Parameter importance", help=help_for("parameter importance"))
    if importance:
        show_chart(charts.importance(view_data.importance_bars(importance)))
    else:
        show_text("Needs at least two complete trials with different scores.")


def _show_slice(search: "SearchRecord", parameters: list[str]) -> None:
    st.subheader("Slice", help=help_for("parameter slice"))
    parameter = controls.choose_parameter(parameters)
    trials = view_data.slice_of(search.trials, parameter)
    if trials.empty:
        show_text("No trial with a score yet.")
    else:
        show_chart(charts.parameter_slice(trials, parameter, is_log=view_data.is_log(trials["parameter"])))


def _show_parallel_coordinates(search: "SearchRecord", importance: dict[str, float]) -> None:
    st.subheader("Parallel coordinates", help=help_for("parallel coordinates"))
    coordinates, ends = view_data.parallel_coordinates(search, importance)
    if coordinates.empty:
        show_text("No complete trial yet.")
    else:
        show_chart(charts.parallel_coordinates(coordinates, ends))


def _show_trials(search: "SearchRecord") -> None:
    st.subheader("Trials", help=help_for("trials"))
    selected = tables.show_trials(view_data.trials_best_first(search.trials), search.parameters)
    if selected is None:
        return
    if isinstance(selected.error, str):
        show_text(f"Trial {selected.number} failed: {selected.error}")
    if selected.run == selected.run:
        links.page_link("run", f"Open run #{int(selected.run)}", ":material/description:", run=int(selected.run))
