"""Sections of the Data page: class balance, text lengths and rater disagreement."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import data
from dashboard.app_pages.data import charts, tables, text, view_data
from dashboard.components.chart_cache import show_chart
from dashboard.components.classes import extremes_note, select_extremes
from dashboard.components.safe_text import escape_markdown, show_text

if TYPE_CHECKING:
    from core.store.records import Dataset


def show_class_balance(dataset: "Dataset", labels: list[str]) -> None:
    """Show the balance of classes: in each split or, with many classes, in the training split."""
    st.subheader("Class balance")
    if not labels:
        show_text("No class matches.")
        return
    balance = data.balance(dataset.id)
    balance = balance[balance["label"].isin(labels)]
    if len(dataset.labels) <= charts.MAX_CLASSES:
        show_chart(charts.class_balance(balance, labels))
    else:
        training = balance.loc[balance["split"] == "train", ["label", "count"]]
        drawn = select_extremes(training, "count")
        if len(drawn):
            show_chart(charts.training_balance(drawn))
        if note := extremes_note(len(drawn), training["count"].count()):
            st.caption(note)
    tables.show_balance(balance)


def show_text_lengths(dataset: "Dataset", labels: list[str]) -> None:
    """Show the distribution of text lengths, by class if there are few."""
    st.subheader("Text length", help="In characters, over all splits.")
    by_class = len(dataset.labels) <= charts.MAX_CLASSES
    drawn = dataset.labels if by_class else [view_data.ALL_CLASSES]
    show_chart(charts.text_lengths(view_data.length_bins(dataset.id, by_class=by_class), drawn))
    if labels:
        lengths = view_data.length_summary(dataset.id)
        tables.show_lengths(lengths[lengths["label"].isin(labels)])


def show_rater_disagreement(dataset: "Dataset", best_run: int | None) -> None:
    """Show the most disputed texts, and whether the best run makes more errors on them; nothing without ratings."""
    disputed = view_data.disputed_examples(dataset.id)
    if disputed.empty:
        return
    run = None if best_run is None else data.run_label(best_run)
    st.subheader("Rater disagreement", help=escape_markdown(text.rater_disagreement(disputed, run)))
    left, right = st.columns(2, gap="large")
    with left:
        if best_run is not None and not (errors := view_data.errors_by_disagreement(best_run)).empty:
            show_chart(charts.errors_by_disagreement(errors))
    with right:
        tables.show_disputed(disputed)
