"""Several compared runs: verdicts on all pairs, scores, curves and cost, settings, classes."""

import streamlit as st

from dashboard import data
from dashboard.app_pages.compare import charts, controls, tables, text, view_data
from dashboard.components import feedback, table_downloads
from dashboard.components.chart_cache import show_chart
from dashboard.components.classes import search_classes
from dashboard.components.cost import view_data as costs
from dashboard.components.cost.charts import cost_quality
from dashboard.components.cost.controls import choose_cost
from dashboard.components.glossary import help_for
from dashboard.components.safe_text import escape_markdown, show_subset
from dashboard.components.text import cost_chart_note

MAX_RUNS_DRAWN = 20
"""With more runs, the chart of intervals shows the first ones; the table has all."""


def show_verdicts(run_ids: list[int]) -> None:
    """Show the best run, the verdicts on all pairs of runs, and macro F1 of each run."""
    runs = data.run_rows(run_ids)
    best = text.best_run(view_data.best_run(runs), len(runs))
    st.markdown(f"**{escape_markdown(best)}**", help=help_for("verdict"))
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader("Verdicts", help=text.VERDICTS_HELP)
        if controls.compare_all_pairs(len(run_ids)):
            with st.spinner("Comparing all pairs …"):
                pairs = view_data.verdict_matrix(run_ids)
            show_chart(charts.verdict_matrix(pairs, list(map(data.run_label, run_ids))))
    with right:
        st.subheader("Macro F1", help="With 95% intervals.")
        drawn = runs.head(MAX_RUNS_DRAWN)
        show_chart(charts.run_intervals(view_data.select_metric(drawn, "macro_f1"), "macro_f1"))
        show_subset(len(drawn), len(runs), "runs", "selected first")


def show_tabs(run_ids: list[int]) -> None:
    """Show the details of several runs in tabs."""
    draw_by_tab = {
        "curves": show_curves_and_cost,
        "metrics": show_metrics,
        "settings": show_settings,
        "classes": show_class_scores,
    }
    for draw, tab in zip(draw_by_tab.values(), controls.draw_several_tabs(), strict=True):
        if tab.open:
            with tab:
                draw(run_ids)


def show_metrics(run_ids: list[int]) -> None:
    """Show all metrics of the runs, and how each compares with the first."""
    first, *others = run_ids
    label = data.run_label(first)
    with st.spinner(f"Comparing {len(others)} runs with the first …"):
        compared = view_data.compare_with_first(first, others)
    counts = text.verdict_counts(compared["verdict"].value_counts(), label)
    st.markdown(escape_markdown(counts), help=escape_markdown(text.difference_to_first_note(label)))
    cells = tables.format_runs(compared)
    tables.show_table(cells)
    caption = text.table_caption(data.run_row(first).dataset, data.test_size(first), label)
    table_downloads.draw_downloads(cells, "runs", caption)


def show_curves_and_cost(run_ids: list[int]) -> None:
    """Show learning curves and costs beside each other."""
    left, right = st.columns(2, gap="large")
    with left:
        _show_learning_curves(run_ids)
    with right:
        _show_costs(run_ids)


@feedback.safe_fragment()
def _show_costs(run_ids: list[int]) -> None:
    """Plot cost against quality."""
    runs, (cost, title) = data.run_rows(run_ids), choose_cost()
    points, unknown = costs.cost_quality(runs, cost), costs.without_cost(runs, cost)
    show_chart(cost_quality(points, cost, title))
    st.caption(escape_markdown(cost_chart_note(unknown, title, below=int(points["below"].sum()))))


@feedback.safe_fragment()
def _show_learning_curves(run_ids: list[int]) -> None:
    """Show the learning curves of the runs that have some."""
    name = controls.choose_curve()
    curves, missing = view_data.learning_curves(run_ids, name)
    if len(curves):
        show_chart(charts.learning_curves(curves, name))
    if missing:
        st.caption(escape_markdown(text.missing_curves(missing)))


def show_settings(run_ids: list[int]) -> None:
    """Show the settings in which the runs differ."""
    differences, equal = view_data.setting_differences(run_ids)
    if not differences.empty:
        tables.show_table(differences)
    st.caption(text.equal_settings(equal))


def show_class_scores(run_ids: list[int]) -> None:
    """Show F1 of each run in each class."""
    scores = view_data.class_scores(run_ids)
    tables.show_table(scores[scores["class"].isin(search_classes(scores["class"].tolist()))])
    caption = text.table_caption(data.run_row(run_ids[0]).dataset, data.test_size(run_ids[0]))
    table_downloads.draw_downloads(scores, "classes", caption)
