"""Pure chart builders for the evidence: what was repaired, who beats whom, what a probability is worth."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from dashboard.charts import BLUE, INK, ORANGE, PERCENT

NEUTRAL = "#E4E7EB"
DARK = "#1B2430"  # text on the light squares of a map, in both themes


def _difference(field: str, frame: pd.DataFrame) -> alt.Color:
    """Colour differences: blue for gains, orange for losses, as far from grey as they are large."""
    largest = max(float(frame[field].abs().max()), 1e-9) if frame[field].notna().any() else 1.0
    scale = alt.Scale(domain=[-largest, 0, largest], range=[ORANGE, NEUTRAL, "#6FB1DC"], interpolate="rgb")
    return alt.Color(field, scale=scale, legend=None)


def _map(cells: pd.DataFrame, x: alt.X, y: alt.Y, value: str, tooltip: list[str], description: str) -> alt.LayerChart:
    base = alt.Chart(cells).encode(x=x, y=y, tooltip=tooltip)
    squares = base.mark_rect().encode(color=_difference(value, cells))
    text = base.mark_text(lineBreak="\n", lineHeight=15, fontSize=12, color=DARK, dy=-6).encode(text="text")
    return alt.LayerChart(layer=[squares, text], height=80 * cells[y.shorthand].nunique() + 90, description=description)


def flip_map(cells: pd.DataFrame, labels: Sequence[str]) -> alt.LayerChart:
    """Draw which confusions were repaired and which are new.

    ``cells``: true, taken_for, repaired, damaged, net (repaired minus damaged), text.
    """
    return _map(
        cells,
        alt.X("taken_for", sort=list(labels), title="taken for", axis=alt.Axis(orient="top", labelAngle=-25)),
        alt.Y("true", sort=list(labels), title="true"),
        "net",
        ["true", "taken_for", "repaired", "damaged"],
        "Confusions repaired and damaged: rows are true labels, columns what they were wrongly taken for.",
    )


def verdict_map(cells: pd.DataFrame, labels: Sequence[str]) -> alt.LayerChart:
    """Draw the difference of every two runs in macro F1, row minus column. ``cells``: row, column, gap, text."""
    short = alt.Axis(orient="top", labelAngle=-25, labelLimit=160)
    return _map(
        cells,
        alt.X("column", sort=list(labels), title="minus", axis=short),
        alt.Y("row", sort=list(labels), title=None, axis=alt.Axis(labelLimit=160)),
        "gap",
        ["row", "column", "text"],
        "Difference in macro F1 of every two runs, row minus column, with its interval and verdict.",
    )


def reliability(bins: pd.DataFrame) -> alt.LayerChart:
    """Draw how often a run is right at each confidence, with the band of a perfectly calibrated run.

    ``bins``: confidence, accuracy, count, null_low, null_high.
    """
    x = _confidence(labels=False)
    y = alt.Y("accuracy", title="share right", axis=_beneath(format=PERCENT), scale=alt.Scale(domain=[0, 1]))
    ends = pd.DataFrame({"confidence": [0.0, 1.0], "accuracy": [0.0, 1.0]})
    diagonal = alt.Chart(ends).mark_line(color=INK, strokeDash=[4, 4]).encode(x=x, y=y)
    base = alt.Chart(bins).encode(x=x, tooltip=_of_bin())
    low = alt.Y("null_low", title="share right")
    band = base.mark_bar(size=12, opacity=0.35, color=INK).encode(y=low, y2="null_high")
    points = base.mark_point(filled=True, size=90, opacity=1, color=BLUE).encode(y=y)
    return alt.LayerChart(
        layer=[diagonal, band, points],
        height=260,
        description="Share right by confidence; grey bars: what chance allows a perfectly calibrated run.",
    )


def bin_counts(bins: pd.DataFrame) -> alt.Chart:
    """Draw how many examples each bin of `reliability` has, to stand beneath it."""
    y = alt.Y("count", title="examples", axis=_beneath(tickCount=3))
    chart: alt.Chart = (
        alt.Chart(bins, height=130, description="Examples by confidence.")
        .mark_bar(size=12, color=INK)
        .encode(x=_confidence(labels=True), y=y, tooltip=_of_bin())
    )
    return chart


def _confidence(*, labels: bool) -> alt.X:
    axis = alt.Axis(format=PERCENT, labels=labels, ticks=labels)
    return alt.X("confidence", title="confidence" if labels else None, axis=axis, scale=alt.Scale(domain=[0, 1]))


def _beneath(**settings: Any) -> alt.Axis:
    """Return an axis as wide as that of the chart above or beneath."""
    return alt.Axis(minExtent=42, maxExtent=42, **settings)


def _of_bin() -> list[alt.Tooltip]:
    titles = {
        "confidence": "confidence",
        "accuracy": "share right",
        "null_low": "if calibrated, from",
        "null_high": "to",
    }
    shares = [alt.Tooltip(name, format=".1%", title=title) for name, title in titles.items()]
    return [*shares, alt.Tooltip("count", format=",", title="examples")]


def coverage(curve: pd.DataFrame, threshold: float) -> alt.LayerChart:
    """Draw the accuracy of the answers against the share answered, the chosen threshold marked.

    ``curve``: threshold, coverage, accuracy, accuracy_low, accuracy_high.
    """
    x = alt.X("coverage", title="share answered", axis=alt.Axis(format=PERCENT), scale=alt.Scale(zero=False))
    tooltip = [
        alt.Tooltip(name, format=".1%")
        for name in (
            "threshold",
            "coverage",
            "coverage_low",
            "coverage_high",
            "accuracy",
            "accuracy_low",
            "accuracy_high",
        )
    ]
    base = alt.Chart(curve).encode(x=x, tooltip=tooltip)
    axis = alt.Axis(format=PERCENT, tickMinStep=0.01)
    y = alt.Y("accuracy_low", title="accuracy of the answers", axis=axis, scale=alt.Scale(zero=False))
    band = base.mark_area(opacity=0.2, color=BLUE).encode(y=y, y2="accuracy_high")
    line = base.mark_line(color=BLUE, strokeWidth=2).encode(y="accuracy")
    nearest = curve.loc[[(curve["threshold"] - threshold).abs().idxmin()]]
    chosen = alt.Chart(nearest).mark_point(filled=True, size=160, opacity=1, color=ORANGE)
    return alt.LayerChart(
        layer=[band, line, chosen.encode(x=x, y="accuracy", tooltip=tooltip)],
        height=300,
        description="Accuracy of the answers with its 95 % interval by the share answered; a point: the threshold.",
    )
