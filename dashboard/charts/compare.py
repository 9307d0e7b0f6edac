"""Runs against each other: class by class, what was repaired, who beats whom."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from dashboard.charts.look import (
    BLUE,
    DARK,
    INK,
    ORANGE,
    difference,
    height_of,
    run_scale,
    share_axis,
    with_interval,
)


def class_changes(changes: pd.DataFrame) -> alt.LayerChart:
    """Draw each class's difference in F1 with its interval, regressions on top.

    ``changes``: label, f1, f1_low, f1_high, in the order to draw.
    """
    order = changes["label"].tolist()
    y = alt.Y("label", sort=order, title=None)
    x = alt.X("f1", title="difference in F1", axis=share_axis("+.0%"))
    colour = alt.condition("datum.f1 < 0", alt.value(ORANGE), alt.value(BLUE))
    base = alt.Chart(changes).encode(y=y)
    zero = alt.Chart(pd.DataFrame({"f1": [0.0]})).mark_rule(color=INK).encode(x=x)
    bars = base.mark_rule(strokeWidth=3, opacity=0.6).encode(
        x=alt.X("f1_low", title="difference in F1"), x2="f1_high", color=colour
    )
    points = base.mark_point(filled=True, size=140, opacity=1).encode(
        x=x,
        color=colour,
        tooltip=["label", *(alt.Tooltip(name, format="+.1%") for name in ("f1", "f1_low", "f1_high"))],
    )
    return alt.LayerChart(
        layer=[zero, bars, points],
        height=height_of(len(order)),
        description="Difference in F1 of each class with its 95 % interval; 0 is no change.",
    )


def run_intervals(runs: pd.DataFrame, metric: str, title: str) -> alt.LayerChart:
    """Draw one metric of several runs with its interval, in the given order.

    ``runs``: id, label, and the metric's three columns.
    """
    y = alt.Y("label", sort=runs["label"].tolist(), title=None, axis=alt.Axis(labelLimit=200))
    axis = share_axis()
    colour = alt.Color("label", scale=run_scale(runs), legend=None)
    base = alt.Chart(runs).encode(y=y, color=colour)
    x = alt.X(f"{metric}_low", title=title, axis=axis, scale=alt.Scale(zero=False, padding=20))
    bars = base.mark_rule(strokeWidth=3, opacity=0.6).encode(x=x, x2=f"{metric}_high")
    points = base.mark_point(filled=True, size=140, opacity=1).encode(
        x=metric, tooltip=["label", *with_interval(metric, title)]
    )
    return alt.LayerChart(
        layer=[bars, points], height=height_of(len(runs)), description=f"{title} of each run with its 95 % interval."
    )


def _map(cells: pd.DataFrame, x: alt.X, y: alt.Y, value: str, tooltip: list[str], description: str) -> alt.LayerChart:
    base = alt.Chart(cells).encode(x=x, y=y, tooltip=tooltip)
    squares = base.mark_rect().encode(color=difference(value, cells))
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
