"""Choices on the Failures page: view, filters and order; all are URL parameters."""

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
    TAGGED,
    TRUNCATED,
    WRONG,
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
from dashboard.components.safe_text import escape_markdown
from dashboard.components.slices.view_data import find_slice
from dashboard.components.text_map.controls import clear_selection

LIST, MAP = "list", "map"
_CONFUSION = "frequent confusion"
_NUMBERS = ("shortest", "longest", "least", "most")
_URL_FILTERS = ("true", "predicted", "flip", "truncated", "noted", "column", "value", "slice", "answers")


def choose_view() -> str:
    """Draw the choice between misclassified examples and suspect labels."""
    return choose_option("Show", {MISTAKES: "Predictions", SUSPECT_LABELS: "Suspect labels"}, MISTAKES, "view")


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
    return st.toggle("Show slices with fewer errors", key="better", bind="query-params")


def choose_filters(run_id: int, labels: list[str], *, against: bool) -> tuple[Filters, str]:
    """Draw the filters, the less common ones in a box, and the order; return both.

    ``against``: whether the run is compared with another one.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        true = select_optional("True label", labels, "true", width=170)
        predicted = select_optional("Predicted", labels, "predicted", width=170)
        flip = _choose_flip() if against else None
        outcome = _choose_outcome(is_implied=flip is not None or (true is not None and predicted is not None))
        contains = st.text_input(
            "Text contains", key="contains", bind="query-params", icon=":material/search:", width=200
        )
        sort = _choose_sort()
    with st.expander("More filters", icon=":material/filter_alt:", key="more", on_change="rerun"):
        confidence = _choose_confidence()
        with st.container(horizontal=True, vertical_alignment="bottom"):
            words = _choose_range("Words", "shortest", "longest", integer=True)
            is_truncated = _choose_truncated(run_id)
            annotation = _choose_annotation()
        with st.container(horizontal=True, vertical_alignment="bottom"):
            column, value, value_range = _choose_column(run_id)
    filters = Filters(
        true=true,
        predicted=predicted,
        flip=flip,
        confidence=confidence,
        contains=str(contains or ""),
        outcome=outcome,
        words=words,
        is_truncated=is_truncated,
        column=column,
        value=value,
        value_range=value_range,
        annotation=annotation,
        slice_=_selected_slice(run_id),
    )
    return filters, sort


def _choose_sort() -> str:
    options = {value: sort.label for value, sort in SORTS.items()}
    return select_option("Sort by", options, next(iter(options)), "by", width=190)


def _choose_flip() -> str | None:
    choice = select_optional("Flip", {value: flip.capitalize() for value, flip in FLIPS.items()}, "flip", width=150)
    return None if choice is None else FLIPS[choice]


def _choose_outcome(*, is_implied: bool) -> str:
    options = {WRONG: "Wrong", CORRECT: "Correct", ALL: "All"}
    reason = "Determined by the selected labels or flip." if is_implied else None
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


def _choose_annotation() -> str | None:
    options = {ANNOTATED: "Annotated", NOT_ANNOTATED: "Not annotated", PROPOSED: "Proposed label"}
    options |= {TAGGED + tag: f"Tag: {tag}" for tag in data.tags()}
    return select_optional("Annotation", options, "noted", width=190)


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
