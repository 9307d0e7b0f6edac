"""The selected example: its text, annotation, prediction and similar examples; import and export of the list."""

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import data
from dashboard.app_pages.failures import text
from dashboard.components import links
from dashboard.components.annotations import controls as annotations
from dashboard.components.annotations import export_csv, files
from dashboard.components.chart_cache import show_chart
from dashboard.components.example import controls, tables, view_data
from dashboard.components.example.charts import word_importance
from dashboard.components.glossary import help_for
from dashboard.components.safe_text import escape_markdown, show_text
from dashboard.components.text import describe_subset

LONG_TEXT = 1_500
"""A text with more characters scrolls in a box."""


def show_example(run_id: int, others: list[int], test_set: int, listed: pd.DataFrame) -> None:
    """Show the selected example. ``others``: the runs to compare with; ``listed``: the examples of the list."""
    position = view_data.find_position(run_id, controls.selected_example())
    if position is None:
        example_id = escape_markdown(controls.selected_example()[:20])
        st.info(f"No example {example_id} in this test set. Select one in the list.", icon=":material/info:")
        controls.show_close_button()
        return
    other = others[0] if len(others) == 1 else None
    row = view_data.example_row(run_id, other, position)
    controls.show_navigation(listed["example_id"])
    with st.container(border=True, height=300 if len(row["text"]) > LONG_TEXT else "content"):
        show_text(row["text"])
    warning = st.container()  # filled last: suspect labels take time to find
    annotations.show_annotation(row, data.labels(run_id))
    links.page_link("try_it", "Try it", ":material/play_arrow:", run=run_id, example=row["example_id"])
    show_prediction(run_id, others, test_set, row, position)
    show_word_importance(run_id, row)
    show_similar_examples(run_id, row)
    with warning:
        show_suspect_label(run_id, row, position)


def show_prediction(run_id: int, others: list[int], test_set: int, row: Any, position: int) -> None:
    """Show the prediction of the run, its probabilities and the predictions of other runs."""
    best = data.other_runs(run_id, test_set)
    predictions = view_data.other_predictions(others or best, row)
    disagreement = float(data.disagreement(run_id, best).iloc[position])
    tables.show_properties(row, disagreement, data.run_label(others[0]) if len(others) == 1 else None)
    st.markdown("**Probabilities**")
    tables.show_probabilities(view_data.label_probabilities(run_id, position))
    if not predictions.empty:
        st.markdown("**Other runs**", help=help_for("other runs"))
        tables.show_other_predictions(predictions)


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
    """Show whether the label is suspect, and the suggested one."""
    suggestion = view_data.suggested_label(run_id, position)
    if suggestion:
        st.warning(escape_markdown(text.suspect_label(row["label"], *suggestion)), icon=":material/help:")


def show_import_export(run_id: int, listed: pd.DataFrame) -> None:
    """Offer the list, the annotations and the cleaned data set as files, and the import of annotations."""
    box = st.expander("Import / export", key="files", on_change="rerun")
    # Opening the box reruns the page, which invalidates download buttons drawn before: a click on one gets no file.
    if box.open:
        with box:
            with st.container(horizontal=True):
                examples = partial(export_csv.listed_examples, run_id, listed)
                files.show_download(f"This list ({len(listed):,})", examples, f"failures-{run_id}")
                annotated = partial(export_csv.annotated_examples, run_id)
                files.show_download("All annotated examples", annotated, "annotations")
            files.show_clean_download(data.run(run_id).dataset_id or 0)
            files.show_import(run_id)
