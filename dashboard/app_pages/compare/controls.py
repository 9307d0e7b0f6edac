"""Choices on the page of two or more runs."""

import streamlit as st

from dashboard.components.filters import ANY
from dashboard.components.flips import FLIP_VALUES, FLIPS

CURVES = {
    "validation macro F1": "validation_macro_f1",
    "validation loss": "validation_loss",
    "training loss": "loss",
}
MATRICES = ["first run", "second run", "difference"]
SIDE_BY_SIDE = 6
"""Up to this many classes the three confusion matrices have room beside each other."""
AT_ONCE = 6
"""Of more runs than this every two are compared on demand: each pair takes about a tenth of a second."""


def choose_curve() -> tuple[str, str]:
    """Draw the choice of a learning curve; return the name under which it was logged, and its title."""
    names = list(CURVES)
    choice = str(
        st.segmented_control("Curve", names, default=names[0], required=True, key="curve", bind="query-params")
    )
    return CURVES[choice], choice


def choose_flip() -> str:
    """Draw the choice of which examples to read: those that the first run gained, or those that it lost."""
    options = [FLIP_VALUES["gained"], FLIP_VALUES["lost"]]
    choice = st.segmented_control(
        "Examples", options, default=options[0], required=True, key="flips", bind="query-params"
    )
    return FLIPS[str(choice)]


def choose_class(labels: list[str]) -> str | None:
    """Draw the choice of the true label of the examples to read; None for all."""
    choice = st.selectbox("True label", [ANY, *labels], key="class", bind="query-params", width=260)
    return None if choice in (None, ANY) else str(choice)


def choose_matrix() -> str:
    """Draw the choice of which confusion matrix to see, where there is no room for three."""
    return str(
        st.segmented_control("Show", MATRICES, default=MATRICES[-1], required=True, key="matrix", bind="query-params")
    )


def every_two(runs: int) -> bool:
    """Tell whether to compare every two runs; of many a person decides."""
    if runs <= AT_ONCE:
        return True
    pairs = runs * (runs - 1) // 2
    return st.toggle(
        f"Compare all {pairs:,} pairs: about {max(1, pairs // 10)} seconds", key="pairs", bind="query-params"
    )
