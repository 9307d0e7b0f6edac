"""All runs on a test set: the best one, and the score and cost of each."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.errors import RequestError
from dashboard import data, state
from dashboard.app_pages.runs import bulk_actions, controls, tables, text, view_data
from dashboard.components import active_runs, default_runs, feedback, links, run_actions, table_downloads
from dashboard.components.chart_cache import show_chart
from dashboard.components.configurations import excluded_runs, leading_configurations, rank_configurations, typical_runs
from dashboard.components.cost import charts as cost_charts
from dashboard.components.cost import view_data as costs
from dashboard.components.cost.controls import choose_cost
from dashboard.components.safe_text import escape_markdown, show_text
from dashboard.components.text import cost_chart_note, missing_baseline
from dashboard.components.verdict import show_verdicts, verdict_row

st.title("Runs")
bulk_actions.stop_if_all_in_trash()
feedback.stop_if_empty(
    "This page lists the runs on a test set with their scores and cost, and compares each with its best baseline."
)
test_set = state.test_set()
complete = data.complete_runs(test_set)
ranking = rank_configurations(complete)
best_baseline = default_runs.best_baseline(test_set)


def show_best_configuration() -> None:
    """Show the best configuration, its seeds, and how it compares with its baseline and the next configuration."""
    best, *others = leading_configurations(ranking)
    st.markdown(f"**{escape_markdown(text.best_configuration(best))}**")
    excluded = excluded_runs(pd.concat([data.all_runs(), data.trashed_runs()]), best.group_key)
    if note := text.seed_note(best, excluded):
        show_text(note)
    baseline = default_runs.reference_baseline(best.id)
    try:
        show_verdict_on_best(best, others, None if best.kind == "baseline" else baseline)
    except RequestError as error:  # of runs without predictions
        show_text(error)
    links.run_links(best.id, against=baseline)


def show_verdict_on_best(best: Any, others: Sequence[Any], baseline: int | None) -> None:
    """Show in words and bars how the best configuration compares with its baseline and with other configurations."""
    rows, sentences = [], []
    if baseline is None:
        sentences.append(missing_baseline(data.run_row(best.id)))
    else:
        rows.append(compare_configurations(f"vs {data.run_label(baseline)}", best, baseline))
        sentences.append(text.baseline_note(rows[-1]["verdict"], data.run_label(baseline)))
        sentences.append(data.comparison(best.id, baseline).undertraining or "")
    for other in others:
        name = text.configuration(other)
        rows.append(compare_configurations(f"vs {name}", best, int(other.id)))
        sentences.append(text.next_configuration(name, rows[-1]["verdict"]))
    show_text(" ".join(filter(None, sentences)))
    show_verdicts(rows)


def reserve_headline() -> DeltaGenerator:
    """Return a container that the shell's style makes as high as its later content, so that nothing below it moves."""
    tuned = int((ranking["kind"] != "baseline").sum())
    with_baseline = min(tuned, 2) if best_baseline is not None else max(tuned - 1, 0)
    return st.container(border=True, key=f"headline-{min(with_baseline, 2)}")


def compare_configurations(name: str, best: Any, against: int) -> Any:
    """Return a row of the verdict chart: over the common seeds of two configurations, else of one run of each."""
    over_seeds = data.configuration_comparison(best.id, against)
    note = " (one run each)" if over_seeds is None and best.seeds > 1 else ""
    return verdict_row(f"{name}{note}", data.comparison(best.id, against), over_seeds)


@feedback.safe_fragment()  # a filter or a selection redraws the table, not the page
def show_runs() -> None:
    """Show the table of runs with its filters, and the actions on selected runs."""
    run_actions.refresh_page_if_changed()
    bar = st.container(horizontal=True, vertical_alignment="bottom")
    with bar:
        view = controls.choose_view()
    runs = controls.runs_of(view, test_set)
    if runs.empty:
        st.info(text.NO_RUNS[view], icon=":material/info:")
        run_actions.offer_undo()
        return
    versions = data.dataset_versions(test_set)
    runs = view_data.add_baseline_differences(view_data.add_versions(runs, versions), best_baseline)
    varying = view_data.varying_settings(runs)
    with bar:
        filters = controls.choose_filters(runs, versions, varying)
        order, descending = controls.choose_order()
        grouped = controls.choose_grouping()
        columns = controls.choose_columns(varying, several_versions=len(versions) > 1)
    filtered = view_data.filter_runs(runs, filters)
    if filtered.empty:
        show_no_match()
        return
    rows = view_data.group_seeds(filtered) if grouped else filtered
    rows = view_data.sort_runs(rows, order, descending=descending)
    run_actions.offer_undo()  # at the place of the button that was clicked
    show_selected(filtered[filtered["id"].isin(state.selected_runs())], view, grouped, view_data.tags_of(runs))
    shown = show_table_page(rows, controls.columns_shown(columns, grouped=grouped), view, grouped)
    table_downloads.draw_downloads(shown, "runs")
    if view == controls.ACTIVE:
        active_runs.show_runs_without_scores(filtered, controls.filter_without_scores)


def show_no_match() -> None:
    """Say that no run matches the filters, and offer to clear them."""
    st.info("No run matches these filters.", icon=":material/filter_alt:")
    st.button("Clear filters", on_click=controls.clear_filters, key="clear filters of empty table")
    run_actions.offer_undo()


def show_table_page(rows: pd.DataFrame, columns: list[str], view: str, grouped: bool) -> pd.DataFrame:
    """Show one page of the rows; return its cells."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        counter = st.empty()
        number = controls.choose_page(len(rows))
    show_text(text.row_range(*view_data.page_range(number, len(rows)), len(rows), grouped=grouped), counter)
    page = view_data.select_page(rows, number)
    cells = tables.format_runs(page, columns)
    tables.show_runs(cells, page["ids"].tolist(), state.selected_runs(), controls.sort_by)
    st.caption(text.table_note(page, grouped=grouped))
    return cells


def show_selected(selected: pd.DataFrame, view: str, grouped: bool, tags: list[str]) -> None:
    """Show which runs are selected, and the actions on them: above the table, where they are always in sight."""
    with st.container(border=True, key="selection"):
        if selected.empty:
            show_text(text.SELECT[view])
            return
        shown = typical_runs(selected) if grouped else selected["id"].astype(int).tolist()
        bulk_actions.ACTIONS[view](selected, shown, tags)
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
    note = cost_chart_note(unknown, title, below=int(points["below"].sum()))
    note = text.runs_drawn(len(drawn), len(complete)) + note
    st.caption(escape_markdown(note))


headline = None if ranking.empty else reserve_headline()
active_runs.show_runs_in_progress()
show_runs()
if headline is not None:
    show_costs()
    with headline:  # last: the first comparison of a session takes a second to load
        show_best_configuration()
