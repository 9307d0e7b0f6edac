"""Charts of compared runs: classes, confusion matrices, learning curves and verdicts."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from core.catalog.figures import FIGURES
from dashboard.components.chart_cache import cached_chart
from dashboard.components.confusion.charts import mark_diagonal
from dashboard.components.theme import (
    BLUE,
    DARK,
    INK,
    NEUTRAL,
    ORANGE,
    SHARE,
    difference_color,
    height_of,
    run_colors,
    run_scale,
    share_axis,
    share_text_color,
    with_interval,
)

_FLIP_COLOR = alt.Color("flip:N", scale=alt.Scale(domain=["gained", "lost"], range=[BLUE, ORANGE]), legend=None)
MAX_POINTS_WITH_MARKS = 120
"""Curves with more logged values are drawn as lines only."""
_CLASS_COLUMNS = ["label", "f1", "text", *(f"{run}{bound}" for run in "ab" for bound in ("", "_low", "_high"))]
_FEW_LABELS = 4
_FEW_RUNS = 6
DASHES = ([1, 0], [8, 4], [2, 3], [12, 3, 2, 3], [5, 2], [14, 6])
"""Line patterns: a cue in addition to the color, which repeats after seven runs."""


@cached_chart
def class_changes(changes: pd.DataFrame, runs: pd.DataFrame) -> alt.LayerChart:
    """Draw F1 of each class in two runs as two joined points, with the difference and its interval above.

    ``changes``: label, a, b, f1, f1_low, f1_high and text, in the order to draw. ``runs``: id and label
    of the two runs.
    """
    order, names, title = changes["label"].tolist(), runs["label"].tolist(), FIGURES["f1"].title
    within = share_axis()
    within.labelExpr = "datum.value < 0 || datum.value > 1 ? '' : datum.label"
    x = alt.X("a:Q", title=title, axis=within, scale=alt.Scale(zero=False, padding=70))  # room for the differences
    difference_tooltip = alt.Tooltip("text:N", title="difference")
    base = alt.Chart(changes[_CLASS_COLUMNS]).encode(
        y=alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelLimit=150, grid=False)),
        tooltip=["label:N", *with_interval("a", names[0]), *with_interval("b", names[1]), difference_tooltip],
    )
    color = alt.condition("datum.f1 < 0", alt.value(ORANGE), alt.value(BLUE))
    lines = base.mark_rule(strokeWidth=4, opacity=0.55).encode(x=x, x2="b", color=color)
    middle = base.transform_calculate(middle="(datum.a + datum.b) / 2")
    text = middle.mark_text(dy=-14, color=INK, fontSize=12).encode(x=alt.X("middle:Q", title=title), text="text:N")
    return alt.LayerChart(
        layer=[lines, _ends(base, names, runs["id"].tolist()), text],
        height=height_of(len(order)) + 60,
        description=f"F1 of each class in {names[0]} and in {names[1]}, joined by a line, and the difference in points "
        "with its 95% interval, the largest loss first.",
    )


def _ends(base: alt.Chart, names: list[str], ids: list[int]) -> alt.Chart:
    """Draw the two points of each class: a circle for the first run, a diamond for the second."""
    long = base.transform_fold(["a", "b"], as_=["which", "value"]).transform_calculate(
        run=f"datum.which == 'a' ? {_vega_string(names[0])} : {_vega_string(names[1])}"
    )
    legend = alt.Legend(orient="top", columns=1, labelLimit=260, title=None)
    colors = run_colors(ids)
    color_scale = alt.Scale(domain=names, range=[colors[run_id] for run_id in ids])
    shape_scale = alt.Scale(domain=names, range=["circle", "diamond"])
    ends: alt.Chart = long.mark_point(filled=True, size=170, opacity=1)
    return ends.encode(
        x=alt.X("value:Q", title=FIGURES["f1"].title),
        color=alt.Color("run:N", scale=color_scale, legend=legend),
        shape=alt.Shape("run:N", scale=shape_scale, legend=legend),
    )


def _vega_string(text: str) -> str:
    """Return text as a string literal of Vega's expression language."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", " ") + "'"


