"""Sections of the Data page: class balance, text lengths and rater disagreement."""

from typing import TYPE_CHECKING

import streamlit as st

from core.text.formatting import format_count
from dashboard import data
from dashboard.app_pages.data import charts, tables, text, view_data
from dashboard.components.chart_cache import show_chart
from dashboard.components.safe_text import escape_markdown, show_text

if TYPE_CHECKING:
    from core.store.records import Dataset


def show_class_balance(dataset: "Dataset") -> None:
    """Show the class balance: in each split or, with many classes, in the training split."""
    st.subheader("Class balance")
    balance = data.balance(dataset.id)
    if len(dataset.labels) <= charts.MAX_CLASSES:
        show_chart(charts.class_balance(balance, dataset.labels))
    else:
        show_chart(charts.training_balance(view_data.training_balance(dataset.id)))
        st.caption(f"The most and the least frequent of {format_count(len(dataset.labels))} classes.")
    tables.show_balance(balance)


def show_text_lengths(dataset: "Dataset") -> None:
    """Show the distribution of text lengths, by class if there are few."""
    st.subheader("Text length", help="In characters, over all splits.")
    by_class = len(dataset.labels) <= charts.MAX_CLASSES
    labels = dataset.labels if by_class else [view_data.ALL_CLASSES]
    show_chart(charts.text_lengths(view_data.length_bins(dataset.id, by_class=by_class), labels))
    tables.show_lengths(view_data.length_summary(dataset.id))


def show_rater_disagreement(dataset: "Dataset", best_run: int | None) -> None:
    """Show the most disputed texts, and whether the best run makes more errors on them; nothing without ratings."""
    disputed = view_data.disputed_examples(dataset.id)
    if disputed.empty:
        return
    st.subheader("Rater disagreement")
    show_text(text.rater_disagreement(disputed))
    left, right = st.columns(2, gap="large")
    with left:
        if best_run is not None and not (errors := view_data.errors_by_disagreement(best_run)).empty:
            show_chart(charts.errors_by_disagreement(errors))
            st.caption(f"{escape_markdown(data.run_label(best_run))}: error rate by quartile of the rating SD.")
    with right:
        tables.show_disputed(disputed)
        st.caption("Most disputed texts first.")
