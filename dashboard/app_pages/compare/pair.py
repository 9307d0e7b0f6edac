"""Sections on two compared runs: verdict, classes, flips and confusion matrices."""

import pandas as pd
import streamlit as st

from core.text.formatting import format_count
from dashboard import data, state
from dashboard.app_pages.compare import charts, controls, tables, text, view_data
from dashboard.components import feedback, links, pickers, table_downloads
from dashboard.components.chart_cache import show_chart
from dashboard.components.flips import FLIP_VALUES
from dashboard.components.glossary import help_for
from dashboard.components.safe_text import escape_markdown, show_text
from dashboard.components.text import describe_subset
from dashboard.components.verdict import rows_with_seeds, show_verdicts

MAX_EXAMPLES = 5
"""With more flipped examples, the page shows the most confident ones."""
_MATRIX_PIXELS = 330


def show_verdict(first: int, second: int, *, of_several: bool) -> None:
    """Show the verdict, the different settings, and the details of the tests.

    ``of_several``: whether the pair was selected from the runs of the page, which then links to the pair alone.
    """
    comparison = data.comparison(first, second)
    verdict, *over_seeds, margin = data.verdict_sentences(first, second)
    with st.container(border=True):
        st.markdown(f"**{escape_markdown(verdict)}**", help=help_for("verdict"))
        for sentence in over_seeds:
            show_text(sentence, help=help_for("over seeds"))
        show_verdicts(rows_with_seeds("these runs", comparison, data.configuration_comparison(first, second)))
        show_text(text.different_settings(*view_data.setting_differences([first, second])))
        st.caption(escape_markdown(text.difference_note(data.run_label(first), data.run_label(second))))
        with st.expander("Statistical tests", icon=":material/functions:"):
            show_text(margin, help=help_for("margin"))
            show_text(text.accuracy_difference(comparison), help=help_for("accuracy gap"))
        if of_several:
            links.page_link("compare", "Open this pair", ":material/compare_arrows:", run=first, against=second)
        else:
            pickers.swap_button(first, second)
    warning = text.version_warning(comparison)
    if warning:
        st.warning(escape_markdown(warning), icon=":material/warning:")


def show_differences(first: int, second: int) -> None:
    """Show where two runs differ: metrics, classes, flips, confusion matrices."""
    row, labels = data.run_row(first), [data.run_label(first), data.run_label(second)]
    examples = data.test_size(first)
    metrics = tables.format_runs(data.run_rows([first, second]))
    tables.show_table(metrics)
    table_downloads.draw_downloads(metrics, f"runs-{first}-{second}", text.table_caption(row.dataset, examples))
    changes = view_data.class_changes(first, second)
    left, right = st.columns([3, 2], gap="large")
    with left:
        show_class_changes(changes, first, second)
    with right:
        show_flip_counts(changes, first, second)
    show_flipped_examples(first, second)
    st.subheader("Per-class metrics")
    cells = tables.format_class_changes(changes, labels)
    tables.show_table(cells)
    st.caption("Sorted by F1 difference, lowest first; differences in points, with 95% intervals.")
    caption = text.table_caption(row.dataset, examples, *labels)
    table_downloads.draw_downloads(cells, f"classes-{first}-{second}", caption)
    show_confusion_matrix(first, second)


def show_class_changes(changes: pd.DataFrame, first: int, second: int) -> None:
    """Show F1 of both runs in each class, and the difference."""
    st.subheader("F1 by class", help=help_for("F1"))
    drawn = view_data.select_most_changed(changes)
    show_chart(charts.class_changes(drawn, data.run_rows([first, second])[["id", "label"]]))
    subset_note = describe_subset(len(drawn), len(changes), "classes", "whose F1 differs most")
    st.caption(f"{subset_note}Above each line: the difference in points, with its 95% interval.")


def show_flip_counts(changes: pd.DataFrame, first: int, second: int) -> None:
    """Show how many examples of each class were gained and lost, with links to them."""
    st.subheader("Gained and lost", help=help_for("flip"))
    flipped = view_data.select_most_flipped(changes)
    if flipped.empty:
        show_text("No flips: both runs predict the same examples correctly.")
        return
    for row in flipped.itertuples():
        with st.container(horizontal=True, vertical_alignment="center"):
            show_text(row.label, width=110)
            for flip, number in (("gained", row.gained), ("lost", row.lost)):
                parameters = {"run": first, "against": second, "true": row.label, "flip": FLIP_VALUES[flip]}
                links.page_link("failures", f"{format_count(number)} {flip}", ":material/arrow_forward:", **parameters)
    subset_note = describe_subset(len(flipped), len(changes), "classes", "with the most flips")
    st.caption(f"{subset_note}Gained: correct in the first run only. Lost: correct in the second run only.")


@feedback.safe_fragment()
def show_flipped_examples(first: int, second: int) -> None:
    """Show the examples of a flip, the most confident ones first."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        flip = controls.choose_flip()
        label = controls.choose_class(data.labels(first))
    examples = view_data.select_flips(first, second, flip, label)
    first_label, second_label = data.run_label(first), data.run_label(second)
    for example in examples.head(MAX_EXAMPLES).itertuples():
        with st.container(border=True):
            show_text(example.text)
            st.caption(escape_markdown(text.flip_predictions(example, first_label, second_label)))
    if examples.empty:
        show_text("No such examples.")
        return
    subset_note = describe_subset(MAX_EXAMPLES, len(examples), "examples", f"on which {first_label} is most confident")
    st.caption(escape_markdown(subset_note))
    parameters = {"run": first, "against": second, "true": label, "flip": FLIP_VALUES[flip]}
    links.page_link("failures", "Show all", ":material/error_outline:", **parameters)


@feedback.safe_fragment()
def show_confusion_matrix(first: int, second: int) -> None:
    """Show both confusion matrices and their difference; with many classes one of the three at a time."""
    st.subheader("Confusion matrices", help=help_for("difference of confusions"))
    labels, total = view_data.select_most_confused(first, second), len(data.labels(first))
    cells = view_data.confusion_difference(first, second, labels)
    side_by_side = total <= controls.MAX_CLASSES_SIDE_BY_SIDE
    shown = list(controls.MATRICES) if side_by_side else [controls.choose_matrix()]
    titles = {"first run": data.run_label(first), "second run": data.run_label(second), "difference": "Difference"}
    row = st.container(horizontal=True)  # on a narrow screen the matrices are below each other
    for which in shown:
        with row.container(width=_MATRIX_PIXELS if side_by_side else "stretch"):
            show_text(titles[which])
            chart = charts.confusion_matrix(cells, labels, which, titles[which])
            show_chart(chart, on_select="rerun", key=f"matrix {which}")
        cell = state.clicked_cell(f"matrix {which}")
        if cell:
            run, other = (second, first) if which == "second run" else (first, second)
            links.open_page("failures", run=run, against=other, true=cell[0], predicted=cell[1])
    subset_note = describe_subset(len(labels), total, "classes", "whose confusions differ most")
    st.caption(
        f"{subset_note}Difference: first run minus second; blue: more, orange: fewer. Click a cell for its examples."
    )
