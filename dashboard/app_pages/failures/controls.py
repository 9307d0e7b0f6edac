"""Choices on the Failures page: view, filters and order; all are URL parameters."""

from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from core.text.formatting import format_count
from dashboard import data
from dashboard.app_pages.failures import view_data
from dashboard.app_pages.failures.view_data import (
    ALL,
    ANNOTATED,
    CORRECT,
    FULL_RANGE,
    NOT_ANNOTATED,
    NOT_TRUNCATED,
    PROPOSED,
    SORTS,
    SORTS_ACROSS_RUNS,
    TAGGED,
    TRUNCATED,
    WRONG,
    WRONG_IN_ALL,
    WRONG_IN_ONE,
    Bounds,
    Filters,
)
from dashboard.components.filters import (
    MISTAKES,
    SUSPECT_LABELS,
    choose_option,
    reset_option,
    select_option,
    select_optional,
)
from dashboard.components.flips import FLIPS
from dashboard.components.pickers import pick_runs
from dashboard.components.safe_text import escape_markdown
from dashboard.components.slices.view_data import find_slice
from dashboard.components.text_map.controls import clear_selection

LIST, MAP = "list", "map"
_CONFUSION = "frequent confusion"
_SEARCH_HELP = "In texts, tags, notes and proposed labels."
_NUMBERS = ("shortest", "longest", "least", "most")
_URL_FILTERS = ("true", "predicted", "flip", "wrong", "truncated", "noted", "column", "value", "slice", "answers")


def choose_others(complete: pd.DataFrame, run_id: int) -> list[int]:
    """Draw the picker of the runs to compare with, and a warning of those without predictions on this test set.

    ``complete``: id and label of the complete runs on the test set.
    """
    selected = pick_runs("Compare with", complete, run_id, None)
    others = [other for other in selected if other in set(complete["id"])]
    ignored = [f"#{other}" for other in selected if other not in others]
    if ignored:
        st.warning(f"No predictions on this test set, ignored: {', '.join(ignored)}.", icon=":material/warning:")
    return others


def choose_view() -> str:
    """Draw the choice between predictions, suspect labels and annotated examples."""
    views = {MISTAKES: "Predictions", SUSPECT_LABELS: "Suspect labels", ANNOTATED: "Annotated"}
    return choose_option("Show", views, MISTAKES, "view", label_visibility="collapsed")


def choose_layout() -> str:
    """Draw the choice between the list alone and the list with a map of the test set."""
    return choose_option("Layout", {LIST: "List", MAP: "Map"}, LIST, "layout", label_visibility="collapsed")


def choose_confusion(confusions: pd.DataFrame) -> None:
    """Draw the most frequent confusions; a click filters by the labels of one, or by none.

    ``confusions``: true, predicted and count.
    """
    pairs = list(confusions[["true", "predicted"]].itertuples(index=False, name=None))
    titles = [
        f"{true} → {predicted}: {format_count(count)}"
        for true, predicted, count in confusions[["true", "predicted", "count"]].itertuples(index=False, name=None)
    ]
    places = [place for place, pair in enumerate(pairs) if pair == selected_labels()]
    st.session_state[_CONFUSION] = next(iter(places), None)
    st.pills(
        "Most frequent confusions",
        range(len(pairs)),
        format_func=lambda place: escape_markdown(titles[place]),
        key=_CONFUSION,
        label_visibility="collapsed",
        on_change=lambda: filter_by_labels(_item(pairs, st.session_state[_CONFUSION])),
    )


def _item(pairs: list[tuple[str, str]], place: int | None) -> tuple[str, str] | None:
    return None if place is None else pairs[place]


def show_better_slices() -> bool:
    """Draw the switch that adds the slices with fewer errors than the other examples."""
    return st.toggle("Include better slices", key="better", bind="query-params")