@cached_chart
def flip_bar(gained: int, lost: int) -> alt.LayerChart:
    """Draw the examples that the first run gained, to the left, and those that it lost, to the right."""
    most = max(gained, lost)
    sides = pd.DataFrame({"flip": ["gained", "lost"], "examples": [-gained, lost], "count": [gained, lost]})
    x = alt.X("examples:Q", axis=None, scale=alt.Scale(domain=[-most, most]))
    bars = (
        alt.Chart(sides)
        .mark_bar(size=18)
        .encode(x=x, color=_FLIP_COLOR, tooltip=["flip:N", alt.Tooltip("count:Q", title="examples", format=",")])
    )
    middle = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(color=INK, strokeWidth=2).encode(x="zero:Q")
    description = f"{gained:,} examples gained and {lost:,} lost."
    return alt.LayerChart(layer=[bars, middle], height=44, description=description)


@cached_chart
def flips_by_class(flipped: pd.DataFrame) -> alt.LayerChart:
    """Draw the gained and the lost examples of each class; a click sets the parameter ``flip``.

    ``flipped``: label, gained and lost, in the order to draw.
    """
    order = flipped["label"].tolist()
    long = flipped.melt("label", ["gained", "lost"], "flip", "count")
    long["examples"] = long["count"].where(long["flip"] == "lost", -long["count"])
    click = alt.selection_point(name="flip", fields=["label", "flip"])
    axis = alt.Axis(format="d", tickMinStep=1, tickCount=5, labelExpr="format(abs(datum.value), ',')")
    base = alt.Chart(long[long["count"] > 0]).encode(
        y=alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelLimit=150, grid=False)),
        x=alt.X("examples:Q", title="gained | lost", axis=axis, scale=alt.Scale(padding=30)),
        tooltip=["label:N", "flip:N", alt.Tooltip("count:Q", title="examples", format=",")],
    )
    bars = base.mark_bar(cursor="pointer").encode(color=_FLIP_COLOR).add_params(click)
    return alt.LayerChart(
        layer=[bars], height=26 * len(order) + 70, description="Examples gained and lost in each class."
    )


@cached_chart
def run_intervals(runs: pd.DataFrame, metric: str) -> alt.LayerChart:
    """Draw one metric of several runs with its interval, in the given order.

    ``runs``: id, label, and the metric with its interval.
    """
    title = FIGURES[metric].title
    y = alt.Y("label:N", sort=runs["label"].tolist(), title=None, axis=alt.Axis(labelLimit=200))
    color = alt.Color("label:N", scale=run_scale(runs), legend=None)
    base = alt.Chart(runs[["label", metric, f"{metric}_low", f"{metric}_high"]]).encode(y=y, color=color)
    x = alt.X(f"{metric}_low:Q", title=title, axis=share_axis(), scale=alt.Scale(zero=False, padding=20))
    bars = base.mark_rule(strokeWidth=3, opacity=0.6).encode(x=x, x2=f"{metric}_high")
    points = base.mark_point(filled=True, size=140, opacity=1).encode(
        x=f"{metric}:Q", tooltip=["label:N", *with_interval(metric, title)]
    )
    return alt.LayerChart(
        layer=[bars, points],
        height=28 * len(runs) + 60,
        description=f"{FIGURES[metric].heading} of each run with its 95% interval.",
    )


@cached_chart
def confusion_matrix(cells: pd.DataFrame, labels: Sequence[str], which: str, title: str) -> alt.LayerChart:
    """Draw the confusion matrix of one of two runs, or their difference; a click sets the parameter ``cell``.

    ``cells``: from `view_data.confusion_difference`. ``which``: first run, second run or difference.
    """
    if which == "difference":
        description = "Difference of the two confusion matrices, first run minus second: blue is more, orange fewer."
        return _matrix(cells, labels, difference_color("more", cells), alt.Text("text:N"), alt.value(DARK), description)
    run = "a" if which == "first run" else "b"
    color = alt.Color(f"{run}_share:Q", scale=SHARE, legend=None)
    text_color = share_text_color(f"{run}_share")
    description = f"Confusion matrix of {title}: rows are true labels, columns predicted ones."
    return _matrix(cells, labels, color, alt.Text(f"{run}:Q", format=","), text_color, description)


