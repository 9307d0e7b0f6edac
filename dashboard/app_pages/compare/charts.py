"""Runs against each other: class by class, confusion by confusion, epoch by epoch; and who beats whom."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from dashboard.components.chart_cache import cached_chart
from dashboard.components.theme import (
    BLUE,
    DARK,
    INK,
    ORANGE,
    SHARE,
    difference,
    height_of,
    run_colors,
    run_scale,
    share_axis,
    with_interval,
)

MOST_POINTS = 120
"""Curves with more logged values than this are lines alone."""
_CLASS_COLUMNS = ["label", "f1", "said", *(f"{run}{end}" for run in "ab" for end in ("", "_low", "_high"))]
DASHES = ([1, 0], [8, 4], [2, 3], [12, 3, 2, 3], [5, 2], [14, 6])
"""Line patterns: a second cue beside the colour, since runs seven numbers apart share theirs."""


@cached_chart
def class_changes(changes: pd.DataFrame, runs: pd.DataFrame) -> alt.LayerChart:
    """Draw each class's F1 in two runs as two joined points, the difference with its interval above them.

    ``changes``: label, a, b, f1, f1_low, f1_high and said (the difference), in the order to draw.
    ``runs``: id and label of the two, the first run first.
    """
    order, names = changes["label"].tolist(), runs["label"].tolist()
    within = alt.Axis(format=".0%", tickMinStep=0.01, labelExpr="datum.value < 0 || datum.value > 1 ? '' : datum.label")
    x = alt.X("a:Q", title="F1", axis=within, scale=alt.Scale(zero=False, padding=70))  # room for the words
    base = alt.Chart(changes[_CLASS_COLUMNS]).encode(
        y=alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelLimit=150, grid=False)),
        tooltip=["label:N", *with_interval("a", names[0]), *with_interval("b", names[1]), _said("difference")],
    )
    colour = alt.condition("datum.f1 < 0", alt.value(ORANGE), alt.value(BLUE))
    lines = base.mark_rule(strokeWidth=4, opacity=0.55).encode(x=x, x2="b", color=colour)
    middle = base.transform_calculate(middle="(datum.a + datum.b) / 2")
    said = middle.mark_text(dy=-14, color=INK, fontSize=12).encode(x=alt.X("middle:Q", title="F1"), text="said:N")
    return alt.LayerChart(
        layer=[lines, _ends(base, names, runs["id"].tolist()), said],
        height=height_of(len(order)) + 60,
        description=f"F1 of each class in {names[0]} and in {names[1]}, joined by a line, and the difference in points "
        "with its 95 % interval, the largest loss first.",
    )


def _ends(base: alt.Chart, names: list[str], ids: list[int]) -> alt.Chart:
    """Draw the two points of each class: a circle for the first run, a diamond for the second."""
    long = base.transform_fold(["a", "b"], as_=["which", "value"]).transform_calculate(
        run=f"datum.which == 'a' ? {_quoted(names[0])} : {_quoted(names[1])}"
    )
    legend = alt.Legend(orient="top", columns=1, labelLimit=260, title=None)
    known = run_colors(ids)
    colours = alt.Scale(domain=names, range=[known[run_id] for run_id in ids])
    shapes = alt.Scale(domain=names, range=["circle", "diamond"])
    ends: alt.Chart = long.mark_point(filled=True, size=170, opacity=1)
    return ends.encode(
        x=alt.X("value:Q", title="F1"),
        color=alt.Color("run:N", scale=colours, legend=legend),
        shape=alt.Shape("run:N", scale=shapes, legend=legend),
    )


def _quoted(text: str) -> str:
    """Return text as a string of Vega's expression language."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", " ") + "'"


def _said(title: str) -> alt.Tooltip:
    return alt.Tooltip("said:N", title=title)


@cached_chart
def run_intervals(runs: pd.DataFrame, metric: str, title: str) -> alt.LayerChart:
    """Draw one metric of several runs with its interval, in the given order.

    ``runs``: id, label, and the metric's three columns.
    """
    y = alt.Y("label:N", sort=runs["label"].tolist(), title=None, axis=alt.Axis(labelLimit=200))
    axis = share_axis()
    colour = alt.Color("label:N", scale=run_scale(runs), legend=None)
    base = alt.Chart(runs[["label", metric, f"{metric}_low", f"{metric}_high"]]).encode(y=y, color=colour)
    x = alt.X(f"{metric}_low:Q", title=title, axis=axis, scale=alt.Scale(zero=False, padding=20))
    bars = base.mark_rule(strokeWidth=3, opacity=0.6).encode(x=x, x2=f"{metric}_high")
    points = base.mark_point(filled=True, size=140, opacity=1).encode(
        x=f"{metric}:Q", tooltip=["label:N", *with_interval(metric, title)]
    )
    return alt.LayerChart(
        layer=[bars, points],
        height=28 * len(runs) + 60,
        description=f"{title} of each run with its 95 % interval.",
    )


