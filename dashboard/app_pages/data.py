"""What the runs learnt from and were measured on."""

import streamlit as st

from core.formatting import count
from dashboard import data, state, words
from dashboard.charts import dataset as charts
from dashboard.controls import dataset as controls
from dashboard.frames import dataset as frames
from dashboard.tables import dataset as tables

st.title("Data")
state.explain_if_empty("This page will show the examples, their classes in each split, and what to mind.")
versions = data.versions(state.test_set())
dataset_id = controls.pick_version(versions)
dataset, balance = data.dataset(dataset_id), data.balance(dataset_id)

st.text(words.of_dataset(dataset, balance))
rare = frames.rare_classes(dataset_id, state.test_set())
remarks = words.remarks(dataset.checks, rare)
st.markdown("\n".join(f"- {words.plain(remark)}" for remark in remarks))
for title, rows in (
    ("Texts that stand twice within a split", frames.duplicates(dataset_id)),
    ("Test examples that also stand in another split", frames.leaks(dataset_id, exact=True)),
    ("Test examples with a near duplicate in another split", frames.leaks(dataset_id, exact=False)),
    ("Texts with more than one label", frames.conflicts(dataset_id)),
):
    if not rows.empty:
        with st.expander(f"{title}: {count(len(rows))}", icon=":material/warning:"):
            tables.flawed(rows)
state.link("failures", "Labels in doubt", ":material/rule:", view=state.DOUBT)

left, right = st.columns(2, gap="large")
with left:
    st.subheader("Classes in each split")
    st.altair_chart(charts.class_balance(balance, dataset.labels), width="stretch")
    tables.balance(balance)
with right:
    st.subheader("Lengths of the texts")
    st.altair_chart(charts.lengths(frames.lengths(dataset_id), dataset.labels), width="stretch")
    tables.lengths(frames.length_summary(dataset_id))
    st.caption("In characters, over all splits.")

st.subheader("Examples")
columns = st.columns([1, 1, 2])
with columns[0]:
    split = state.filter_by("Split", ("train", "validation", "test"), key="split")
with columns[1]:
    label = state.filter_by("Label", dataset.labels, key="label")
with columns[2]:
    contains = state.search()
examples = frames.examples(data.examples(dataset_id), split, label, contains)
st.text(f"{count(len(examples))} examples")
tables.examples(examples)