def choose_filters(run_id: int, labels: list[str], runs: int, view: str) -> tuple[Filters, str]:
    """Draw the filters, the less common ones in a box, and the order; return both.

    ``runs``: the number of compared runs, this one included.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        true = select_optional("True label", labels, "true", width=150)
        predicted = select_optional("Predicted", labels, "predicted", width=150)
        flip = _choose_flip() if runs == 2 else None
        wrong_runs = _choose_wrong_runs(runs) if runs > 2 else (None, None)
        outcome = st.container(width="content")  # filled last: other filters may determine it
        contains = st.text_input("Search", key="contains", bind="query-params", help=_SEARCH_HELP, width=200)
        sort = _choose_sort(across_runs=runs > 2)
        more = st.popover("More filters", key="more", on_change="rerun")
    filters = Filters(
        true=true,
        predicted=predicted,
        flip=flip,
        wrong_runs=wrong_runs,
        contains=str(contains or ""),
        slice_=_selected_slice(run_id),
    )
    with more:
        filters = _choose_rare_filters(run_id, filters, is_annotated=view == ANNOTATED)
    with outcome:
        filters = replace(filters, outcome=_choose_outcome(is_implied=filters.implies_outcome()))
    return filters, sort


def _choose_rare_filters(run_id: int, filters: Filters, *, is_annotated: bool) -> Filters:
    """Draw the less common filters; return all filters. ``is_annotated``: only annotated examples are shown."""
    confidence = _choose_confidence()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = _choose_range("Words", "shortest", "longest", integer=True)
        is_truncated = _choose_truncated(run_id)
        annotation = _choose_annotation(is_annotated=is_annotated)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        column, value, value_range = _choose_column(run_id)
    return replace(
        filters,
        confidence=confidence,
        words=words,
        is_truncated=is_truncated,
        annotation=annotation,
        column=column,
        value=value,
        value_range=value_range,
    )


def _choose_sort(*, across_runs: bool) -> str:
    sorts = SORTS | SORTS_ACROSS_RUNS if across_runs else SORTS
    options = {value: sort.label for value, sort in sorts.items()}
    return select_option("Sort by", options, next(iter(options)), "by", width=190)


def _choose_wrong_runs(runs: int) -> Bounds:
    """Draw the filter by the number of compared runs that are wrong."""
    options = {WRONG_IN_ALL: f"All {format_count(runs)} runs", WRONG_IN_ONE: "One run only", "1": "Any run"}
    options |= {str(least): f"At least {format_count(least)} runs" for least in range(2, runs)}
    choice = select_optional("Wrong in", options, "wrong", width=170)
    return (None, None) if choice is None else view_data.wrong_runs_bounds(choice, runs)


def _choose_flip() -> str | None:
    choice = select_optional("Flip", {value: flip.capitalize() for value, flip in FLIPS.items()}, "flip", width=150)
    return None if choice is None else FLIPS[choice]


def _choose_outcome(*, is_implied: bool) -> str:
    options = {WRONG: "Wrong", CORRECT: "Correct", ALL: "All"}
    reason = "Determined by other filters." if is_implied else None
    choice = choose_option("Outcome", options, WRONG, "answers", disabled=is_implied, help=reason)
    return ALL if is_implied else choice


def _choose_confidence() -> tuple[int, int]:
    low, high = st.slider("Confidence, %", *FULL_RANGE, FULL_RANGE, key="confidence", bind="query-params")
    return int(low), int(high)


def _choose_range(label: str, low: str, high: str, *, integer: bool = False) -> Bounds:
    step, number_format = (1, "%d") if integer else (None, "%g")
    first, second = (
        st.number_input(
            f"{label}, {bound}",
            value=None,
            step=step,
            format=number_format,
            key=key,
            bind="query-params",
            width=130,
        )
        for bound, key in (("min", low), ("max", high))
    )
    return first, second


def _choose_truncated(run_id: int) -> bool | None:
    """Draw the filter by truncation, if it is recorded."""
    if data.predictions_with_outcomes(run_id)["truncated"].isna().all():
        return None
    choice = select_optional("Truncation", {TRUNCATED: "Truncated", NOT_TRUNCATED: "Complete"}, "truncated", width=190)
    return None if choice is None else choice == TRUNCATED


def _choose_annotation(*, is_annotated: bool) -> str | None:
    """Draw the filter by annotation; ``is_annotated``: without a choice, it is `ANNOTATED`."""
    options = {} if is_annotated else {ANNOTATED: "Annotated", NOT_ANNOTATED: "Not annotated"}
    options |= {PROPOSED: "Proposed label"} | {TAGGED + tag: f"Tag: {tag}" for tag in data.tags()}
    return select_optional("Annotation", options, "noted", width=190) or (ANNOTATED if is_annotated else None)


def _choose_column(run_id: int) -> tuple[str | None, str | None, Bounds]:
    """Draw the filter by a column of the source: the column, then a value or a range."""
    columns = [str(name) for name in data.prediction_columns(run_id).columns]
    column = select_optional("Source column", columns, "column", width=190)
    if column is None:
        return None, None, (None, None)
    if view_data.is_numeric(run_id, column):
        return column, None, _choose_range("Value", "least", "most")
    values = view_data.frequent_values(run_id, column)
    return column, select_optional("Value", values, "value", width=190), (None, None)


def _selected_slice(run_id: int) -> tuple[str, Any] | None:
    """Return name and members of the slice in the URL; warn of a slice that this run does not have."""
    name = st.query_params.get("slice")
    slice_ = find_slice(run_id, name) if name else None
    if name and slice_ is None:
        st.warning(
            f"This run has no slice '{escape_markdown(name[:60])}'. The filter is ignored.", icon=":material/warning:"
        )
    return (slice_.name, slice_.members) if slice_ else None


def filter_by_slice(name: str | None) -> None:
    """Filter by a slice, or by none; a table's callback."""
    _set_filter("slice", name)


def filter_by_labels(labels: tuple[str, str] | None) -> None:
    """Filter by a true and a predicted label, or by none; a callback."""
    true, predicted = labels or (None, None)
    _set_filter("true", true)
    _set_filter("predicted", predicted)


def _set_filter(key: str, value: str | None) -> None:
    if value is None:
        st.query_params.pop(key, None)
    else:
        st.query_params[key] = value


def selected_labels() -> tuple[str | None, str | None]:
    """Return the true and the predicted label of the filters."""
    return st.query_params.get("true"), st.query_params.get("predicted")


def clear_filters() -> None:
    """Clear all filters; a button's callback."""
    for key in _URL_FILTERS:
        reset_option(key)
    for key in _NUMBERS:
        st.session_state[key] = None
    clear_selection()
    st.session_state["contains"] = ""
    st.session_state["confidence"] = FULL_RANGE