@cached_chart
def matrix(cells: pd.DataFrame, labels: Sequence[str], which: str, title: str) -> alt.LayerChart:
    """Draw the confusion matrix of one of two runs, or the difference of the two.

    ``cells``: as `frames.compare.confusion_change` gives them; ``which``: first run, second run or difference.
    A click sets the parameter ``cell``.
    """
    if which == "difference":
        said = "Difference of the two confusion matrices, the first minus the second: blue is more, orange fewer."
        return _matrix(cells, labels, difference("more", cells), alt.Text("text:N"), alt.value(DARK), said)
    side = "a" if which == "first run" else "b"
    colour = alt.Color(f"{side}_share:Q", scale=SHARE, legend=None)
    ink = alt.condition(f"datum.{side}_share > 0.6", alt.value(DARK), alt.value("#FFFFFF"))
    said = f"Confusion matrix of {title}: rows are true labels, columns predicted ones."
    return _matrix(cells, labels, colour, alt.Text(f"{side}:Q", format=","), ink, said)


def _matrix(
    cells: pd.DataFrame, labels: Sequence[str], colour: alt.Color, text: alt.Text, ink: Any, description: str
) -> alt.LayerChart:
    shown = cells[cells["true"].isin(list(labels)) & cells["predicted"].isin(list(labels))]
    few = len(labels) <= 4
    names = alt.Axis(orient="top", labelAngle=-25 if few else -90, labelLimit=110)
    base = alt.Chart(shown).encode(
        x=alt.X("predicted:N", sort=list(labels), title="predicted", axis=names),
        y=alt.Y("true:N", sort=list(labels), title="true", axis=alt.Axis(labelLimit=110)),
        tooltip=[
            "true:N",
            "predicted:N",
            alt.Tooltip("a:Q", title="first run", format=","),
            alt.Tooltip("b:Q", title="second run", format=","),
            alt.Tooltip("text:N", title="difference"),
        ],
    )
    filled = base if few else base.transform_filter("datum.a != 0 || datum.b != 0")  # noughts would hide the rest
    numbers = filled.mark_text(fontSize=15 if few else 11, cursor="pointer").encode(text=text, color=ink)
    cell = alt.selection_point(name="cell", fields=["true", "predicted"])
    squares = base.mark_rect(cursor="pointer").encode(color=colour).add_params(cell)
    return alt.LayerChart(
        layer=[squares, numbers],
        height=max(240, (60 if few else 30) * len(labels) + 100),
        description=description,
    )


@cached_chart
def curves(history: pd.DataFrame, title: str, *, share: bool) -> alt.LayerChart:
    """Draw what several runs logged over their epochs, a run a colour and a dash.

    ``history``: id, label, epoch, value; ``share``: the values are shares, to be read in percent.
    """
    names = history.drop_duplicates("id")["label"].tolist()
    legend = alt.Legend(orient="top", columns=2, labelLimit=220, title=None, symbolType="stroke", symbolStrokeWidth=3)
    dashes = alt.Scale(domain=names, range=[DASHES[place % len(DASHES)] for place in range(len(names))])
    axis = share_axis() if share else alt.Axis()
    base = alt.Chart(history).encode(
        x=alt.X("epoch:Q", title="epoch", scale=alt.Scale(zero=True), axis=alt.Axis(format="d", tickMinStep=1)),
        y=alt.Y("value:Q", title=title, axis=axis, scale=alt.Scale(zero=False)),
        color=alt.Color("label:N", scale=run_scale(history), legend=legend),
        tooltip=[
            alt.Tooltip("label:N", title="run"),
            alt.Tooltip("epoch:Q", format=".2f"),
            alt.Tooltip("value:Q", title=title, format=".1%" if share else ".3f"),
        ],
    )
    lines = base.mark_line(strokeWidth=2).encode(strokeDash=alt.StrokeDash("label:N", scale=dashes, legend=legend))
    points = [base.mark_point(filled=True, size=45, opacity=1)] if len(history) <= MOST_POINTS else []
    return alt.LayerChart(
        layer=[lines, *points],
        height=320,
        description=f"{title} over the epochs, a line a run.",
    )


@cached_chart
def verdict_map(cells: pd.DataFrame, labels: Sequence[str]) -> alt.LayerChart:
    """Draw the difference of every two runs in macro F1, row minus column; bold where there is a verdict.

    ``cells``: row, column, gap, interval, verdict, text.
    """
    short = alt.Axis(orient="top", labelAngle=-25, labelLimit=160)
    base = alt.Chart(cells).encode(
        x=alt.X("column:N", sort=list(labels), title="minus", axis=short),
        y=alt.Y("row:N", sort=list(labels), title=None, axis=alt.Axis(labelLimit=160)),
        tooltip=["row:N", "column:N", alt.Tooltip("text:N", title="points"), "interval:N", "verdict:N"],
    )
    told = "datum.verdict == 'helped' || datum.verdict == 'hurt'"
    small = len(labels) > 6
    values = base.mark_text(fontSize=11 if small else 14, dy=0 if small else -9, color=DARK)
    sure = values.transform_filter(told).encode(text="text:N", opacity=alt.value(1))
    unsure = values.transform_filter(f"!({told})").encode(text="text:N", opacity=alt.value(0.75))
    sure.mark.fontWeight = "bold"
    beneath = [] if small else [base.mark_text(fontSize=11, dy=9, color=DARK).encode(text="interval:N")]
    return alt.LayerChart(
        layer=[base.mark_rect().encode(color=difference("gap", cells)), unsure, sure, *beneath],
        height=(34 if small else 58) * len(labels) + 90,
        description="Difference in macro F1 of every two runs, row minus column, with its interval and verdict.",
    )
