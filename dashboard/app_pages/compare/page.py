"""Two or more runs on the same test set: whether the gap is real, and where it is."""

import pandas as pd
import streamlit as st

from core.text.formatting import format_count
from dashboard import data, state
from dashboard.app_pages.compare import charts, controls, tables
from dashboard.app_pages.compare import text as words
from dashboard.app_pages.compare import view_data as frames
from dashboard.components import default_runs as choices
from dashboard.components import feedback, links, pickers
from dashboard.components import table_downloads as exports
from dashboard.components.chart_cache import show_chart
from dashboard.components.cost import view_data as costs
from dashboard.components.cost.charts import cost_quality
from dashboard.components.cost.controls import choose_cost
from dashboard.components.flips import FLIP_VALUES
from dashboard.components.glossary import help_for
from dashboard.components.safe_text import escape_markdown, isolate_rtl, show_text
from dashboard.components.text import cost_chart_note, shown_of

READ = 5  # examples of a flip that stand on the page
MOST_DRAWN = 20  # runs in the charts of intervals; the table has all

st.title("Compare")
feedback.stop_if_empty("This page will hold two runs against each other: is the gap real, and in which classes is it?")
complete = data.complete_runs(state.test_set())
left, right = st.columns([2, 3])
with left:
    run_id = pickers.pick_run("Run", data.runs(state.test_set()), choices.best_run(state.test_set()))
with right:
    others = pickers.pick_runs("Against", complete, run_id, choices.reference_baseline(run_id))

others, reasons = frames.comparable(run_id, others, state.test_set())
for reason in reasons:
    st.warning(escape_markdown(reason), icon=":material/warning:")
if not others:
    st.info("Choose a complete run on the same test set to hold this one against.", icon=":material/info:")
    with st.container(horizontal=True):
        for first, second in frames.offers(run_id, complete):
            label = escape_markdown(f"{data.run_label(first)} against {data.run_label(second)}")
            links.page_link("compare", label, ":material/compare_arrows:", run=first, against=second)
    st.stop()
chosen = [run_id, *others]
name, examples = data.run_row(run_id).dataset, data.test_size(run_id)


def show_two(first: int, second: int) -> None:
    """Show two runs: the verdict, then class by class, example by example, confusion by confusion."""
    show_verdict(first, second)
    labels = [data.run_label(first), data.run_label(second)]
    metrics = tables.run_metrics(data.run_rows([first, second]))
    tables.show(metrics)
    exports.downloads(metrics, f"runs-{first}-{second}", words.table_caption(name, examples))
    changes = frames.class_changes(first, second)
    left, right = st.columns([3, 2], gap="large")
    with left:
        show_classes(changes, first, second)
    with right:
        show_flips(changes, first, second)
    show_examples(first, second)
    st.subheader("Every class in figures")
    by_class = tables.class_changes(changes, labels)
    tables.show(by_class)
    st.caption("Largest loss first; differences in points, with 95 % intervals.")
    exports.downloads(by_class, f"classes-{first}-{second}", words.table_caption(name, examples, *labels))
    show_matrices(first, second)


def show_verdict(first: int, second: int) -> None:
    """Show the verdict in words, with its details."""
    compared = data.comparison(first, second)
    verdict, *over_seeds, margin = data.verdict_sentences(first, second)
    with st.container(border=True):
        st.markdown(f"**{escape_markdown(verdict)}**", help=help_for("verdict"))
        for sentence in over_seeds:
            show_text(sentence, help=help_for("over seeds"))
        show_text(words.settings(*frames.setting_differences([first, second])))
        st.caption(escape_markdown(words.gap(data.run_label(first), data.run_label(second))))
        with st.expander("The tests in full", icon=":material/functions:"):
            show_text(margin, help=help_for("margin"))
            show_text(words.accuracy_gap(compared), help=help_for("accuracy gap"))
        if len(others) == 1:
            pickers.swap_button(first, second)
        else:
            links.page_link("compare", "Only these two", ":material/compare_arrows:", run=first, against=second)
    versions = words.versions(compared)
    if versions:
        st.warning(escape_markdown(versions), icon=":material/warning:")


def show_classes(changes: pd.DataFrame, first: int, second: int) -> None:
    """Show both runs' F1 in each class, and the difference."""
    st.subheader("Class by class", help=help_for("F1"))
    drawn = frames.most_changed(changes)
    show_chart(charts.class_changes(drawn, data.run_rows([first, second])[["id", "label"]]))
    some = shown_of(len(drawn), len(changes), "classes", "whose F1 differs most, those of many examples first")
    st.caption(f"{some}Above each line: the difference in points, with its 95 % interval.")


def show_flips(changes: pd.DataFrame, first: int, second: int) -> None:
    """Show how many examples of each class were gained and lost, with the examples."""
    st.subheader("Gained and lost", help=help_for("flip"))
    flipped = frames.most_flipped(changes)
    if flipped.empty:
        show_text("No example was gained or lost: both runs predict the same ones correctly.")
        return
    for row in flipped.itertuples():
        with st.container(horizontal=True, vertical_alignment="center"):
            show_text(row.label, width=110)
            for flip, number in (("gained", row.gained), ("lost", row.lost)):
                address = {"run": first, "against": second, "true": row.label, "flip": FLIP_VALUES[flip]}
                links.page_link("failures", f"{format_count(number)} {flip}", ":material/arrow_forward:", **address)
    st.caption(
        shown_of(len(flipped), len(changes), "classes", "with the most flips")
        + "Gained: wrong in the second run, right in the first. Lost: the reverse. A click shows them."
    )


