"""Choices on the Data page; all are URL parameters."""

from collections.abc import Sequence
from typing import NamedTuple

import streamlit as st

from dashboard import state
from dashboard.app_pages.data.charts import SPLITS
from dashboard.components import filters


class ExampleFilters(NamedTuple):
    """Filters of examples; None and the empty text match all."""

    split: str | None
    label: str | None
    contains: str


def pick_version(versions: dict[int, str]) -> int:
    """Draw the choice between data sets that share a test set, if there are several; return an id."""
    if len(versions) == 1:
        return next(iter(versions))
    return int(
        st.selectbox("Version", list(versions), format_func=versions.__getitem__, key="version", bind="query-params")
    )


def opened_check() -> str:
    """Return the name of the data quality check whose examples are shown; empty for none."""
    return state.get_parameter("check")


def draw_check_button(name: str, *, is_open: bool) -> None:
    """Draw the button that shows or hides the examples of a data quality check."""
    label, value = ("Hide", "") if is_open else ("Show", name)
    st.button(label, type="tertiary", on_click=state.set_parameter, args=("check", value), key=f"check {name}")


def choose_filters(labels: Sequence[str]) -> ExampleFilters:
    """Draw the filters of the examples."""
    left, middle, right = st.columns([1, 1, 2])
    with left:
        split = filters.filter_by("Split", SPLITS, key="split")
    with middle:
        label = filters.filter_by("Label", labels, key="label")
    with right:
        return ExampleFilters(split, label, filters.search_text())
