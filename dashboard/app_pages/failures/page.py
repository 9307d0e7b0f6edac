"""The examples that a run misclassified, error slices, suspect labels, and annotations."""

import streamlit as st

from dashboard import data, state
from dashboard.app_pages.failures import controls, example, lists, overview, text
from dashboard.components import default_runs, feedback, links, pickers
from dashboard.components.confusion.view_data import confusion_cells
from dashboard.components.example.controls import selected_example
from dashboard.components.filters import SUSPECT_LABELS
from dashboard.components.safe_text import escape_markdown

OVERVIEW_PIXELS = 400

st.title("Failures")
feedback.stop_if_empty("This page lists the examples that a run misclassified, the most confident errors first.")
test_set = state.test_set()
complete = data.complete_runs(test_set)
left, right = st.columns(2)
with left:
    runs = complete if complete.empty else data.runs(test_set)
    run_id = pickers.pick_run("Run", runs, default_runs.best_run(test_set))
with right:
    other = pickers.pick_optional_run("Compare with", complete, run_id)
if data.predictions_with_outcomes(run_id).empty:
    st.info(escape_markdown(text.missing_predictions(data.run(run_id))), icon=":material/info:")
    links.page_link("run", "Open run", ":material/description:", run=run_id)
    st.stop()

with st.container(border=True):
    st.markdown(f"**{escape_markdown(text.headline(data.run_label(run_id), confusion_cells(run_id)))}**")

if controls.choose_view() == SUSPECT_LABELS:
    listed = lists.show_suspect_labels(run_id)
    panel = st.container()
else:
    with st.container(horizontal=True, gap="large"):  # on a narrow screen the list is below
        left, right = st.container(width=OVERVIEW_PIXELS), st.container(width="stretch")
    with left:
        overview.show_confusion_matrix(run_id)
    with right:
        listed = lists.show_predictions(run_id, other, test_set)
        panel = st.container()
    with left:
        overview.show_slices(run_id)

with panel, st.container():  # a container of its own, so that the box below keeps its place and stays open
    if selected_example():
        example.show_example(run_id, other, test_set, listed)
    elif not listed.empty:
        st.caption("Select a row to read the complete text and its details.")
with panel:
    example.show_import_export(run_id, listed)
