"""What the runs learnt from and were measured on."""

import streamlit as st

from core.text.formatting import format_count
from dashboard import data, state
from dashboard.app_pages.data import charts, controls, tables
from dashboard.app_pages.data import text as words
from dashboard.app_pages.data import view_data as frames
from dashboard.components import default_runs as choices
from dashboard.components import feedback, filters, links
from dashboard.components.chart_cache import show_chart
from dashboard.components.safe_text import escape_markdown, show_text

st.title("Data")
feedback.stop_if_empty("This page will show the examples, their classes in each split, and what to mind.")
versions = data.dataset_versions(state.test_set())
dataset_id = controls.pick_version(versions)
dataset, balance = data.dataset(dataset_id), data.balance(dataset_id)

show_text(words.of_dataset(dataset, balance))
best = choices.best_run(state.test_set())
rare = frames.rare_classes(dataset_id, state.test_set())
remarks = words.remarks(dataset.checks, rare, frames.truncation(state.test_set()))
st.markdown("\n".join(f"- {escape_markdown(remark)}" for remark in remarks))
for title, rows in (
    ("Texts that stand twice within a split", frames.duplicates(dataset_id)),
    ("Test examples that also stand in another split", frames.leaks(dataset_id, exact=True)),
    ("Test examples with a near duplicate in another split", frames.leaks(dataset_id, exact=False)),
    ("Texts with more than one label", frames.conflicts(dataset_id)),
    ("Test examples of which the best run read the beginning only", frames.truncated(best) if best else None),
):
    if rows is not None and not rows.empty:
        with st.expander(f"{title}: {format_count(len(rows))}", icon=":material/warning:"):
            tables.flawed(rows)
with st.container(horizontal=True):
    links.page_link("failures", "Labels in doubt", ":material/rule:", view=filters.SUSPECT_LABELS)
    links.page_link("failures", "Where runs err", ":material/error_outline:")


def show_balance() -> None:
    """Show how common each class is; where they are many, the most and the least common."""
    st.subheader("Classes in each split")
    if len(dataset.labels) <= charts.MOST_CLASSES:
        show_chart(charts.class_balance(balance, dataset.labels))
    else:
        show_chart(charts.training_balance(frames.training_balance(dataset_id)))
        st.caption(f"The most and the least common of {format_count(len(dataset.labels))} classes; the table has all.")
    tables.balance(balance)


def show_lengths() -> None:
    """Show how long the texts are, class by class where these are few."""
    st.subheader("Lengths of the texts")
    by_class = len(dataset.labels) <= charts.MOST_CLASSES
    labels = dataset.labels if by_class else [frames.ALL]
    show_chart(charts.lengths(frames.lengths(dataset_id, by_class=by_class), labels))
    tables.lengths(frames.length_summary(dataset_id))
    st.caption("In characters, over all splits.")


def show_raters() -> None:
    """Show where the people who rated the texts were apart, and whether runs err there."""
    disputed = frames.disputed(dataset_id)
    if disputed.empty:
        return
    st.subheader("Where the raters disagree")
    show_text(words.raters(disputed))
    left, right = st.columns(2, gap="large")
    with left:
        errors = frames.errors_by_raters(best) if best else disputed.head(0)
        if not errors.empty:
            show_chart(charts.disagreement(errors))
            st.caption(
                f"{escape_markdown(data.run_label(best or 0))}: share wrong by how far apart the raters of a text were."
            )
    with right:
        tables.disputed(disputed)
        st.caption("The most disputed texts.")


left, right = st.columns(2, gap="large")
with left:
    show_balance()
with right:
    show_lengths()
show_raters()

st.subheader("Examples")
columns = st.columns([1, 1, 2])
with columns[0]:
    split = filters.filter_by("Split", ("train", "validation", "test"), key="split")
with columns[1]:
    label = filters.filter_by("Label", dataset.labels, key="label")
with columns[2]:
    contains = filters.search_text()
examples = frames.examples(dataset_id, split, label, contains)
show_text(f"{format_count(len(examples))} examples")
tables.examples(examples, data.source_columns(dataset_id).loc[examples.index])
