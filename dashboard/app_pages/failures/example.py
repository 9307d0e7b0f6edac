"""The selected example: its text, annotation, prediction and similar examples; import and export of the list."""

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import data
from dashboard.app_pages.failures import text
from dashboard.components import links
from dashboard.components.annotations import controls as annotations
from dashboard.components.annotations import export_csv
from dashboard.components.chart_cache import show_chart
from dashboard.components.example import controls, tables, view_data
from dashboard.components.example.charts import word_importance
from dashboard.components.glossary import help_for
from dashboard.components.safe_text import escape_markdown, show_text
from dashboard.components.text import describe_subset

LONG_TEXT = 1_500
"""A text with more characters scrolls in a box."""


def show_example(run_id: int, other: int | None, test_set: int, listed: pd.DataFrame) -> None:
    """Show the selected example. ``other``: the run to compare with; ``listed``: the examples of the list."""
    position = view_data.find_position(run_id, controls.selected_example())
    if position is None:
        example_id = escape_markdown(controls.selected_example()[:20])
        st.info(f"No example {example_id} in this test set. Select one in the list.", icon=":material/info:")
        controls.show_close_button()
        return
    row = view_data.example_row(run_id, other, position)
    controls.show_navigation(listed["example_id"])
    with st.container(border=True, height=300 if len(row["text"]) > LONG_TEXT else "content"):
        show_text(row["text"])
    warning = st.container()  # filled last: suspect labels take time to find
    annotations.show_annotation(row, data.labels(run_id))
    links.page_link("try_it", "Try it", ":material/play_arrow:", run=run_id, example=row["example_id"])
    show_prediction(run_id, other, test_set, row, position)
    show_word_importance(run_id, row)
    show_similar_examples(run_id, row)
    with warning:
        show_suspect_label(run_id, row, position)


def show_prediction(run_id: int, other: int | None, test_set: int, row: Any, position: int) -> None:
    """Show the prediction of the run, its probabilities and the predictions of other runs."""
    others = view_data.other_predictions(run_id, test_set, row)
    disagreement = None if others.empty else float((others["predicted"] != row["predicted"]).mean())
    tables.show_properties(row, disagreement, None if other is None else data.run_label(other))
    st.markdown("**Probabilities**")
    tables.show_probabilities(view_data.label_probabilities(run_id, position))
    if not others.empty:
        st.markdown("**Other runs**", help="The predictions of the best other runs on this test set.")
        tables.show_other_predictions(others)


def show_word_importance(run_id: int, row: Any) -> None:
    """Show how much each word supports the prediction, if switched on; this loads the model."""
    if not st.toggle("Word importance", key="weights", bind="query-params", help=help_for("word importance")):
        return
    with st.spinner("Loading the model and leaving out each word in turn …"):
        weights = data.word_weights(run_id, row["text"], row["predicted"])
    if weights.empty:
        show_text("This text has no words.")
        return
    st.html(view_data.tint_words(row["text"], weights))
    drawn = view_data.select_most_important(weights)
    show_chart(word_importance(drawn, row["predicted"]))
    subset_note = describe_subset(len(drawn), len(weights), "words", "with the largest weights")
    st.caption(f"{subset_note}Blue: supports {escape_markdown(row['predicted'])}. Orange: against it.")
    tables.show_word_weights(weights)


def show_similar_examples(run_id: int, row: Any) -> None:
    """Show the training examples that share the most words with the text."""
    st.markdown("**Similar training examples**", help=help_for("similarity, %"))
    with st.spinner("Searching for similar training examples …"):
        nearest = view_data.nearest_examples(run_id, row["text"])
    if nearest.empty:
        show_text("No training example shares a word with this text.")
    else:
        tables.show_nearest(nearest)


def show_suspect_label(run_id: int, row: Any, position: int) -> None:
    """Show whether the label is suspect, with a button to propose the suggested one."""
    suggestion = view_data.suggested_label(run_id, position)
    if suggestion:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning(escape_markdown(text.suspect_label(row["label"], *suggestion)), icon=":material/help:")
            annotations.show_propose_button(row, suggestion[0])


def show_import_export(run_id: int, listed: pd.DataFrame) -> None:
    """Offer the list and the annotations as files, and the import of annotations."""
    box = st.expander("Import / export", icon=":material/csv:", key="files", on_change="rerun")
    # Opening the box reruns the page, which invalidates download buttons drawn before: a click on one gets no file.
    if box.open:
        with box, st.container(horizontal=True):
            examples = partial(export_csv.listed_examples, run_id, listed)
            annotations.show_download(f"This list ({len(listed):,})", examples, f"failures-{run_id}")
            annotated = partial(export_csv.annotated_examples, run_id)
            annotations.show_download("All annotated examples", annotated, "annotations")
    with box:
        annotations.show_import(partial(export_csv.texts_with_annotations, run_id), data.labels(run_id))
