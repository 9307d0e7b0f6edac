"""The data that runs were trained and tested on: quality checks, class balance, text lengths and examples."""

import streamlit as st

from core.report.data_quality import source_notes
from core.text.formatting import format_count
from dashboard import data, state
from dashboard.app_pages.data import controls, health, sections, tables, text, view_data
from dashboard.components import default_runs, feedback
from dashboard.components.classes import search_classes
from dashboard.components.safe_text import escape_markdown

st.title("Data")
feedback.stop_if_empty("This page shows the examples, the class balance and data quality checks.")
test_set = state.test_set()
dataset_id = controls.pick_version(data.dataset_versions(test_set))
dataset, best_run = data.dataset(dataset_id), default_runs.best_run(test_set)

sizes = " ".join(f":gray-badge[{escape_markdown(size)}]" for size in text.sizes(dataset, data.balance(dataset_id)))
st.markdown(sizes, help=escape_markdown(text.source(dataset)))
for note in source_notes(dataset.checks):
    st.caption(escape_markdown(note))
health.show_tiles(dataset_id, best_run, view_data.best_run_with_truncation(dataset_id, test_set))

matching_classes = search_classes(dataset.labels)
left, right = st.columns(2, gap="large")
with left:
    sections.show_class_balance(dataset, matching_classes)
with right:
    sections.show_text_lengths(dataset, matching_classes)
sections.show_rater_disagreement(dataset, best_run)

filters = st.container()
with filters:
    heading = st.empty()
    example_filters = controls.choose_filters(dataset.labels)
examples = view_data.filter_examples(dataset_id, *example_filters)
heading.subheader(f"{format_count(len(examples))} examples")
tables.show_examples(examples, data.source_columns(dataset_id).loc[examples.index])
