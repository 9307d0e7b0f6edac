"""The data that runs were trained and tested on: quality checks, class balance, text lengths and examples."""

import streamlit as st

from core.report.data_quality import quality_checks
from core.text.formatting import format_count
from dashboard import data, state
from dashboard.app_pages.data import controls, sections, tables, text, view_data
from dashboard.components import default_runs, feedback, links
from dashboard.components.filters import SUSPECT_LABELS
from dashboard.components.safe_text import escape_markdown, show_text

st.title("Data")
feedback.stop_if_empty("This page shows the examples, the class balance and data quality checks.")
test_set = state.test_set()
dataset_id = controls.pick_version(data.dataset_versions(test_set))
dataset, best_run = data.dataset(dataset_id), default_runs.best_run(test_set)

show_text(text.summary(dataset, data.balance(dataset_id)))
rare = view_data.rare_classes(dataset_id, best_run)
results = quality_checks(dataset.checks, rare, view_data.truncated_shares(test_set))
st.markdown("\n".join(f"- {escape_markdown(result)}" for result in results))
for title, rows in view_data.flagged_rows(dataset_id, best_run).items():
    with st.expander(f"{title}: {format_count(len(rows))}", icon=":material/warning:"):
        tables.show_flagged(rows)
with st.container(horizontal=True):
    links.page_link("failures", "Suspect labels", ":material/rule:", view=SUSPECT_LABELS)
    links.page_link("failures", "See failures", ":material/error_outline:")

left, right = st.columns(2, gap="large")
with left:
    sections.show_class_balance(dataset)
with right:
    sections.show_text_lengths(dataset)
sections.show_rater_disagreement(dataset, best_run)

st.subheader("Examples")
filters = controls.choose_filters(dataset.labels)
examples = view_data.filter_examples(dataset_id, *filters)
show_text(f"{format_count(len(examples))} examples")
tables.show_examples(examples, data.source_columns(dataset_id).loc[examples.index])
