"""The examples that a run got wrong: where it fails, why, and what people say of it."""

from functools import partial

import pandas as pd
import streamlit as st

from dashboard import data, state
from dashboard.app_pages.failures import controls, tables
from dashboard.app_pages.failures import text as words
from dashboard.app_pages.failures import view_data as frames
from dashboard.components import default_runs as choices
from dashboard.components import feedback, filters, links, pickers
from dashboard.components.annotations import controls as annotating
from dashboard.components.annotations import files
from dashboard.components.chart_cache import show_chart
from dashboard.components.confusion.charts import confusion_matrix
from dashboard.components.confusion.view_data import MOST_DRAWN, confusion, frequent_confusions, most_mistaken
from dashboard.components.example import charts
from dashboard.components.example import controls as examples
from dashboard.components.example import tables as example_tables
from dashboard.components.example import view_data as example_frames
from dashboard.components.safe_text import escape_markdown, show_text
from dashboard.components.slices import tables as slice_tables
from dashboard.components.slices import view_data as slice_frames
from dashboard.components.text import shown_of

LIST, SHORT_LIST = 400, 190  # pixels: a list makes room where an example is open beneath it
SIDE = 400  # pixels: the matrix and the slices beside the list
LONG = 1_500  # characters: a longer text gets a box that scrolls

st.title("Failures")
feedback.stop_if_empty("This page will list the examples that a run got wrong, the surest mistakes first.")
test_set = state.test_set()
complete = data.complete_runs(test_set)
left, right = st.columns(2)
with left:
    offered = complete if complete.empty else data.runs(test_set)
    run_id = pickers.pick_run("Run", offered, choices.best_run(test_set))
with right:
    other = pickers.pick_optional_run("Against another run", complete, run_id)
if data.predictions_with_outcomes(run_id).empty:
    st.info(escape_markdown(words.without_predictions(data.run(run_id))), icon=":material/info:")
    links.page_link("run", "Open this run", ":material/description:", run=run_id)
    st.stop()
labels = data.labels(run_id)
with st.container(border=True):
    st.markdown(f"**{escape_markdown(words.headline(data.run_label(run_id), confusion(run_id)))}**")


def show_matrix() -> None:
    """Show which label was taken for which; a click filters the list."""
    cells_ = confusion(run_id)
    drawn = most_mistaken(cells_, labels)
    matrix = confusion_matrix(cells_, drawn, selection="cell")
    show_chart(matrix, on_select=controls.filter_by_cell, key="cells")
    some = shown_of(len(drawn), len(labels), "labels", "with the most mistakes")
    st.caption(f"{some}Colour: the share of the row. A click on a cell shows its examples, a double click all.")
    if len(labels) > MOST_DRAWN // 2:
        frequent = frequent_confusions(cells_)
        st.markdown("**Most frequent confusions**")
        pairs = list(frequent[["true", "predicted"]].itertuples(index=False, name=None))
        chosen = [(st.session_state.get("true"), st.session_state.get("predicted"))]
        rows = [row for row, pair in enumerate(pairs) if pair in chosen]
        examples.show_rows(
            tables.confusions(frequent),
            "confusions",
            rows,
            lambda row: controls.filter_by_labels(None if row is None else pairs[row]),
        )


def show_slices() -> None:
    """Show the kinds of texts with more mistakes than elsewhere; a click filters the list."""
    st.subheader("Kinds of texts")
    with st.spinner("Looking for kinds of texts with more mistakes …"):
        every = slice_frames.slices(run_id)
    for sentence in words.slices(slice_frames.standing_out(every), len(every)):
        show_text(sentence)
    found = every.head(slice_frames.MOST_LISTED)
    if not found.empty:
        names = list(found["name"])
        rows = [row for row, name in enumerate(names) if name == st.query_params.get("slice")]
        examples.show_rows(
            slice_tables.slices(found),
            f"slices {run_id}",
            rows,
            lambda row: controls.choose_slice(None if row is None else names[row]),
        )
        some = shown_of(len(found), len(every), "slices", "that stand out most")
        st.caption(
            f"{some}A click lists a slice. p is adjusted for their number. A column that all but is the label, "
            "such as a mean rating, says little."
        )


def show_list(listed: pd.DataFrame, filtered_by: str, sort: str | None = None, column: str | None = None) -> None:
    """Show a page of examples. ``filtered_by``: what makes the list another one; ``sort``, ``column``: shown for it."""
    place = examples.choose_page(len(listed), filtered_by)
    height = SHORT_LIST if examples.opened() else LIST
    page = data.annotated(listed.iloc[place : place + examples.PAGE_SIZE])
    examples.show_list(
        tables.failures(page, sort, column, height),
        page["example_id"].tolist(),
        "examples",
    )


