"""The map of test texts."""

import altair as alt
import pandas as pd

from dashboard.components.chart_cache import cached_chart
from dashboard.components.text_map.view_data import CORRECT, WRONG
from dashboard.components.theme import BLUE, ORANGE

_HEIGHT = 460
_MANY_POINTS = 1_500


@cached_chart
def text_map(points: pd.DataFrame, x_title: str, y_title: str) -> alt.LayerChart:
    """Draw texts as points: blue circles for correct predictions, orange crosses for wrong ones.

    ``points``: from `view_data.map_points`. A drag sets the parameter ``box``, a click the parameter ``point``.
    """
    box = alt.selection_interval(name="box", encodings=["x", "y"])
    point = alt.selection_point(name="point", fields=["example_id"])
    legend, domain = alt.Legend(orient="top", title=None, symbolOpacity=1), [CORRECT, WRONG]
    x, y = (
        alt.X("x:Q", title=x_title, axis=_axis(), scale=_scale()),
        alt.Y("y:Q", title=y_title, axis=_axis(), scale=_scale()),
    )
    marks = (
        alt.Chart(points)
        .mark_point(filled=True, size=18 if len(points) > _MANY_POINTS else 40, cursor="pointer")
        .encode(
            x=x,
            y=y,
            color=alt.Color("outcome:N", scale=alt.Scale(domain=domain, range=[BLUE, ORANGE]), legend=legend),
            shape=alt.Shape("outcome:N", scale=alt.Scale(domain=domain, range=["circle", "cross"]), legend=legend),
            opacity=alt.condition(box, alt.value(0.75), alt.value(0.15)),
            tooltip=["text:N", "true:N", "predicted:N", alt.Tooltip("confidence:Q", format=".1%"), "outcome:N"],
        )
        .add_params(box, point)
    )
    return alt.LayerChart(
        layer=[marks],
        height=_HEIGHT,
        description=f"Map of {len(points):,} test texts, similar texts near each other: circles are correct "
        "predictions, crosses wrong ones.",
    )


def _axis() -> alt.Axis:
    return alt.Axis(labels=False, ticks=False, grid=False, domain=False)


def _scale() -> alt.Scale:
    return alt.Scale(zero=False, nice=False, padding=12)
