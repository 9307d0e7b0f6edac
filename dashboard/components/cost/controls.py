"""The choice of what stands for cost, on each page that draws it against quality."""

import streamlit as st

COSTS = {
    "time": ("train_seconds", "training time, seconds"),
    "parameters": ("trainable_parameters", "trained weights"),
    "size": ("adapter_bytes", "size, bytes"),
    "memory": ("peak_memory_bytes", "peak memory, bytes"),
}


def choose_cost() -> tuple[str, str]:
    """Draw the choice of what stands for cost; return a column of the runs, and its title. It stands in the address."""
    choice = st.segmented_control("Cost", list(COSTS), default="time", required=True, key="cost", bind="query-params")
    return COSTS[str(choice)]