def show_example(listed: pd.DataFrame) -> None:
    """Show all that is known of the open example, and what to do with it."""
    place = example_frames.place_of(run_id, examples.opened())
    if place is None:
        st.info(
            f"There is no example {escape_markdown(examples.opened()[:20])} in this test set.", icon=":material/info:"
        )
        st.button("Close", icon=":material/close:", on_click=examples.open_example, args=(None,))
        return
    row = example_frames.example(run_id, other, place)
    examples.step_through(listed["example_id"])
    with st.container(border=True, height=300 if len(row["text"]) > LONG else "content"):
        show_text(row["text"])
    doubt = st.container()
    annotating.annotate(row, labels)
    others = example_frames.others(run_id, test_set, row)
    disagreement = None if others.empty else float((others["predicted"] != row["predicted"]).mean())
    links.page_link("try_it", "Try it", ":material/play_arrow:", run=run_id, example=row["example_id"])
    example_tables.example(row, disagreement, None if other is None else data.run_label(other))
    st.markdown("**Probabilities**")
    example_tables.shares(example_frames.shares(run_id, place))
    if not others.empty:
        st.markdown("**What the best other runs say**")
        example_tables.others(others)
    show_weights(row)
    show_nearest(row)
    with doubt:
        show_doubt(row, place)


def show_weights(row: pd.Series) -> None:
    """Show on a wish which words the prediction rests on; it needs the model."""
    if not st.toggle("Which words it rests on (loads the model)", key="weights", bind="query-params"):
        return
    with st.spinner("Loading the model and leaving out each word in turn …"):
        weights = data.word_weights(run_id, row["text"], row["predicted"])
    if weights.empty:
        show_text("This text has no words.")
        return
    drawn = example_frames.weightiest(weights)
    show_chart(charts.word_weights(drawn, row["predicted"]))
    some = shown_of(len(drawn), len(weights), "words", "with the most weight")
    st.caption(f"{some}Blue speaks for {escape_markdown(row['predicted'])}, orange against it.")
    example_tables.weights(weights)


def show_nearest(row: pd.Series) -> None:
    """Show what the run may have learnt it from."""
    st.markdown("**Nearest training examples, by shared words**")
    with st.spinner("Looking for training examples with the same words …"):
        nearest = example_frames.nearest(run_id, row["text"])
    if nearest.empty:
        show_text("No training example shares a word with it.")
    else:
        example_tables.nearest(nearest)


def show_doubt(row: pd.Series, place: int) -> None:
    """Say whether the label itself may be wrong, and let the suggested one be taken."""
    suspicion = example_frames.suspicion(run_id, place)
    if suspicion:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning(escape_markdown(words.suspicion(row["label"], *suspicion)), icon=":material/help:")
            annotating.accept(row, suspicion[0])


def show_files(listed: pd.DataFrame) -> None:
    """Offer the list and the annotations as files, and take annotations from one."""
    box = st.expander("To and from files", icon=":material/csv:", key="files", on_change="rerun")
    # Opening the box reruns the page, which invalidates download buttons drawn before: a click on one gets no file.
    if box.open:
        with box, st.container(horizontal=True):
            shown = partial(files.listed, run_id, listed)
            annotating.download(f"This list, {len(listed):,} examples", shown, f"failures-{run_id}")
            noted = partial(files.annotated, run_id)
            annotating.download("All annotated examples of this test set", noted, "annotations")
    with box:
        annotating.upload(partial(files.texts, run_id), labels)


def show_mistakes() -> pd.DataFrame:
    """Show the examples that pass the filters, in the chosen order; return them."""
    chosen, sort = controls.choose_filters(run_id, labels, against=other is not None)
    predictions_with_outcomes = frames.examples(run_id, other, chosen.column)
    found, said = chosen.apply(predictions_with_outcomes), chosen.said()
    with st.container(horizontal=True, vertical_alignment="center"):
        wrong = int((~predictions_with_outcomes["right"]).sum())
        show_text(words.shown_failures(wrong, len(predictions_with_outcomes), len(found), said), width="stretch")
        if said:
            st.button("Clear the filters", icon=":material/filter_alt_off:", on_click=controls.clear_filters)
    if other is not None:
        show_text(words.flips(predictions_with_outcomes["flip"].value_counts(), data.run_label(other)))
    listed = frames.in_order(found, sort, run_id, test_set)
    if not wrong and not said:
        st.success("This run got every test example right.", icon=":material/check:")
    elif listed.empty:
        st.info("No example passes these filters.", icon=":material/filter_alt:")
    else:
        show_list(listed, f"{run_id} {other} {said} {sort}", frames.SORTS[sort][0], chosen.column)
    return listed


def show_labels_in_doubt() -> pd.DataFrame:
    """Show the examples whose label the run's probabilities speak against; return them."""
    with st.spinner("Looking for labels in doubt …"):
        suspects = frames.suspects(run_id)
    show_text(words.suspects(len(suspects), data.test_size(run_id), data.run_label(run_id)))
    if not suspects.empty:
        show_list(suspects, f"{run_id} doubt")
        st.caption("The likeliest error first. A suspect is no proof: the run may be the one that is wrong.")
    return suspects


if controls.choose_view() == filters.SUSPECT_LABELS:
    listed = show_labels_in_doubt()
    panel = st.container()
else:
    with st.container(horizontal=True, gap="large"):  # on a narrow screen the list comes below
        left, right = st.container(width=SIDE), st.container(width="stretch")
    with left:
        show_matrix()
    with right:
        listed = show_mistakes()
        panel = st.container()
    with left:
        show_slices()
with panel, st.container():  # of its own, so that what stands beneath stays in its place, and open
    if examples.opened():
        show_example(listed)
    elif not listed.empty:
        st.caption("Tick a row to read its whole text and what else is known of it.")
with panel:
    show_files(listed)
