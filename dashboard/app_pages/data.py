"""What the runs learnt from and were measured on."""

import streamlit as st

from core.formatting import count
from dashboard import charts, data, evidence, figures, filters, state, tables, words

st.title("Data")
state.explain_if_empty("This page will show the examples, their classes in each split, and what to mind.")
versions = data.versions(state.test_set())
dataset_id = state.pick_version(versions)
dataset, balance = data.dataset(dataset_id), data.balance(dataset_id)

st.text(words.of_dataset(dataset, balance))
rare = evidence.rare_classes(figures.rare_classes(dataset_id), state.test_set())
remarks = words.remarks(dataset.checks, rare)
st.markdown("\n".join(f"- {words.plain(remark)}" for remark in remarks))
for title, rows in (
    ("Texts that stand twice within a split", evidence.duplicates(dataset_id)),
    ("Test examples that also stand in another split", evidence.leaks(dataset_id, exact=True)),
    ("Test examples with a near duplicate in another split", evidence.leaks(dataset_id, exact=False)),
    ("Texts with more than one label", evidence.conflicts(dataset_id)),
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
    st.altair_chart(charts.lengths(figures.lengths(dataset_id), dataset.labels), width="stretch")
    tables.lengths(figures.length_summary(dataset_id))
    st.caption("In characters, over all splits.")

st.subheader("Examples")
columns = st.columns([1, 1, 2])
with columns[0]:
    split = state.filter_by("Split", ("train", "validation", "test"), key="split")
with columns[1]:
    label = state.filter_by("Label", dataset.labels, key="label")
with columns[2]:
    contains = state.search()
examples = filters.examples(data.examples(dataset_id), split, label, contains)
st.text(f"{count(len(examples))} examples")
tables.examples(examples)
