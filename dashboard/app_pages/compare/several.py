"""Sections on several compared runs: ranking, settings, class scores, all pairs, cost and learning curves."""

import streamlit as st

from dashboard import data
from dashboard.app_pages.compare import charts, controls, tables, text, view_data
from dashboard.components import feedback, table_downloads
from dashboard.components.chart_cache import show_chart
from dashboard.components.cost import view_data as costs
from dashboard.components.cost.charts import cost_quality
from dashboard.components.cost.controls import choose_cost
from dashboard.components.glossary import help_for
from dashboard.components.safe_text import escape_markdown, isolate_rtl, show_text
from dashboard.components.text import cost_chart_note, describe_subset

MAX_RUNS_DRAWN = 20
"""With more runs, the charts of intervals show the first ones; the table has all."""


def show_ranking(run_ids: list[int]) -> None:
    """Show the scores of several runs at once, then how each compares with the first."""
    first, *others = run_ids
    runs, first_label = data.run_rows(run_ids), data.run_label(first)
    with st.container(border=True):
        st.markdown(f"**{escape_markdown(text.best_run(view_data.best_run(runs), len(runs)))}**")
        verdicts = st.empty()
        st.caption(escape_markdown(text.difference_to_first_note(first_label)))
    table = st.empty()
    with table.container():
        tables.show_table(tables.format_runs(runs))
    with verdicts, st.spinner(f"Comparing {len(others)} runs with the first …"):
        compared = view_data.compare_with_first(first, others)
    verdicts.text(isolate_rtl(text.verdict_counts(compared["verdict"].value_counts(), first_label)))
    cells = tables.format_runs(compared)
    with table.container():
        tables.show_table(cells)
    caption = text.table_caption(data.run_row(first).dataset, data.test_size(first), first_label)
    table_downloads.draw_downloads(cells, "runs", caption)
    drawn = compared.head(MAX_RUNS_DRAWN)
    for column, metric in zip(st.columns(2, gap="large"), ("macro_f1", "accuracy"), strict=True):
        with column:
            show_chart(charts.run_intervals(view_data.select_metric(drawn, metric), metric))
    st.caption(describe_subset(len(drawn), len(compared), "runs", "selected first") + "Bars: 95% intervals.")


@feedback.safe_fragment()
def show_costs(run_ids: list[int]) -> None:
    """Plot cost against quality."""
    st.subheader("Cost and quality")
    runs, (cost, title) = data.run_rows(run_ids), choose_cost()
    points, unknown = costs.cost_quality(runs, cost), costs.without_cost(runs, cost)
    show_chart(cost_quality(points, cost, title))
    note = cost_chart_note(unknown, title, below=int(points["below"].sum()))
    st.caption(escape_markdown(note))


@feedback.safe_fragment()
def show_learning_curves(run_ids: list[int]) -> None:
    """Show the learning curves of the runs that have some."""
    st.subheader("Learning curves", help=help_for("learning curves"))
    name = controls.choose_curve()
    curves, missing = view_data.learning_curves(run_ids, name)
    if curves.empty:
        show_text("None of these runs logged this curve.")
        return
    show_chart(charts.learning_curves(curves, name))
    st.caption(escape_markdown(text.missing_curves(missing)))


def show_settings(run_ids: list[int]) -> None:
    """Show the settings in which the runs differ."""
    st.subheader("Different settings")
    differences, equal = view_data.setting_differences(run_ids)
    if not differences.empty:
        tables.show_table(differences)
    st.caption(text.equal_settings(equal))


def show_class_scores(run_ids: list[int]) -> None:
    """Show F1 of each run in each class."""
    st.subheader("F1 by class", help=help_for("F1"))
    scores = view_data.class_scores(run_ids)
    tables.show_table(scores)
    st.caption("F1 in percent, with 95% intervals.")
    caption = text.table_caption(data.run_row(run_ids[0]).dataset, data.test_size(run_ids[0]))
    table_downloads.draw_downloads(scores, "classes", caption)


def show_all_pairs(run_ids: list[int]) -> None:
    """Show the differences of all pairs of runs."""
    st.subheader("All pairs", help=help_for("verdict"))
    if controls.compare_all_pairs(len(run_ids)):
        with st.spinner("Comparing all pairs …"):
            pairs = view_data.verdict_matrix(run_ids)
        show_chart(charts.verdict_matrix(pairs, list(map(data.run_label, run_ids))))
        st.caption(
            "Macro F1 of the row minus the column, in points; bold and colored: p < .05, not adjusted for the number "
            "of pairs. Gray: inconclusive."
        )
