"""All runs on a test set: the best one, and the score and cost of each."""

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import data, state
from dashboard.app_pages.runs import bulk_actions, controls, tables, text, view_data
from dashboard.components import active_runs, default_runs, feedback, links, table_downloads
from dashboard.components.chart_cache import show_chart
from dashboard.components.cost import charts as cost_charts
from dashboard.components.cost import view_data as costs
from dashboard.components.cost.controls import choose_cost
from dashboard.components.safe_text import escape_markdown, show_text
from dashboard.components.text import baseline_verdict, cost_chart_note, missing_baseline

st.title("Runs")
bulk_actions.stop_if_all_in_trash()
feedback.stop_if_empty(
    "This page lists the runs on a test set with their scores and cost, and compares each with its best baseline."
)
test_set = state.test_set()
complete = data.complete_runs(test_set)
best = None if complete.empty else int(complete["id"].iloc[0])
best_baseline = default_runs.best_baseline(test_set)
reference_baseline = None if best == best_baseline else best_baseline


def show_best_run(run_id: int) -> DeltaGenerator:
    """Show the best run and its seeds; return the placeholder of the verdict on it."""
    row = data.run_row(run_id)
    with st.container(border=True):
        st.markdown(f"**{escape_markdown(text.best_run(row))}**")
        seeds = text.seed_summary(view_data.select_configuration(complete, row.group_key)["macro_f1"].tolist())
        if seeds:
            show_text(seeds)
        placeholder = st.empty()
        show_text("Comparing with the best baseline …" if reference_baseline else missing_baseline(row), placeholder)
        links.run_links(run_id, against=reference_baseline)
    return placeholder


@feedback.safe_fragment()  # a filter or a selection redraws the table, not the page
def show_runs() -> None:
    """Show the table of runs with its filters, and the actions on selected runs."""
    bulk_actions.refresh_page_if_changed()
    bar = st.container(horizontal=True, vertical_alignment="bottom")
    with bar:
        view = controls.choose_view()
    runs = controls.runs_of(view, test_set)
    if runs.empty:
        st.info(text.NO_RUNS[view], icon=":material/info:")
        bulk_actions.offer_undo()
        return
    versions = data.dataset_versions(test_set)
    runs = view_data.add_baseline_differences(view_data.add_versions(runs, versions), best_baseline)
    with bar:
        filters = controls.choose_filters(runs, versions)
        order, descending = controls.choose_order()
        grouped = controls.choose_grouping()
        columns = controls.choose_columns(several_versions=len(versions) > 1)
    filtered = view_data.filter_runs(runs, filters)
    if filtered.empty:
        show_no_match()
        return
    rows = view_data.group_seeds(filtered) if grouped else filtered
    rows = view_data.sort_runs(rows, order, descending=descending)
    shown = show_table_page(rows, controls.columns_shown(columns, grouped=grouped), view, grouped)
    bulk_actions.offer_undo()  # at the place of the button that was clicked
    show_selected(filtered[filtered["id"].isin(state.selected_runs())], view, grouped, view_data.tags_of(runs))
    table_downloads.draw_downloads(shown, "runs")
    if view == controls.ACTIVE:
        active_runs.show_runs_without_scores(filtered, controls.filter_without_scores)


def show_no_match() -> None:
    """Say that no run matches the filters, and offer to clear them."""
    st.info("No run matches these filters.", icon=":material/filter_alt:")
    st.button("Clear filters", on_click=controls.clear_filters, key="clear filters of empty table")
    bulk_actions.offer_undo()


def show_table_page(rows: pd.DataFrame, columns: list[str], view: str, grouped: bool) -> pd.DataFrame:
    """Show one page of the rows; return its cells."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        counter = st.empty()
        number = controls.choose_page(len(rows))
    show_text(text.row_range(*view_data.page_range(number, len(rows)), len(rows), grouped=grouped), counter)
    page = view_data.select_page(rows, number)
    cells = tables.format_runs(page, columns)
    tables.show_runs(cells, page["ids"].tolist(), state.selected_runs(), controls.sort_by)
    st.caption(text.table_note(page, grouped=grouped, trash=view == controls.TRASH))
    return cells


def show_selected(selected: pd.DataFrame, view: str, grouped: bool, tags: list[str]) -> None:
    """Show which runs are selected, and the actions on them."""
    if selected.empty:
        return
    with st.container(border=True):
        show_text(text.selection(selected["label"].tolist()))
        bulk_actions.ACTIONS[view](selected, tags)
        for row in view_data.configurations_to_compare(selected) if grouped else []:
            verdict = data.configuration_verdict(row.id, row.baseline_id)
            show_text(text.configuration_verdict(row.name, data.run_label(row.baseline_id), verdict))


def show_costs() -> None:
    """Plot cost against quality."""
    st.subheader("Cost and quality")
    cost, title = choose_cost()
    drawn = view_data.select_for_chart(complete, cost)
    points, unknown = costs.cost_quality(drawn, cost), costs.without_cost(complete, cost)
    show_chart(cost_charts.cost_quality(points, cost, title))
    note = cost_chart_note(unknown, title, has_untrained=costs.has_untrained(points, cost))
    note = text.runs_drawn(len(drawn), len(complete)) + note
    st.caption(escape_markdown(note))


def best_run_verdict(run_id: int, baseline: int) -> str:
    """Return how the best run compares with the best baseline and with the next configuration."""
    compared = data.comparison(run_id, baseline)
    sentences = [baseline_verdict(compared)]
    second = default_runs.runner_up(test_set)
    if second is not None:
        seeds = len(view_data.select_configuration(complete, data.run(second).group_key))
        is_better = data.comparison(run_id, second).result.verdict == "helped"
        sentences.append(text.next_configuration(data.run_label(second), seeds, is_better=is_better))
    return " ".join([*sentences, compared.undertraining or ""])


verdict = None if best is None else show_best_run(best)
active_runs.show_runs_in_progress()
show_runs()
if best is not None:
    show_costs()
    if reference_baseline is not None:  # last: the first comparison of a session takes a second to load
        show_text(best_run_verdict(best, reference_baseline), verdict)
