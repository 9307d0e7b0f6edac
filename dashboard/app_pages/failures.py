"""The wrong examples of a run, and what another run made of them."""

import streamlit as st

from dashboard import choices, data, state, words
from dashboard.charts.confusion import confusion_matrix
from dashboard.controls import failures as controls
from dashboard.frames import failures as frames
from dashboard.frames.confusion import confusion
from dashboard.tables import failures as tables

st.title("Failures")
state.explain_if_empty("This page will list the examples that a run got wrong, the surest mistakes first.")
complete = data.complete_runs(state.test_set())
left, right = st.columns(2)
with left:
    run_id = state.pick_run("Run", complete, choices.best_run(state.test_set()))
with right:
    other = state.pick_other("Against another run", complete, run_id)
if controls.choose_view() == state.DOUBT:
    with st.spinner("Looking for labels in doubt …"):
        suspects = frames.suspects(run_id)
    st.text(words.suspects(len(suspects), data.test_size(run_id), data.label(run_id)))
    if not suspects.empty:
        tables.suspects(suspects)
        st.caption("The likeliest error first. A suspect is no proof: the run may be the one that is wrong.")
    st.stop()
labels, failures = data.labels(run_id), frames.failures(run_id, other)

left, right = st.columns([2, 3], gap="large")
with left:
    matrix = confusion_matrix(confusion(run_id), labels, selection="cell")
    st.altair_chart(matrix, width="stretch", on_select=controls.filter_by_cell, key="matrix")
    st.caption("Colour: the share of the row. A click on a cell shows its examples, a double click all.")
with right:
    first, second, third = st.columns(3)
    with first:
        true = state.filter_by("True label", labels, key="true")
    with second:
        predicted = state.filter_by("Predicted label", labels, key="predicted")
    with third:
        flip = state.filter_by("Flip", frames.FLIPS, key="flip") if other is not None else None
    first, second = st.columns(2)
    with first:
        confidence = controls.confidence_range()
    with second:
        contains = state.search()
    wanted = frames.Filters(true, predicted, flip, confidence, contains)
    shown = wanted.apply(failures)
    st.text(words.shown_failures(int((~failures["right"]).sum()), data.test_size(run_id), len(shown), wanted.said()))
    if other is not None:
        st.text(words.flips(failures["flip"].value_counts(), data.label(other)))

if failures.empty:
    st.success("This run got every test example right.", icon=":material/check:")
    st.stop()
if shown.empty:
    st.info("No example passes these filters.", icon=":material/filter_alt:")
    st.stop()
row = tables.failures(shown, key="failures")

if row is None:
    st.caption("Tick a row to read its whole text and what else is known of it.")
    st.stop()
example = shown.iloc[row]
with st.container(border=True):
    st.text(example["text"])
    tables.example(example)
    state.link("try_it", "Try it", ":material/play_arrow:", run=run_id, example=example["example_id"])
