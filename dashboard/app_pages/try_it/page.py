"""Try recorded runs on a text of one's own: what they answer, on which words that rests, and what an edit changes."""

import streamlit as st

from dashboard import data, state
from dashboard.app_pages.try_it import charts, controls
from dashboard.app_pages.try_it import text as words
from dashboard.app_pages.try_it import view_data as frames
from dashboard.components import default_runs as choices
from dashboard.components import feedback, pickers
from dashboard.components import table_cells as cells
from dashboard.components.chart_cache import show_chart
from dashboard.components.example import charts as example_charts
from dashboard.components.example import view_data as example_frames
from dashboard.components.safe_text import escape_markdown, show_text
from dashboard.components.text import shown_of
from dashboard.components.theme import run_colors

st.title("Try it")
feedback.stop_if_empty("This page will let recorded runs answer a text that you type, side by side.")
complete = data.complete_runs(state.test_set())
left, right = st.columns([2, 3])
with left:
    run_id = pickers.pick_run("Run", complete, choices.best_run(state.test_set()))
with right:
    reference_baseline = choices.reference_baseline(run_id)
    others = pickers.pick_runs(
        "Beside it", complete, run_id, reference_baseline, key="beside", most=controls.MOST_BESIDE
    )
text, threshold = controls.write_text(), pickers.pick_threshold()
if not text.strip():
    st.info("Write a text, and its classes' probabilities appear here.", icon=":material/info:")
    st.stop()

asked = [run_id, *others]
colours = run_colors(asked)
answers = {}
for column, number in zip(st.columns(len(asked)), asked, strict=True):
    with column, st.container(border=True):
        st.markdown(f"**{escape_markdown(data.run_label(number))}**")
        with st.spinner("Loading the model. The first answer of a run takes a few seconds."):
            answers[number] = data.predict(number, text)
        show_text(words.answer(answers[number], threshold))
        shown = frames.likeliest(answers[number])
        show_chart(charts.probabilities(shown, colours[number]))
        some = shown_of(len(shown), len(answers[number]), "classes", "with the highest probability")
        st.caption(" ".join([some, words.temperature(data.temperature(number))]).strip())

said = {
    data.run_label(number): (frames.likeliest_label(one), words.answer(one, threshold))
    for number, one in answers.items()
}
now, *earlier = controls.remember(frames.Tried(text, said))
if earlier:
    st.subheader("What the edit changed")
    st.markdown(frames.marked_changes(earlier[0].text, text))
    cells.show_static_table(frames.changed_answers(earlier[0], now))

if controls.asks_for_words():
    st.subheader("Which words it rests on")
    with st.spinner("Leaving out each word in turn …"):
        weights = data.word_weights(run_id, text)
    likeliest = frames.likeliest_label(answers[run_id])
    drawn = example_frames.weightiest(weights)
    if drawn.empty:
        show_text("There is no word to leave out.")
    else:
        show_chart(example_charts.word_weights(drawn, likeliest))
        st.caption(
            escape_markdown(
                f"{data.run_label(run_id)}: how much the log-odds of {likeliest} fall when a word is left out."
            )
        )

st.subheader("Tried so far")
cells.show_static_table(frames.tried([now, *earlier]))
