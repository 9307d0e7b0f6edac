"""Choices on the Compare page; all are URL parameters."""

from collections.abc import Sequence

import streamlit as st
from streamlit.elements.lib.mutable_tab_container import TabContainer

from core.catalog.figures import FIGURES
from dashboard.components.filters import choose_option, choose_tab, filter_by
from dashboard.components.flips import FLIP_VALUES, FLIPS
from dashboard.components.glossary import help_for

CURVES = {FIGURES[name].title: name for name in ("validation_macro_f1", "validation_loss", "loss")}
"""The logged figures that can be drawn as learning curves, by their value in the URL."""
MATRICES = {"first run": "First run", "second run": "Second run", "difference": "Difference"}
"""Label of each confusion matrix, by its value in the URL."""
PAIR_TABS = {
    "classes": "Classes",
    "examples": "Examples",
    "confusion": "Confusion",
    "curves": "Curves & cost",
    "tests": "Tests & export",
}
"""Labels of the tabs on two runs by their value in the URL."""
SEVERAL_TABS = {"curves": "Curves & cost", "metrics": "Metrics", "settings": "Settings", "classes": "F1 by class"}
"""Labels of the tabs on several runs by their value in the URL."""
MAX_RUNS_IN_ALL_PAIRS = 6
"""With more runs, all pairs are compared on demand: each pair takes about a tenth of a second."""


def draw_pair_tabs() -> Sequence[TabContainer]:
    """Draw the tabs on two runs; only the open one is computed."""
    return choose_tab(PAIR_TABS, "tab")


def draw_several_tabs() -> Sequence[TabContainer]:
    """Draw the tabs on several runs; only the open one is computed."""
    return choose_tab(SEVERAL_TABS, "runs_tab")


def choose_curve() -> str:
    """Draw the choice of a learning curve; return the name of its figure."""
    options = {title: FIGURES[name].heading for title, name in CURVES.items()}
    help_ = help_for("learning curves")
    return CURVES[choose_option("Curve", options, next(iter(options)), "curve", help=help_)]


def choose_flip() -> str:
    """Draw the choice between examples that the first run gained and those that it lost."""
    options = {FLIP_VALUES["gained"]: "Gained", FLIP_VALUES["lost"]: "Lost"}
    return FLIPS[choose_option("Examples", options, FLIP_VALUES["gained"], "flips")]


def choose_class(labels: list[str]) -> str | None:
    """Draw the filter of the examples by true label; return None for all labels."""
    return filter_by("True label", labels, "class", width=260)


def choose_matrix() -> str:
    """Draw the choice of one confusion matrix."""
    return choose_option("Show", MATRICES, "difference", "matrix")


def compare_all_pairs(runs: int) -> bool:
    """Return whether to compare all pairs of this number of runs; of many runs, the user decides."""
    if runs <= MAX_RUNS_IN_ALL_PAIRS:
        return True
    pairs = runs * (runs - 1) // 2
    return st.toggle(
        f"Compare all {pairs:,} pairs (about {max(1, pairs // 10)} seconds)", key="pairs", bind="query-params"
    )