@feedback.safe_fragment()
def show_examples(first: int, second: int) -> None:
    """Show the examples of a flip, the surest first."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        flip = controls.choose_flip()
        label = controls.choose_class(data.labels(first))
    found = frames.flips(first, second, flip, label)
    for example in found.head(READ).itertuples():
        with st.container(border=True):
            show_text(example.text)
            st.caption(escape_markdown(words.said_of(example, data.run_label(first), data.run_label(second))))
    if found.empty:
        show_text("There is no such example.")
        return
    st.caption(escape_markdown(shown_of(READ, len(found), "examples", f"of which {data.run_label(first)} is surest")))
    address = {"run": first, "against": second, "true": label, "flip": FLIP_VALUES[flip]}
    links.page_link("failures", "See them all", ":material/error_outline:", **address)


@feedback.safe_fragment()
def show_matrices(first: int, second: int) -> None:
    """Show both confusion matrices and their difference: side by side, or where there are many classes one of them."""
    st.subheader("Confusion", help=help_for("difference of confusions"))
    cells_, total = frames.confusion_change(first, second), len(data.labels(first))
    labels = frames.most_confused(cells_)
    shown = controls.MATRICES if total <= controls.SIDE_BY_SIDE else [controls.choose_matrix()]
    titles = {"first run": data.run_label(first), "second run": data.run_label(second), "difference": "Difference"}
    for column, which in zip(st.columns(len(shown)), shown, strict=True):
        column.text(isolate_rtl(titles[which]))
        with column:
            show_chart(charts.matrix(cells_, labels, which, titles[which]), on_select="rerun", key=f"matrix {which}")
        cell = state.clicked_cell(f"matrix {which}")
        if cell:
            one, other = (second, first) if which == "second run" else (first, second)
            links.open_page("failures", run=one, against=other, true=cell[0], predicted=cell[1])
    some = shown_of(len(labels), total, "classes", "whose confusions differ most")
    st.caption(
        f"{some}Difference: the first minus the second; blue: more examples in the first, orange: fewer. A "
        "click on a cell opens its examples."
    )


def show_many() -> None:
    """Show several runs: a row each at once, then how each stands to the first, then every two."""
    frame = data.run_rows(chosen)
    with st.container(border=True):
        st.markdown(f"**{escape_markdown(words.best_of(frames.best(frame), len(frame)))}**")
        verdicts = st.empty()
        st.caption(
            escape_markdown(
                f"Differences: the run of the row minus {data.run_label(run_id)}. p is adjusted for their number."
            )
        )
    place = st.empty()
    with place.container():
        tables.show(tables.run_metrics(frame))
    with verdicts, st.spinner(f"Holding {len(others)} runs against the first …"):
        compared = frames.pairwise(run_id, others)
    verdicts.text(isolate_rtl(words.verdicts(compared["verdict"].value_counts(), data.run_label(run_id))))
    metrics = tables.run_metrics(compared)
    with place.container():
        tables.show(metrics)
    exports.downloads(metrics, "runs", words.table_caption(name, examples, data.run_label(run_id)))
    left, right = st.columns(2, gap="large")
    drawn = compared.head(MOST_DRAWN)
    with left:
        show_chart(charts.run_intervals(frames.of_metric(drawn, "macro_f1"), "macro_f1", "macro F1"))
    with right:
        show_chart(charts.run_intervals(frames.of_metric(drawn, "accuracy"), "accuracy", "accuracy"))
    st.caption(shown_of(len(drawn), len(compared), "runs", "chosen first") + "Bars: 95 % intervals.")


def show_pairs() -> None:
    """Show every two of several runs, and two of them in full."""
    st.subheader("Every two runs", help=help_for("verdict"))
    if controls.every_two(len(chosen)):
        with st.spinner("Comparing every two runs …"):
            matrix = frames.verdict_matrix(chosen)
        show_chart(charts.verdict_map(matrix, list(map(data.run_label, chosen))))
        st.caption(
            "Macro F1 of the row minus the column, in points; bold where it helped or hurt. Exploratory: not "
            "adjusted for the number of pairs."
        )
    pair = pickers.pick_pair("Two of them in full", data.run_rows(chosen))
    if pair:
        show_two(*pair)


def show_settings_and_classes() -> None:
    """Show in which settings several runs differ, and each run's F1 in each class."""
    st.subheader("What differs in the settings")
    differing, alike = frames.setting_differences(chosen)
    if not differing.empty:
        tables.show(differing)
    st.caption(words.alike(alike))
    st.subheader("Class by class", help=help_for("F1"))
    scores = frames.class_scores(chosen)
    tables.show(scores)
    st.caption("F1 in percent, with 95 % intervals.")
    exports.downloads(scores, "classes", words.table_caption(name, examples))


@feedback.safe_fragment()
def show_costs() -> None:
    """Show what the runs cost against what they are worth."""
    st.subheader("Cost against quality")
    frame, (cost, title) = data.run_rows(chosen), choose_cost()
    show_chart(cost_quality(costs.cost_quality(frame, cost), cost, title))
    st.caption(escape_markdown(cost_chart_note(costs.without_cost(frame, cost), title)))


@feedback.safe_fragment()
def show_curves() -> None:
    """Show the learning curves of those runs that have some."""
    st.subheader("Learning curves", help=help_for("learning curves"))
    logged, title = controls.choose_curve()
    drawn, missing = frames.curves(chosen, logged)
    if drawn.empty:
        show_text("None of these runs has such a curve.")
        return
    show_chart(charts.curves(drawn, title, share=title.endswith("F1")))
    st.caption(escape_markdown(words.without_curve(missing)))


if len(others) == 1:
    show_two(run_id, others[0])
else:
    show_many()
left, right = st.columns(2, gap="large")
with left:
    show_costs()
with right:
    show_curves()
if len(others) > 1:
    show_settings_and_classes()
    show_pairs()
