"""All runs on one test set: which one is the best, and what each of them cost."""

import streamlit as st

from dashboard import charts, data, state, tables, words

st.title("Runs")
state.explain_if_empty("This page will list every run with its scores, what it cost, and if it beats the baselines.")
runs = data.runs(state.test_set())
complete = data.complete_runs(state.test_set())


def show_best(best: int) -> None:
    """Say which run is the best so far, and how it stands to the best baseline and the next adapter."""
    baseline, second = data.best_baseline(state.test_set()), data.runner_up(state.test_set())
    is_adapter = best != baseline
    with st.container(border=True):
        st.markdown(f"**{words.plain(words.best_so_far(data.row(best)))}**")
        if is_adapter and baseline is not None:
            st.text(words.against_baseline(data.comparison(best, baseline)))
        if is_adapter and second is not None:
            st.text(words.against_next(data.comparison(best, second)))
        state.links_of(best, against=baseline if is_adapter else None)


if not complete.empty:
    show_best(int(complete["id"].iloc[0]))

runs = state.narrowed(runs)
chosen = tables.runs(runs, key="runs")
if chosen:
    st.text(f"Chosen: {', '.join(map(data.label, chosen))}")
    state.links_of(chosen[0], against=chosen[1:] or None)
else:
    st.caption("A click on a column's head sorts. Tick a run to open it, or several to compare them.")

for run in data.without_scores(runs):
    with st.expander(words.plain(f"{data.label(run.id)}: {run.state}"), icon=":material/warning:"):
        st.text(words.failure_of(run))
        if run.error_message:
            st.code(f"{run.error_type}: {run.error_message}", language=None, wrap_lines=True)
        state.link("run", "Open this run", ":material/description:", run=run.id)

if not complete.empty:
    st.subheader("Cost against quality")
    cost, title = state.choose_cost()
    st.altair_chart(charts.cost_quality(complete, cost, title), width="stretch")
    st.caption("The bars are 95 % intervals. Runs that cost nothing have no place on a log scale and are left out.")
