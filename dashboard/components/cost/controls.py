"""The choice of the cost in the chart of cost and quality."""

import streamlit as st

from core.catalog.figures import FIGURES

COSTS = {
    "time": "train_seconds",
    "parameters": "trainable_parameters",
    "size": "adapter_bytes",
    "memory": "peak_memory_bytes",
}
"""The figures that can be the cost, by their value in the URL."""


def choose_cost() -> tuple[str, str]:
    """Draw the choice of the cost, a URL parameter; return a column of the runs and its title."""
    choice = st.segmented_control("Cost", list(COSTS), default="time", required=True, key="cost", bind="query-params")
    figure = FIGURES[COSTS[str(choice)]]
    return figure.name, figure.axis_title
