"""The examples that a run misclassified, error slices, suspect labels, and annotations."""

import streamlit as st

from dashboard import data, state
from dashboard.app_pages.failures import controls, example, lists, overview, text
from dashboard.components import default_runs, feedback, links, pickers
from dashboard.components.confusion.controls import show_confusions
from dashboard.components.confusion.view_data import confusion_cells, frequent_confusions
from dashboard.components.example.controls import selected_example
from dashboard.components.filters import SUSPECT_LABELS
from dashboard.components.safe_text import escape_markdown

st.title("Failures")
feedback.stop_if_empty("This page lists the examples that a run misclassified, the most confident errors first.")
test_set = state.test_set()
complete = data.complete_runs(test_set)
left, right = st.columns(2)
with left:
    runs = complete if complete.empty else data.runs(test_set)
    run_id = pickers.pick_run("Run", runs, default_runs.best_run(test_set))
with right:
    others = controls.choose_others(complete, run_id)
if data.predictions_with_outcomes(run_id).empty:
    st.info(escape_markdown(text.missing_predictions(data.run(run_id))), icon=":material/info:")
    links.page_link("run", "Open run", ":material/description:", run=run_id)
    st.stop()

cells = confusion_cells(run_id)
st.markdown(f"**{escape_markdown(text.headline(cells))}**", help="In brackets: the 95% interval of the error rate.")
view, filters = controls.choose_view(), st.container()
if view != SUSPECT_LABELS:
    with filters:
        controls.choose_confusion(frequent_confusions(cells))
left, right = st.columns([2, 3], gap="medium")  # on a narrow screen the example is below the list
with left:
    if view == SUSPECT_LABELS:
        listed = lists.show_suspect_labels(run_id)
    else:
        listed = lists.show_predictions(run_id, others, view, test_set, filters)
with right:
    if selected_example():
        example.show_example(run_id, others, test_set, listed)
    elif not listed.empty:
        st.info("Select an example.")
if view != SUSPECT_LABELS:
    left, right = st.columns([2, 3], gap="medium")
    with left:
        show_confusions(run_id, controls.filter_by_labels, controls.selected_labels())
    with right:
        overview.show_slices(run_id)
example.show_import_export(run_id, listed)