def _matrix(
    cells: pd.DataFrame, labels: Sequence[str], color: alt.Color, text: alt.Text, text_color: Any, description: str
) -> alt.LayerChart:
    few = len(labels) <= _FEW_LABELS
    names = alt.Axis(orient="top", labelAngle=-25 if few else -90, labelLimit=110, labelOverlap=False)
    base = alt.Chart(cells).encode(
        x=alt.X("predicted:N", sort=list(labels), title="predicted", axis=names),
        y=alt.Y("true:N", sort=list(labels), title="true", axis=alt.Axis(labelLimit=110, labelOverlap=False)),
        tooltip=[
            "true:N",
            "predicted:N",
            alt.Tooltip("a:Q", title="first run", format=","),
            alt.Tooltip("b:Q", title="second run", format=","),
            alt.Tooltip("text:N", title="difference"),
        ],
    )
    numbered = base if few else base.transform_filter("datum.a != 0 || datum.b != 0")  # zeros would hide the rest
    numbers = numbered.mark_text(fontSize=15 if few else 11, cursor="pointer").encode(text=text, color=text_color)
    cell = alt.selection_point(name="cell", fields=["true", "predicted"])
    squares = base.mark_rect(cursor="pointer").encode(color=color).add_params(cell)
    return alt.LayerChart(
        layer=[squares, mark_diagonal(base), numbers],
        height=max(240, (60 if few else 26) * len(labels) + (100 if few else 150)),
        description=description,
    )


@cached_chart
def learning_curves(history: pd.DataFrame, name: str) -> alt.LayerChart:
    """Draw a logged figure of several runs over the epochs, each run with its color and line pattern.

    ``history``: id, label, epoch, value. ``name``: of the figure.
    """
    figure, names = FIGURES[name], history.drop_duplicates("id")["label"].tolist()
    is_share = figure.unit == "percent"
    legend = alt.Legend(
        orient="top",
        columns=1 if len(names) <= _FEW_RUNS else 2,
        labelLimit=200,
        title=None,
        symbolType="stroke",
        symbolStrokeWidth=3,
    )
    dashes = alt.Scale(domain=names, range=[DASHES[place % len(DASHES)] for place in range(len(names))])
    axis = share_axis() if is_share else alt.Axis()
    base = alt.Chart(history).encode(
        x=alt.X("epoch:Q", title="epoch", scale=alt.Scale(zero=False), axis=alt.Axis(format="~g", tickCount=6)),
        y=alt.Y("value:Q", title=figure.title, axis=axis, scale=alt.Scale(zero=False)),
        color=alt.Color("label:N", scale=run_scale(history), legend=legend),
        tooltip=[
            alt.Tooltip("label:N", title="run"),
            alt.Tooltip("epoch:Q", format=".2f"),
            alt.Tooltip("value:Q", title=figure.title, format=".1%" if is_share else ".3f"),
        ],
    )
    lines = base.mark_line(strokeWidth=2).encode(strokeDash=alt.StrokeDash("label:N", scale=dashes, legend=legend))
    has_marks = len(history) <= MAX_POINTS_WITH_MARKS
    points = [base.mark_point(filled=True, size=45, opacity=1)] if has_marks else []
    return alt.LayerChart(
        layer=[lines, *points], height=320, description=f"{figure.heading} over the epochs, one line per run."
    )


@cached_chart
def verdict_matrix(pairs: pd.DataFrame, labels: Sequence[str]) -> alt.LayerChart:
    """Draw the difference in macro F1 of all pairs of runs, row minus column; colored and bold if significant.

    ``pairs``: row, column, significant, interval, verdict, text.
    """
    axis = alt.Axis(orient="top", labelAngle=-25, labelLimit=160)
    base = alt.Chart(pairs).encode(
        x=alt.X("column:N", sort=list(labels), title="minus", axis=axis),
        y=alt.Y("row:N", sort=list(labels), title=None, axis=alt.Axis(labelLimit=160)),
        tooltip=["row:N", "column:N", alt.Tooltip("text:N", title="points"), "interval:N", "verdict:N"],
    )
    many = len(labels) > _FEW_RUNS
    style: dict[str, Any] = {"fontSize": 11 if many else 14, "dy": 0 if many else -9}
    conclusive = base.transform_filter("isValid(datum.significant)")
    inconclusive = base.transform_filter("!isValid(datum.significant)")
    layers = [
        inconclusive.mark_rect(color=NEUTRAL),
        conclusive.mark_rect().encode(color=difference_color("significant", pairs)),
        inconclusive.mark_text(**style, color=DARK, fontWeight="normal").encode(text="text:N"),
        conclusive.mark_text(**style, color=DARK, fontWeight="bold").encode(text="text:N"),
    ]
    if not many:
        layers.append(base.mark_text(fontSize=11, dy=9, color=DARK).encode(text="interval:N"))
    return alt.LayerChart(
        layer=layers,
        height=(34 if many else 58) * len(labels) + 90,
        description="Difference in macro F1 of all pairs of runs, row minus column, with its interval and verdict.",
    )
