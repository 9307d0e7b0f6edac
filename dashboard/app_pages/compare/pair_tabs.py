"""The tabs on two compared runs: classes, examples, confusion matrices, curves and cost, tests and export."""

import pandas as pd
import streamlit as st

from dashboard import data, state
from dashboard.app_pages.compare import charts, controls, several, tables, text, view_data
from dashboard.components import feedback, links, table_downloads
from dashboard.components.chart_cache import show_chart
from dashboard.components.classes import MAX_CLASSES_SIDE_BY_SIDE, extremes_note, search_classes, select_extremes
from dashboard.components.flips import FLIP_VALUES
from dashboard.components.glossary import help_for
from dashboard.components.safe_text import escape_markdown, show_subset, show_text

MAX_EXAMPLES = 5
"""With more flipped examples, the page shows the most confident ones."""
_MATRIX_PIXELS = 330


def show_classes(first: int, second: int) -> None:
    """Show F1 of both runs in each class, and the difference."""
    changes = view_data.class_changes(first, second)
    matching_classes = changes[changes["label"].isin(search_classes(data.labels(first)))]
    drawn = select_extremes(matching_classes, "f1")
    if len(drawn):
        show_chart(charts.class_changes(drawn, data.run_rows([first, second])[["id", "label"]]))
    if note := extremes_note(len(drawn), matching_classes["f1"].count()):
        st.caption(note)
    with st.expander("Per-class metrics"):
        tables.show_table(
            tables.format_class_changes(matching_classes, [data.run_label(first), data.run_label(second)])
        )


@feedback.safe_fragment()
def show_examples(first: int, second: int) -> None:
    """Show gained and lost examples by class, then those of one kind, the most confident ones first."""
    flipped = view_data.select_most_flipped(view_data.class_changes(first, second))
    if flipped.empty:
        show_text("No flips: both runs predict the same examples correctly.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        flip = controls.choose_flip()
        label = controls.choose_class(data.labels(first))
    _show_flips_by_class(flipped, first, second)
    examples = view_data.select_flips(first, second, flip, label)
    first_label, second_label = data.run_label(first), data.run_label(second)
    for example in examples.head(MAX_EXAMPLES).itertuples():
        with st.container(border=True):
            show_text(example.text)
            st.caption(escape_markdown(text.flip_predictions(example, first_label, second_label)))
    if examples.empty:
        show_text("No such examples.")
        return
    show_subset(MAX_EXAMPLES, len(examples), "examples", f"on which {first_label} is most confident")
    parameters = {"run": first, "against": second, "true": label, "flip": FLIP_VALUES[flip]}
    links.page_link("failures", "Show all", ":material/error_outline:", **parameters)


def _show_flips_by_class(flipped: pd.DataFrame, first: int, second: int) -> None:
    """Draw the gained and lost examples of each class; a click on a bar opens them."""
    show_chart(charts.flips_by_class(flipped), on_select="rerun", key="flips by class")
    clicked = st.session_state.get("flips by class", {}).get("selection", {}).get("flip", [])
    if clicked:
        flip = FLIP_VALUES[clicked[0]["flip"]]
        links.open_page("failures", run=first, against=second, true=clicked[0]["label"], flip=flip)


@feedback.safe_fragment()
def show_confusion_matrices(first: int, second: int) -> None:
    """Show both confusion matrices and their difference; with many classes one of the three at a time."""
    labels, total = view_data.select_most_confused(first, second), len(data.labels(first))
    cells = view_data.confusion_difference(first, second, labels)
    side_by_side = total <= MAX_CLASSES_SIDE_BY_SIDE
    shown = list(controls.MATRICES) if side_by_side else [controls.choose_matrix()]
    titles = {"first run": data.run_label(first), "second run": data.run_label(second), "difference": "Difference"}
    row = st.container(horizontal=True)  # on a narrow screen the matrices are below each other
    for which in shown:
        with row.container(width=_MATRIX_PIXELS if side_by_side else "stretch"):
            help_ = help_for("difference of confusions") if which == "difference" else None
            st.markdown(escape_markdown(titles[which]), help=help_)
            chart = charts.confusion_matrix(cells, labels, which, titles[which])
            show_chart(chart, on_select="rerun", key=f"matrix {which}")
        cell = state.clicked_cell(f"matrix {which}")
        if cell:
            run, other = (second, first) if which == "second run" else (first, second)
            links.open_page("failures", run=run, against=other, true=cell[0], predicted=cell[1])
    show_subset(len(labels), total, "classes", "whose confusions differ most")


def show_curves_and_cost(first: int, second: int) -> None:
    """Show learning curves and costs."""
    several.show_curves_and_cost([first, second])


def show_tests_and_export(first: int, second: int) -> None:
    """Show the details of the tests, all metrics, and the downloads of the tables."""
    comparison, row = data.comparison(first, second), data.run_row(first)
    *_, margin = data.verdict_sentences(first, second)
    show_text(text.accuracy_difference(comparison), help=help_for("accuracy gap"))
    show_text(margin, help=help_for("margin"))
    labels, examples = [data.run_label(first), data.run_label(second)], data.test_size(first)
    metrics = tables.format_runs(data.run_rows([first, second]))
    st.subheader("Metrics")
    tables.show_table(metrics)
    table_downloads.draw_downloads(metrics, f"runs-{first}-{second}", text.table_caption(row.dataset, examples))
    st.subheader("Per-class metrics", help=escape_markdown(text.difference_note(*labels)))
    cells = tables.format_class_changes(view_data.class_changes(first, second), labels)
    tables.show_table(cells)
    caption = text.table_caption(row.dataset, examples, *labels)
    table_downloads.draw_downloads(cells, f"classes-{first}-{second}", caption)
