"""The chart of cost and quality."""

from math import ceil, floor, log10

import altair as alt
import numpy as np
import pandas as pd

from dashboard.components.chart_cache import cached_chart
from dashboard.components.theme import BLUE, INK, ORANGE, share_axis, with_interval

_NAME_SHARE = 0.15  # of the axis


@cached_chart
def cost_quality(runs: pd.DataFrame, cost: str, title: str) -> alt.LayerChart:
    """Plot macro F1 with its interval against cost on a log scale, with the Pareto front as a step line.

    ``runs``: from `view_data.cost_quality`, cheapest first.
    """
    x = alt.X("place", title=title, axis=_axis(runs, cost), scale=_scale(runs))
    y = alt.Y("height", title="macro F1", axis=share_axis(), scale=alt.Scale(zero=False, padding=12))
    kinds = ["baseline", "adapter", "full"]
    legend = alt.Legend(orient="top", values=[kind for kind in kinds if (runs["kind"] == kind).any()])
    colors = alt.Scale(domain=kinds, range=[INK, BLUE, ORANGE])
    shapes = alt.Scale(domain=kinds, range=["square", "circle", "diamond"])
    color = alt.Color("kind", title=None, scale=colors, legend=legend)
    shape = alt.Shape("kind", title=None, scale=shapes, legend=legend)
    base = alt.Chart(runs).encode(x=x, y=y)
    bars = base.transform_filter("!datum.below").mark_rule(strokeWidth=2, opacity=0.35)
    points = base.transform_filter("!datum.below").mark_point(filled=True, size=110, opacity=1)
    tooltip = ["label", "kind", *with_interval("macro_f1", "macro F1"), alt.Tooltip(cost, title=title, format=",")]
    below = base.transform_filter("datum.below").mark_point(filled=True, size=110, opacity=1, shape="triangle-down")
    return alt.LayerChart(
        layer=[
            _front(runs, x, y),
            bars.encode(y="low", y2="high", color=color),
            points.encode(color=color, shape=shape, tooltip=tooltip),
            below.encode(color=color, tooltip=tooltip),
            _names(runs, x),
        ],
        height=360,
        description=f"Macro F1 with its 95% interval against {title}, one point per run; the line is the Pareto front.",
    )


def _front(runs: pd.DataFrame, x: alt.X, y: alt.Y) -> alt.Chart:
    """Draw the Pareto front; the line extends to the most expensive run."""
    best = runs[runs["front"]]
    line = pd.concat([best[["place", "height"]], best[["height"]].tail(1).assign(place=runs["place"].max())])
    steps: alt.Chart = alt.Chart(line).mark_line(interpolate="step-after", color=INK, strokeDash=[6, 3])
    return steps.encode(x=x, y=y)


def _names(runs: pd.DataFrame, x: alt.X) -> alt.Chart:
    """Name the runs on the Pareto front, above and to the left of their points."""
    named = alt.Chart(runs[runs["name"] != ""])
    text: alt.Chart = named.mark_text(align="right", dx=-8, dy=-9, color=INK, limit=190, fontSize=12)
    return text.encode(x=x, y="height", text="name")


def _scale(runs: pd.DataFrame) -> alt.Scale:
    """Return a log scale with room for a name to the left of the cheapest run."""
    low, high = float(runs["place"].min()), float(runs["place"].max())
    domain = [low * (low / high) ** _NAME_SHARE, high] if 0 < low < high else alt.Undefined
    return alt.Scale(type="log", padding=30, nice=False, domain=domain)


def _log_ticks(low: float, high: float) -> list[float]:
    """Return ticks on a log scale: one per decade, or more until at least three lie between two costs."""
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    ticks: list[float] = []
    for steps in ((1,), (1, 2, 5), range(1, 10), np.arange(1, 10, 0.5), np.arange(1, 10, 0.2)):
        ticks = [round(float(step), 1) * 10.0**power for power in decades for step in steps]
        if sum(low <= tick <= high for tick in ticks) >= 3:
            break
    return ticks


def _axis(runs: pd.DataFrame, cost: str) -> alt.Axis:
    """Return an axis with one tick per decade, more if the costs span few decades, and 0 for runs with a cost of 0."""
    paid = runs.loc[runs[cost] > 0, "place"].astype(float)
    free = runs.loc[runs[cost] == 0, "place"].head(1).tolist()
    ticks = _log_ticks(paid.min(), paid.max()) if len(paid) else []
    label = f"datum.value < {(free[0] if free else 0) * 1.001} ? '0' : format(datum.value, '~s')"
    return alt.Axis(
        grid=False, values=[*free, *(tick for tick in ticks if not free or tick > free[0])], labelExpr=label
    )
