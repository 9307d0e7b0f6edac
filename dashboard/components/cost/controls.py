"""The choice of the cost in the chart of cost and quality."""

from core.catalog.figures import FIGURES
from dashboard.components.filters import choose_option

COSTS = {
    "time": "train_seconds",
    "parameters": "trainable_parameters",
    "size": "adapter_bytes",
    "memory": "peak_memory_bytes",
}
"""The figures that can be the cost, by their value in the URL."""


def choose_cost() -> tuple[str, str]:
    """Draw the choice of the cost, a URL parameter; return a column of the runs and its title."""
    titles = {name: name.capitalize() for name in COSTS}
    figure = FIGURES[COSTS[choose_option("Cost", titles, "time", "cost", label_visibility="collapsed")]]
    return figure.name, figure.axis_title
