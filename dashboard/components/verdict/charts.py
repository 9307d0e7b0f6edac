"""The chart of verdicts: differences with their intervals against zero."""

import altair as alt
import pandas as pd

from dashboard.components.chart_cache import cached_chart
from dashboard.components.theme import BLUE, INK, ORANGE

_ROW = 52
_COLORS = alt.Scale(domain=["better", "worse", "inconclusive"], range=[BLUE, ORANGE, INK])
_SHAPES = alt.Scale(domain=["better", "worse", "inconclusive"], range=["triangle-right", "triangle-left", "circle"])
_DIRECTION = "{'helped': 'better', 'hurt': 'worse'}[datum.verdict] || datum.verdict"

_AXIS = alt.Axis(tickCount=4, grid=False, labelExpr="datum.value ? format(datum.value, '+~g') : '0'")


@cached_chart
def verdicts(rows: pd.DataFrame, title: str) -> alt.LayerChart:
    """Draw each difference with its interval against zero, and the band of differences that are too small to detect.

    ``rows``: from `view_data.verdict_rows`, in the order to draw. ``title``: of the axis.
    """
    y = alt.Y("name:N", sort=rows["name"].tolist(), title=None, axis=alt.Axis(labelLimit=230, grid=False, ticks=False))
    base = alt.Chart(rows).transform_calculate(direction=_DIRECTION, band_low="-datum.undetectable").encode(y=y)
    color = alt.Color("direction:N", scale=_COLORS, legend=None)
    tooltip = [
        alt.Tooltip("name:N", title="compared with"),
        alt.Tooltip("gap:Q", title="points", format="+.1f"),
        alt.Tooltip("gap_low:Q", title="from", format="+.1f"),
        alt.Tooltip("gap_high:Q", title="to", format="+.1f"),
        "verdict:N",
        alt.Tooltip("undetectable:Q", title="smallest detectable gap in accuracy", format=".1f"),
    ]
    x = alt.X("gap_low:Q", title=title, axis=_AXIS)
    band = base.transform_filter("isValid(datum.undetectable)").mark_bar(color=INK, opacity=0.18, height=22)
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(color=INK, strokeDash=[4, 3]).encode(x="zero:Q")
    interval = base.mark_rule(strokeWidth=3).encode(x=x, x2="gap_high:Q", color=color)
    point = base.mark_point(filled=True, size=150, opacity=1).encode(
        x="gap:Q", color=color, shape=alt.Shape("direction:N", scale=_SHAPES, legend=None), tooltip=tooltip
    )
    text = base.mark_text(dy=-16, color=INK, fontSize=12, fontWeight="bold").encode(x="gap:Q", text="text:N")
    return alt.LayerChart(
        layer=[band.encode(x=alt.X("band_low:Q", title=title), x2="undetectable:Q"), zero, interval, point, text],
        height=_ROW * len(rows) + 60,
        description="Differences in macro F1 with their 95% intervals against zero. Gray band: differences in "
        "accuracy that are too small for this test set to detect.",
    )
