"""All runs on a test set: the best one, and the score and cost of each."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.errors import RequestError
from dashboard import data, state
from dashboard.app_pages.runs import bulk_actions, controls, saved_views, tables, text, view_data
from dashboard.app_pages.runs.groups import SEEDS
from dashboard.app_pages.runs.run_table import show_table
from dashboard.components import active_runs, default_runs, feedback, links, run_actions, table_downloads
from dashboard.components.chart_cache import show_chart
from dashboard.components.configurations import excluded_runs, leading_configurations, ranking_of, typical_runs
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
ranking = ranking_of(test_set)
best_baseline = default_runs.best_baseline(test_set)


def show_best_configuration() -> Callable[[], None]:
    """Show the best configuration, its seeds and links to it; return a function that adds its verdicts."""
    best, *others = leading_configurations(test_set)
    st.markdown(f"**{escape_markdown(text.best_configuration(best))}**")
    if note := text.seed_note(best, excluded_runs(best.group_key)):
        show_text(note)
    verdicts = st.container()
    baseline = default_runs.reference_baseline(best.id)
    with st.container(horizontal=True):
        links.page_link("run", "Open run", run=best.id)
        links.page_link("compare", "Compare", run=best.id, against=baseline)
        links.page_link("failures", "Failures", run=best.id, against=baseline)

    def add_verdicts() -> None:
        with verdicts:
            try:
                show_verdict_on_best(best, others, None if best.kind == "baseline" else baseline)
            except RequestError as error:  # of runs without predictions
                show_text(error)

    return add_verdicts


def show_verdict_on_best(best: Any, others: Sequence[Any], baseline: int | None) -> None:
    """Show in words and bars how the best configuration compares with its baseline and with other configurations."""
    rows, sentences = [], []
    if baseline is None:
        sentences.append(missing_baseline(data.run_row(best.id)))
    else:
        rows.append(compare_configurations(f"vs {data.run_label(baseline)}", best, baseline))
        sentences.append(text.baseline_note(rows[-1]["verdict"]))
        sentences.append(data.comparison(best.id, baseline).undertraining or "")
    for other in others:
        name = text.configuration(other)
        rows.append(compare_configurations(f"vs {name}", best, int(other.id)))
        sentences.append(text.next_configuration(name, rows[-1]["verdict"]))
    show_text(" ".join(filter(None, sentences)))
    show_verdicts(rows)


def reserve_headline() -> DeltaGenerator:
    """Return a container that the shell's style makes as high as its later content, so that nothing below it moves."""
    fine_tuned = int((ranking["kind"] != "baseline").sum())
    with_baseline = min(fine_tuned, 2) if best_baseline is not None else max(fine_tuned - 1, 0)
    return st.container(border=True, key=f"headline-{min(with_baseline, 2)}")


def compare_configurations(name: str, best: Any, against: int) -> Any:
    """Return a row of the verdict chart: over the common seeds of two configurations, else of one run of each."""
    over_seeds = data.configuration_comparison(best.id, against)
    note = " (one run each)" if over_seeds is None and best.seeds > 1 else ""
    return verdict_row(f"{name}{note}", data.comparison(best.id, against), over_seeds)


@feedback.safe_fragment()  # a filter or a selection redraws the table, not the page
def show_runs() -> None:
    """Show the table of runs with its controls, and the actions on selected runs."""
    run_actions.refresh_page_if_changed()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        view, filters = controls.choose_filters(test_set)
        by = controls.choose_grouping(view, test_set)
        columns = controls.choose_columns(view, test_set, grouped=bool(by))
        saved_views.choose_view(view, test_set)
    run_actions.offer_undo()  # near the button that was clicked
    filtered = view_data.filtered_runs(view, test_set, filters)
    if filtered.empty:
        show_no_runs(view, are_filtered=not view_data.prepare_runs(view, test_set).empty)
        return
    sort, descending = controls.get_order()
    rows = view_data.sorted_rows(view, test_set, filters, by, tables.COLUMNS[sort].field, descending=descending)
    show_table_page(rows, filtered, columns, view, by)
    if view == view_data.ACTIVE:
        active_runs.show_runs_without_scores(filtered, controls.filter_without_scores)


