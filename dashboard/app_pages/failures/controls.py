"""Choices on the page of the failures: what to list, and in what order."""

from typing import Any

import streamlit as st

from dashboard import data
from dashboard.app_pages.failures import view_data as frames
from dashboard.app_pages.failures.view_data import (
    EITHER,
    NOT_NOTED,
    NOTED,
    PROPOSED,
    RIGHT,
    SORTS,
    TAGGED,
    WRONG,
    Bounds,
    Filters,
)
from dashboard.components.filters import MISTAKES, SUSPECT_LABELS, choose_option
from dashboard.components.flips import FLIPS
from dashboard.components.safe_text import escape_markdown
from dashboard.components.slices.view_data import named
from dashboard.state import clicked_cell

FILTERS = ("true", "predicted", "flip", "truncated", "noted", "column", "value", "least", "most", "shortest", "longest")
BEGINNING, WHOLE = "beginning only", "whole"


def choose_view() -> str:
    """Draw the choice of what to list: mistakes, or labels in doubt; it stands in the address."""
    return choose_option("Show", [MISTAKES, SUSPECT_LABELS], MISTAKES, "view")


def _choose_sort() -> str:
    return str(st.selectbox("Order", list(SORTS), key="by", bind="query-params", width=190))


def choose_filters(run_id: int, labels: list[str], *, against: bool) -> tuple[Filters, str]:
    """Draw the filters, the rarer ones in a box, and the choice of the order; all of it stands in the address."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        true = _pick("True label", labels, "true", width=170)
        predicted = _pick("Predicted", labels, "predicted", width=170)
        flip = _pick("Flip", list(FLIPS), "flip", width=150) if against else None
        settled = flip is not None or (true is not None and predicted is not None)
        outcome = _choose_outcome(settled=settled)
        contains = st.text_input(
            "Text contains", key="contains", bind="query-params", icon=":material/search:", width=200
        )
        sort = _choose_sort()
    with st.expander("More filters", icon=":material/filter_alt:", key="more", on_change="rerun"):
        confidence = _confidence_range()
        with st.container(horizontal=True, vertical_alignment="bottom"):
            words = _bounds("Words", "shortest", "longest", whole=True)
            truncated = _choose_truncated(run_id)
            noted = _pick("Annotation", [NOTED, NOT_NOTED, PROPOSED, *(TAGGED + tag for tag in data.tags())], "noted")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            column, value, between = _choose_column(run_id)
    chosen = Filters(
        true=true,
        predicted=predicted,
        flip=flip and FLIPS[flip],
        confidence=confidence,
        contains=str(contains or ""),
        outcome=outcome,
        words=words,
        truncated=truncated,
        column=column,
        value=value,
        between=between,
        noted=noted,
        within=_chosen_slice(run_id),
    )
    return chosen, sort


def _pick(label: str, options: list[str], key: str, width: int = 190) -> str | None:
    choice = st.selectbox(label, options, index=None, placeholder="any", key=key, bind="query-params", width=width)
    return None if choice is None else str(choice)


def _choose_outcome(*, settled: bool) -> str:
    why = "Settled where both labels, or a flip, are chosen." if settled else None
    choice = choose_option("Answers", [WRONG, RIGHT, EITHER], WRONG, "answers", disabled=settled, help=why)
    return EITHER if settled else choice


def _confidence_range() -> tuple[int, int]:
    low, high = st.slider("Confidence, %", *frames.FULL_RANGE, frames.FULL_RANGE, key="confidence", bind="query-params")
    return int(low), int(high)


def _bounds(what: str, low: str, high: str, *, whole: bool = False) -> Bounds:
    step, format_ = (1, "%d") if whole else (None, "%g")
    first, second = (
        st.number_input(
            f"{what}, {said}", value=None, step=step, format=format_, key=key, bind="query-params", width=130
        )
        for said, key in (("from", low), ("to", high))
    )
    return first, second


def _choose_truncated(run_id: int) -> bool | None:
    """Draw the choice by how much of a text the model read, where that was recorded."""
    if data.predictions_with_outcomes(run_id)["truncated"].isna().all():
        return None
    choice = _pick("The model read", [BEGINNING, WHOLE], "truncated")
    return None if choice is None else choice == BEGINNING


def _choose_column(run_id: int) -> tuple[str | None, str | None, Bounds]:
    """Draw the choice of a column of the data, then of its values or of a range."""
    column = _pick("Column of the data", [str(name) for name in data.prediction_columns(run_id).columns], "column")
    if column is None:
        return None, None, (None, None)
    if frames.is_numeric(run_id, column):
        return column, None, _bounds("Value", "least", "most")
    return column, _pick("Value", frames.commonest(run_id, column), "value"), (None, None)


def _chosen_slice(run_id: int) -> tuple[str, Any] | None:
    """Return the slice that the address names; one that was not found in this run is passed over, and said."""
    name = st.query_params.get("slice")
    found = named(run_id, name) if name else None
    if name and found is None:
        st.warning(
            f"This run has no slice «{escape_markdown(name[:60])}». All examples are shown.", icon=":material/warning:"
        )
    return (found.name, found.members) if found else None


def choose_slice(name: str | None) -> None:
    """Keep in the address the slice that was clicked, or lift it; as a callback."""
    if name is None:
        st.query_params.pop("slice", None)
    else:
        st.query_params["slice"] = name


def filter_by_cell() -> None:
    """Set the filters of true and predicted label to the cell that was clicked, or lift them."""
    filter_by_labels(clicked_cell("cells"))


def filter_by_labels(labels: tuple[str, str] | None) -> None:
    """Set the filters of true and predicted label, or lift them; as a callback."""
    st.session_state["true"], st.session_state["predicted"] = labels or (None, None)


def clear_filters() -> None:
    """Lift all filters; as a button's callback."""
    for key in FILTERS:
        st.session_state[key] = None
    st.session_state["contains"] = ""
    st.session_state["confidence"] = frames.FULL_RANGE
    st.session_state["answers"] = WRONG
    st.query_params.pop("slice", None)
