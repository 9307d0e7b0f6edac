"""What the data are like: the balance of the classes, the lengths of the texts."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from dashboard.charts.look import (
    INK,
    label_colour,
    share_axis,
)


def class_balance(balance: pd.DataFrame, labels: Sequence[str]) -> alt.LayerChart:
    """Draw the share of each class in each split, with its count. ``balance``: split, label, count, share."""
    splits = ["train", "validation", "test"]
    base = alt.Chart(balance).encode(
        y=alt.Y("split", sort=splits, title=None),
        yOffset=alt.YOffset("label", sort=list(labels)),
        x=alt.X("share", title="share of the split", axis=share_axis(), scale=alt.Scale(domain=[0, 1])),
        tooltip=["split", "label", alt.Tooltip("count", format=","), alt.Tooltip("share", format=".1%")],
    )
    bars = base.mark_bar().encode(color=label_colour(labels))
    counts = base.mark_text(align="left", dx=6, color=INK).encode(text=alt.Text("count", format=","))
    return alt.LayerChart(
        layer=[bars, counts],
        height=len(splits) * 26 * len(labels) + 110,
        description="Share and count of each class in each split.",
    )


def lengths(bins: pd.DataFrame, labels: Sequence[str]) -> alt.Chart:
    """Draw how the lengths of texts are spread, a line a class. ``bins``: label, from, to, share."""
    chart: alt.Chart = (
        alt.Chart(bins, height=320, description="Lengths of the texts in characters, a line a class.")
        .mark_line(interpolate="step-after", strokeWidth=2)
        .encode(
            x=alt.X("from", title="characters"),
            y=alt.Y("share", title="share of the class", axis=share_axis()),
            color=label_colour(labels),
            strokeDash=alt.StrokeDash("label", sort=list(labels), legend=None),
            tooltip=[
                "label",
                alt.Tooltip("from", format=".0f"),
                alt.Tooltip("to", format=".0f"),
                alt.Tooltip("share", format=".1%"),
            ],
        )
    )
    return chart
