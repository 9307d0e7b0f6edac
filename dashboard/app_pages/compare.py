"""Two or more runs on the same test set: whether the gap is real, and where it is."""

import streamlit as st

from dashboard import charts, data, figures, state, tables, words

st.title("Compare")
state.explain_if_empty("This page will hold two runs against each other: is the gap real, and in which classes is it?")
complete = data.complete_runs(state.test_set())
left, right = st.columns([2, 3])
with left:
    run_id = state.pick_run("Run", data.runs(state.test_set()), data.best_run(state.test_set()))
with right:
    others = state.pick_others("Against", complete, run_id, data.rival(run_id))

others, reasons = data.comparable(run_id, others)
for reason in reasons:
    st.warning(words.plain(reason), icon=":material/warning:")
if not others:
    st.info("Choose a complete run on the same test set to hold this one against.", icon=":material/info:")
    st.stop()


def show_two(other: int) -> None:
    """Show two runs: the verdict, then class by class, then what differs."""
    with st.container(border=True):
        st.markdown(f"**{words.plain(data.verdict(run_id, other))}**")
        st.text(words.gap(data.label(run_id), data.label(other)))
        state.swap(run_id, other)
    tables.run_metrics(data.some_runs([run_id, other]))

    st.subheader("Class by class")
    changes = figures.class_changes(run_id, other)
    names = {number: data.label(number) for number in (run_id, other)}
    left, right = st.columns(2, gap="large")
    left.altair_chart(charts.class_changes(changes), width="stretch")
    right.altair_chart(charts.class_dumbbell(changes, names), width="stretch")
    tables.class_changes(changes, data.label(run_id), data.label(other))
    st.caption("Largest loss first. Fixed: wrong in the second run, right in the first; broken: the reverse.")
    state.link("failures", "See the flips", ":material/error_outline:", run=run_id, against=other)


def show_many() -> None:
    """Show several runs: each against the first."""
    st.text(f"Each difference is the run of the row minus {data.label(run_id)}.")
    compared = figures.pairwise(run_id, others)
    tables.run_metrics(compared)
    left, right = st.columns(2, gap="large")
    left.altair_chart(charts.run_intervals(compared, "macro_f1", "macro F1"), width="stretch")
    right.altair_chart(charts.run_intervals(compared, "accuracy", "accuracy"), width="stretch")
    st.subheader("Class by class")
    tables.frame(figures.class_scores([run_id, *others]))
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
differing, alike = figures.setting_differences([run_id, *others])
if differing.empty:
    st.text("Nothing: all settings are alike.")
else:
    tables.frame(differing)
    st.caption(f"{alike} settings are alike. A dash: not used by this run.")
