"""All runs on one test set: which one is the best, and what each of them cost."""

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import data, state
from dashboard.app_pages.runs import bulk_actions as actions
from dashboard.app_pages.runs import controls, tables
from dashboard.app_pages.runs import text as words
from dashboard.app_pages.runs import view_data as frames
from dashboard.components import active_runs as live
from dashboard.components import default_runs as choices
from dashboard.components import feedback, links
from dashboard.components import table_downloads as exports
from dashboard.components.chart_cache import show_chart
from dashboard.components.cost import charts
from dashboard.components.cost import view_data as costs
from dashboard.components.cost.controls import choose_cost
from dashboard.components.safe_text import escape_markdown, isolate_rtl, show_text
from dashboard.components.text import baseline_verdict, cost_chart_note, missing_baseline

st.title("Runs")
actions.offer_restore()
feedback.stop_if_empty("This page will list every run with its scores, what it cost, and if it beats the baselines.")
test_set = state.test_set()
complete = data.complete_runs(test_set)
best = None if complete.empty else int(complete["id"].iloc[0])
baseline = choices.best_baseline(test_set)
reference_baseline = None if best == baseline else baseline


def show_best(run: int) -> Any:
    """Say which run is the best, and over how many seeds; return where the verdict on it belongs."""
    row = data.run_row(run)
    with st.container(border=True):
        st.markdown(f"**{escape_markdown(words.best_so_far(row))}**")
        seeds = words.of_seeds(frames.of_group(complete, row.group_key)["macro_f1"].tolist())
        if seeds:
            show_text(seeds)
        verdict = st.empty()
        verdict.text("Comparing with the best baseline …" if reference_baseline else missing_baseline(row))
        links.run_links(run, against=reference_baseline)
    return verdict


@feedback.safe_fragment()  # a filter or a tick draws the table anew, not the page
def show_runs() -> None:
    """Show the table of runs with its filters, and what can be done with ticked ones."""
    actions.refresh_page_if_changed()
    bar = st.container(horizontal=True, vertical_alignment="bottom")
    with bar:
        view = controls.choose_view()
    runs = controls.runs_of(view, test_set)
    if runs.empty:
        st.info(words.NOTHING[view], icon=":material/info:")
        actions.offer_undo()
        return
    versions = data.dataset_versions(test_set)
    runs = frames.against_baselines(frames.with_versions(runs, versions), baseline)
    with bar:
        wanted = controls.choose_filters(runs, versions)
        order, descending = controls.choose_order()
        grouped = controls.group_seeds()
        titles = controls.choose_columns(several_versions=len(versions) > 1)
    found = frames.filtered(runs, wanted)
    if found.empty:
        st.info("No run passes these filters.", icon=":material/filter_alt:")
        st.button("Clear all filters", on_click=controls.clear_filters, key="clear them")
        actions.offer_undo()
        return
    rows = frames.ordered(frames.groups(found) if grouped else found, order, descending=descending)
    shown = show_page(rows, controls.titles_of(titles, grouped=grouped), view, grouped)
    actions.offer_undo()  # where the button was that was clicked
    show_chosen(found[found["id"].isin(state.selected_runs())], view, grouped, frames.tags_of(runs))
    exports.downloads(shown, "runs")
    if view == controls.ACTIVE:
        live.show_runs_without_scores(found, controls.without_scores)


def show_page(rows: pd.DataFrame, titles: list[str], view: str, grouped: bool) -> pd.DataFrame:
    """Show one page of the rows; return its cells."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        counted = st.empty()
        number = controls.choose_page(len(rows))
    first, last = frames.range_of(number, len(rows))
    counted.text(words.rows_of(first, last, len(rows), grouped=grouped))
    page = frames.page(rows, number)
    shown = tables.written(page, titles)
    tables.choose(shown, page["ids"].tolist(), state.selected_runs(), controls.sort_by)
    st.caption(words.how_to_read(page, grouped=grouped, trash=view == controls.TRASH))
    return shown


def show_chosen(chosen: pd.DataFrame, view: str, grouped: bool, tags: list[str]) -> None:
    """Name the ticked runs, and draw what can be done with them."""
    if chosen.empty:
        return
    with st.container(border=True):
        show_text(words.chosen(chosen["label"].tolist()))
        actions.ACTIONS[view](chosen, tags)
        for one in frames.configurations(chosen) if grouped else []:
            sentence = data.configuration_verdict(one.id, one.baseline_id)
            show_text(words.over_seeds(one.name, data.run_label(one.baseline_id), sentence))


def show_costs() -> None:
    """Draw what runs cost against what they are worth."""
    st.subheader("Cost against quality")
    cost, title = choose_cost()
    some = frames.for_chart(complete, cost)
    show_chart(charts.cost_quality(costs.cost_quality(some, cost), cost, title))
    left_out = costs.without_cost(complete, cost)
    st.caption(escape_markdown(words.drawn(len(some), len(complete)) + cost_chart_note(left_out, title)))


def verdict_on(run: int, reference_baseline: int) -> str:
    """Return how the best run stands to the best baseline and to the next adapter."""
    sentences = [baseline_verdict(data.comparison(run, reference_baseline))]
    second = choices.runner_up(test_set)
    if second is not None:
        seeds = len(frames.of_group(complete, data.run(second).group_key))
        told_apart = data.comparison(run, second).result.verdict == "helped"
        sentences.append(words.against_next(data.run_label(second), seeds, told_apart=told_apart))
    return " ".join(sentences)


verdict: Any = None if best is None else show_best(best)
live.show_runs_in_progress()
show_runs()
if best is not None:
    show_costs()
if (
    best is not None and reference_baseline is not None
):  # last: the first comparison of a session takes a second to load
    verdict.text(isolate_rtl(verdict_on(best, reference_baseline)))
