"""What runs cost and what they are worth."""

import altair as alt
import pandas as pd

from dashboard.charts.look import INK, run_scale, share_axis, with_interval


def cost_quality(runs: pd.DataFrame, cost: str, title: str) -> alt.LayerChart:
    """Plot macro F1 with its interval against what a run cost, on a log scale.

    ``runs``: id, label, kind, macro_f1, macro_f1_low, macro_f1_high, and the column ``cost``.
    """
    shown = runs[runs[cost] > 0]
    x = alt.X(cost, title=title, scale=alt.Scale(type="log", padding=36), axis=alt.Axis(grid=False, format="~s"))
    colour = alt.Color("label", scale=run_scale(shown), legend=None)
    base = alt.Chart(shown).encode(x=x)
    bars = base.mark_rule(strokeWidth=2, opacity=0.6).encode(
        y=alt.Y("macro_f1_low", title="macro F1", axis=share_axis(), scale=alt.Scale(zero=False)),
        y2="macro_f1_high",
        color=colour,
    )
    points = base.mark_point(filled=True, size=130, opacity=1).encode(
        y="macro_f1",
        color=colour,
        shape=alt.Shape(
            "kind",
            title=None,
            scale=alt.Scale(domain=["baseline", "adapter", "full"], range=["square", "circle", "diamond"]),
            legend=alt.Legend(orient="top", values=sorted(shown["kind"].unique()), symbolFillColor=INK),
        ),
        tooltip=[
            "label",
            "kind",
            *with_interval("macro_f1", "macro F1"),
            alt.Tooltip(cost, title=title),
        ],
    )
    names = base.mark_text(align="left", dx=10, dy=-9, color=INK).encode(y="macro_f1", text="label")
    return alt.LayerChart(
        layer=[bars, points, names],
        height=320,
        description=f"Macro F1 with its 95 % interval against {title}, a point a run.",
    )