def show_no_runs(view: str, *, are_filtered: bool) -> None:
    """Say that the view has no runs, or that none matches the filters, and offer to clear them."""
    if not are_filtered:
        st.info(text.NO_RUNS[view], icon=":material/info:")
        return
    st.info("No run matches these filters.", icon=":material/filter_alt:")
    st.button("Clear filters", on_click=controls.clear_filters, key="clear filters of empty table")


def show_table_page(rows: pd.DataFrame, filtered: pd.DataFrame, columns: list[str], view: str, by: list[str]) -> None:
    """Show the number of rows or the selected runs with their actions, then one page of the rows."""
    bar = st.container(key="selection")
    number = controls.choose_page(len(rows))
    page = view_data.select_page(rows, number)
    page = view_data.add_curves(page) if "curve" in columns else page
    cells = tables.format_runs(page, columns)
    sort, descending = controls.get_order()
    heads = tables.table_heads(columns, sort, descending=descending)
    opened = show_table(heads, tables.table_rows(page, cells, columns), controls.sort_by)
    if opened is not None:
        links.open_page("run", run=opened)
    selected = filtered[filtered["id"].isin(state.selected_runs())]
    with bar:
        if selected.empty:
            show_counts(rows, page, number, columns, view, by)
        else:
            show_selected(selected, view, SEEDS in by, view_data.tags_of(filtered))


def show_counts(
    rows: pd.DataFrame, page: pd.DataFrame, number: int, columns: list[str], view: str, by: list[str]
) -> None:
    """Show the number of rows, the runs that no mean contains, and the downloads of all rows."""
    unit = "run" if not by else "configuration" if SEEDS in by else "group"
    counts = [text.row_range(*view_data.page_range(number, len(rows)), len(rows), unit)]
    if by and view == view_data.ACTIVE:
        counts.append(text.excluded_note(view_data.excluded_from_means(test_set)))
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        sentence = ". ".join(filter(None, counts))
        st.markdown(escape_markdown(sentence), help=text.table_help(page, grouped=bool(by)), width="content")
        with st.popover("Download", key="download"):
            texts = [column for column in columns if column != "curve"]
            table_downloads.draw_downloads(partial(tables.format_runs, rows, texts), "runs")


def show_selected(selected: pd.DataFrame, view: str, by_seeds: bool, tags: list[str]) -> None:
    """Show which runs are selected, and the actions on them."""
    shown = typical_runs(selected) if by_seeds else selected["id"].astype(int).tolist()
    bulk_actions.ACTIONS[view](selected, shown, tags)
    for row in view_data.configurations_to_compare(selected) if by_seeds else []:
        verdict = data.configuration_verdict(row.id, row.baseline_id)
        show_text(text.configuration_verdict(row.name, data.run_label(row.baseline_id), verdict))


def show_costs() -> None:
    """Plot cost against quality."""
    title = st.empty()
    cost, axis_title = choose_cost()
    points, number = view_data.chart_points(test_set, cost)
    unknown = costs.without_cost(complete, cost)
    note = text.runs_drawn(number, len(complete))
    note += cost_chart_note(unknown, axis_title, below=int(points["below"].sum()))
    title.subheader("Cost and quality", help=escape_markdown(note))
    show_chart(cost_charts.cost_quality(points, cost, axis_title))


headline = None if ranking.empty else reserve_headline()
active_runs.show_runs_in_progress()
table_place, costs_place = st.container(), st.container()
if headline is not None:
    with headline:
        add_verdicts = show_best_configuration()
    with costs_place:  # before the table: the browser loads its library of charts meanwhile
        show_costs()
with table_place:
    show_runs()
if headline is not None:
    add_verdicts()  # last: the first comparison of a session takes a second to load
