"""All runs on one test set: which one is the best, and what each of them cost."""

import streamlit as st

from dashboard import choices, data, state, words
from dashboard.charts import runs as charts
from dashboard.controls import runs as controls
from dashboard.controls.cost import choose_cost
from dashboard.frames import cost as costs
from dashboard.frames import runs as frames
from dashboard.tables import runs as tables

st.title("Runs")
state.explain_if_empty("This page will list every run with its scores, what it cost, and if it beats the baselines.")
runs = data.runs(state.test_set())
complete = data.complete_runs(state.test_set())

best = None if complete.empty else int(complete["id"].iloc[0])
baseline, second = choices.best_baseline(state.test_set()), choices.runner_up(state.test_set())
rival = None if best == baseline else baseline

if best is not None:
    with st.container(border=True):
        st.markdown(f"**{words.plain(words.best_so_far(data.row(best)))}**")
        verdict = st.empty()
        verdict.text("Comparing with the best baseline …" if rival else words.without_rival(data.row(best)))
        state.links_of(best, against=rival)

runs = frames.against_baselines(controls.narrowed(runs))
grouped = controls.group_seeds()
if runs.empty:
    st.info("No run passes these filters.", icon=":material/filter_alt:")
    chosen = []
elif grouped:
    chosen = tables.groups(frames.groups(runs), key="groups")
    st.caption("± is the standard deviation over the seeds. Tick a line to open its runs.")
    if chosen:
        chosen = tables.runs(runs[runs["id"].isin(chosen)].reset_index(drop=True), key="runs of groups") or chosen
else:
    chosen = tables.runs(runs, key="runs")
if chosen:
    st.text(f"Chosen: {', '.join(map(data.label, chosen))}")
    state.links_of(chosen[0], against=chosen[1:] or None)
elif not runs.empty:
    st.caption("A click on a column's head sorts. Tick a run to open it, or several to compare them.")

for run in data.without_scores(runs):
    with st.expander(words.plain(f"{data.label(run.id)}: {run.state}"), icon=":material/warning:"):
        st.text(words.failure_of(run))
        if run.error_message:
            st.code(f"{run.error_type}: {run.error_message}", language=None, wrap_lines=True)
        state.link("run", "Open this run", ":material/description:", run=run.id)

if best is not None:
    st.subheader("Cost against quality")
    cost, title = choose_cost()
    st.altair_chart(charts.cost_quality(costs.cost_quality(complete, cost), cost, title), width="stretch")
    st.caption(words.plain(words.cost_quality(costs.without_cost(complete, cost), title)))

if best is not None and rival is not None:  # last: the first comparison of a session takes a second to load
    sentences = [words.against_baseline(data.comparison(best, rival))]
    if second is not None:
        sentences.append(words.against_next(data.comparison(best, second)))
    verdict.text(" ".join(sentences))
