"""Charts of the data: class balance, text lengths, and errors by rater disagreement."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from dashboard.components.chart_cache import cached_chart
from dashboard.components.theme import BLUE, INK, height_of, label_color, share_axis

SPLITS = ["train", "validation", "test"]
MAX_CLASSES = 12
"""With more classes, only the balance of the training split is drawn, and lengths as one line."""


@cached_chart
def class_balance(balance: pd.DataFrame, labels: Sequence[str]) -> alt.LayerChart:
    """Draw share and count of each class in each split. ``balance``: split, label, count, share."""
    base = alt.Chart(balance).encode(
        y=alt.Y("split", sort=SPLITS, title=None),
        yOffset=alt.YOffset("label", sort=list(labels)),
        x=alt.X("share", title="share of the split", axis=share_axis(), scale=_with_room(balance["share"])),
        tooltip=["split", "label", alt.Tooltip("count", format=","), alt.Tooltip("share", format=".1%")],
    )
    bars = base.mark_bar().encode(color=label_color(labels))
    counts = base.mark_text(align="left", dx=6, color=INK).encode(text=alt.Text("count", format=","))
    return alt.LayerChart(
        layer=[bars, counts],
        height=len(SPLITS) * 26 * len(labels) + 110,
        description="Share and count of each class in each split.",
    )


@cached_chart
def training_balance(balance: pd.DataFrame) -> alt.LayerChart:
    """Draw the number of training examples of classes. ``balance``: label and count, in the order to draw."""
    base = alt.Chart(balance).encode(
        y=alt.Y("label", sort=balance["label"].tolist(), title=None, axis=alt.Axis(labelLimit=180)),
        x=alt.X("count", title="training examples", axis=alt.Axis(tickCount=5), scale=_with_room(balance["count"])),
        tooltip=["label", alt.Tooltip("count", format=",")],
    )
    return alt.LayerChart(
        layer=[
            base.mark_bar(color=BLUE),
            base.mark_text(align="left", dx=6, color=INK).encode(text=alt.Text("count", format=",")),
        ],
        height=20 * len(balance) + 60,
        description="Training examples by class.",
    )


def _with_room(values: pd.Series) -> alt.Scale:
    """Return a scale from 0 with room for a number beside the longest bar."""
    return alt.Scale(domain=[0, 1.15 * float(values.max())], nice=False)


@cached_chart
def text_lengths(bins: pd.DataFrame, labels: Sequence[str]) -> alt.Chart:
    """Draw the distribution of text lengths, one line per class. ``bins``: label, from, to, share."""
    chart: alt.Chart = (
        alt.Chart(bins, height=320, description="Distribution of text lengths in characters, one line per class.")
        .mark_line(interpolate="step-after", strokeWidth=2)
        .encode(
            x=alt.X("from", title="characters", axis=alt.Axis(tickCount=5)),
            y=alt.Y("share", title="share of the class", axis=share_axis()),
            color=label_color(labels),
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


@cached_chart
def errors_by_disagreement(quartiles: pd.DataFrame) -> alt.LayerChart:
    """Draw the error rate of a run by quartile of the standard deviation of the ratings.

    ``quartiles``: raters (the name), errors (a share) with errors_low and errors_high, and size.
    """
    base = alt.Chart(quartiles).encode(
        y=alt.Y("raters", sort=quartiles["raters"].tolist(), title=None, axis=alt.Axis(labelLimit=220)),
        tooltip=[
            alt.Tooltip("raters", title="rating SD"),
            *(alt.Tooltip(name, format=".1%") for name in ("errors", "errors_low", "errors_high")),
            alt.Tooltip("size", format=",", title="test examples"),
        ],
    )
    x = alt.X("errors_low", title="error rate", axis=share_axis(), scale=alt.Scale(zero=True))
    return alt.LayerChart(
        layer=[
            base.mark_rule(strokeWidth=3, opacity=0.6, color=BLUE).encode(x=x, x2="errors_high"),
            base.mark_point(filled=True, size=140, opacity=1, color=BLUE).encode(x="errors"),
        ],
        height=height_of(len(quartiles)),
        description="Error rate by quartile of the rating SD, with 95% intervals.",
    )
