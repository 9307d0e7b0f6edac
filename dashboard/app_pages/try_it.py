"""Try a recorded run on a text of one's own, a baseline beside it."""

import streamlit as st

from dashboard import choices, data, state, words
from dashboard.charts import try_it as charts
from dashboard.charts.look import run_colour
from dashboard.controls import try_it as controls
from dashboard.tables import cells

st.title("Try it")
state.explain_if_empty("This page will let a recorded run answer a text that you type, with a baseline beside it.")
complete = data.complete_runs(state.test_set())
left, right = st.columns(2)
with left:
    run_id = state.pick_run("Run", complete, choices.best_run(state.test_set()))
with right:
    other = state.pick_other("Beside it", complete, run_id, key="beside", default=choices.rival(run_id))
text, threshold = controls.write_text(), state.pick_threshold()
if not text.strip():
    st.info("Write a text, and its classes' probabilities appear here.", icon=":material/info:")
    st.stop()

answers = {}
asked = [run_id] if other is None else [run_id, other]
for column, number in zip(st.columns(len(asked), gap="large"), asked, strict=True):
    with column:
        st.subheader(words.plain(data.label(number)))
        with st.spinner("Loading the model. The first answer of a run takes a few seconds."):
            answers[number] = data.predict(number, text)
        st.text(words.answer(answers[number], threshold))
        st.altair_chart(charts.probabilities(answers[number], run_colour(number)), width="stretch")
        st.caption(words.temperature(data.temperature(number)))

st.subheader("Tried so far")
said = {data.label(number): words.answer(one, threshold) for number, one in answers.items()}
cells.frame(controls.remember_answers(text, said))
