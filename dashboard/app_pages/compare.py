"""Two or more runs on the same test set: whether the gap is real, and where it is."""

import streamlit as st

from dashboard import choices, data, state, words
from dashboard.charts import compare as charts
from dashboard.frames import compare as frames
from dashboard.tables import cells
from dashboard.tables import compare as tables

st.title("Compare")
state.explain_if_empty("This page will hold two runs against each other: is the gap real, and in which classes is it?")
complete = data.complete_runs(state.test_set())
left, right = st.columns([2, 3])
with left:
    run_id = state.pick_run("Run", data.runs(state.test_set()), choices.best_run(state.test_set()))
with right:
    others = state.pick_others("Against", complete, run_id, choices.rival(run_id))

others, reasons = data.comparable(run_id, others)
for reason in reasons:
    st.warning(words.plain(reason), icon=":material/warning:")
if not others:
    st.info("Choose a complete run on the same test set to hold this one against.", icon=":material/info:")
    st.stop()


def show_two(other: int) -> None:
    """Show two runs: the verdict, then class by class, then what differs."""
    compared = data.comparison(run_id, other)
    verdict, *more = data.sentences(run_id, other)
    with st.container(border=True):
        st.markdown(f"**{words.plain(verdict)}**")
        for sentence in (*more, words.accuracy_gap(compared)):
            st.text(sentence)
        st.caption(words.plain(words.gap(data.label(run_id), data.label(other))))
        state.swap(run_id, other)
    versions = words.versions(compared)
    if versions:
        st.warning(words.plain(versions), icon=":material/warning:")
    tables.run_metrics(data.some_runs([run_id, other]))
    show_classes(other)


def show_classes(other: int) -> None:
    """Show where two runs differ: class by class, and which confusions were repaired and damaged."""
    changes = frames.class_changes(run_id, other)
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Class by class")
        st.altair_chart(charts.class_changes(changes), width="stretch")
    with right:
        st.subheader("Repaired and damaged")
        flips = frames.flips(run_id, other)
        st.altair_chart(charts.flip_map(flips, data.labels(run_id)), width="stretch")
        st.caption("Blue: more fixed than broken; orange: the reverse.")
    tables.class_changes(changes)
    st.caption(
        "Largest loss first; differences in points, with 95 % intervals. Fixed: wrong in the second run, "
        "right in the first; broken: the reverse."
    )
    state.link("failures", "See the flips", ":material/error_outline:", run=run_id, against=other)


def show_many() -> None:
    """Show several runs: each against the first, then every two."""
    st.text(f"Each difference is the run of the row minus {data.label(run_id)}. p is adjusted for the number of runs.")
    compared = frames.pairwise(run_id, others)
    tables.run_metrics(compared)
    st.subheader("Every two runs")
    matrix = frames.verdict_matrix([run_id, *others])
    st.altair_chart(charts.verdict_map(matrix, compared["label"].tolist()), width="stretch")
    st.caption("Macro F1 of the row minus the column, in points. Exploratory: not adjusted for the number of pairs.")
    left, right = st.columns(2, gap="large")
    left.altair_chart(charts.run_intervals(compared, "macro_f1", "macro F1"), width="stretch")
    right.altair_chart(charts.run_intervals(compared, "accuracy", "accuracy"), width="stretch")
    st.subheader("Class by class")
    cells.frame(frames.class_scores([run_id, *others]))
    st.caption("F1 in percent, with 95 % intervals.")
    with st.container(horizontal=True):
        for other in others:
            label = f"{words.plain(data.label(run_id))} against {words.plain(data.label(other))}"
            state.link("compare", label, ":material/compare_arrows:", run=run_id, against=other)


if len(others) == 1:
    show_two(others[0])
else:
    show_many()

st.subheader("What differs in the settings")
differing, alike = frames.setting_differences([run_id, *others])
if differing.empty:
    st.text("Nothing: all settings are alike.")
else:
    cells.frame(differing)
    st.caption(f"{alike} settings are alike. A dash: not used by this run.")
