"""Predictions of recorded runs for a text that the user types."""

import streamlit as st

from dashboard import data, state
from dashboard.app_pages.try_it import charts, controls, text, view_data
from dashboard.components import default_runs, feedback, pickers
from dashboard.components.chart_cache import show_chart
from dashboard.components.example.charts import word_importance
from dashboard.components.example.view_data import select_most_important, tint_words
from dashboard.components.safe_text import escape_markdown, show_text
from dashboard.components.table_cells import show_full_height_table
from dashboard.components.text import describe_subset
from dashboard.components.theme import run_colors

st.title("Try it")
feedback.stop_if_empty("This page shows what recorded runs predict for a text that you type.")
test_set = state.test_set()
complete = data.complete_runs(test_set)
left, right = st.columns([2, 3])
with left:
    run_id = pickers.pick_run("Run", complete, default_runs.best_run(test_set))
with right:
    baseline = default_runs.reference_baseline(run_id)
    others = pickers.pick_runs("Compare with", complete, run_id, baseline, key="beside", most=controls.MAX_OTHER_RUNS)
(example, is_requested), threshold = controls.enter_text(), pickers.pick_threshold()
if not example.strip() or not is_requested:
    st.info("Enter a text and click Predict to see what these runs predict.", icon=":material/info:")
    st.stop()

run_ids = [run_id, *others]
colors = run_colors(run_ids)
predictions = {}
for column, shown_id in zip(st.columns(len(run_ids)), run_ids, strict=True):
    with column, st.container(border=True):
        st.markdown(f"**{escape_markdown(data.run_label(shown_id))}**")
        with st.spinner("Loading the model; the first prediction of a run takes a few seconds …"):
            predictions[shown_id] = data.predict(shown_id, example)
        show_text(text.prediction(predictions[shown_id], threshold))
        shown_classes = view_data.select_most_probable(predictions[shown_id])
        show_chart(charts.probabilities(shown_classes, colors[shown_id]))
        subset_note = describe_subset(
            len(shown_classes), len(predictions[shown_id]), "classes", "with the highest probability"
        )
        st.caption(subset_note + text.calibration(data.temperature(shown_id)))

sentences = {
    data.run_label(shown_id): (view_data.predicted_label(prediction), text.prediction(prediction, threshold))
    for shown_id, prediction in predictions.items()
}
current, *earlier = controls.add_to_history(view_data.HistoryEntry(example, sentences))
if earlier:
    st.subheader("Changes")
    st.markdown(view_data.mark_changes(earlier[0].text, example))
    show_full_height_table(view_data.changed_predictions(earlier[0], current))

if controls.show_word_importance():
    st.subheader("Word importance")
    with st.spinner("Leaving out each word in turn …"):
        weights = data.word_weights(run_id, example)
    if weights.empty:
        show_text("This text has no words.")
    else:
        label = view_data.predicted_label(predictions[run_id])
        st.html(tint_words(example, weights))
        st.caption(f"Blue: supports {escape_markdown(label)}. Orange: against it.")
        show_chart(word_importance(select_most_important(weights), label))
        caption = f"{data.run_label(run_id)}: decrease of the log-odds of {label} without the word."
        st.caption(escape_markdown(caption))

st.subheader("History")
show_full_height_table(view_data.history_table([current, *earlier]))
