"""The chart of a prediction."""

import altair as alt
import pandas as pd

from dashboard.components.chart_cache import cached_chart
from dashboard.components.theme import INK, PERCENT, height_of


@cached_chart
def probabilities(prediction: pd.DataFrame, color: str) -> alt.LayerChart:
    """Draw the probability of each class. ``prediction``: label, probability."""
    base = alt.Chart(prediction).encode(
        y=alt.Y("label", sort=None, title=None, axis=alt.Axis(labelLimit=200)),
        x=alt.X(
            "probability",
            title=None,
            axis=alt.Axis(format=PERCENT, values=[0, 0.25, 0.5, 0.75, 1]),
            scale=alt.Scale(domain=[0, 1.12], nice=False),  # room for the numbers
        ),
        tooltip=["label", alt.Tooltip("probability", format=".1%")],
    )
    bars = base.mark_bar(color=color)
    numbers = base.mark_text(align="left", dx=6, color=INK).encode(text=alt.Text("probability", format=".1%"))
    description = "Probability of each class."
    return alt.LayerChart(layer=[bars, numbers], height=height_of(len(prediction)), description=description)
