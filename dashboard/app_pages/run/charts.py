"""Charts of the Run page: classes, learning curves, calibration and coverage."""

from typing import Any

import altair as alt
import pandas as pd

from dashboard.components.chart_cache import cached_chart
from dashboard.components.theme import BLUE, INK, OKABE_ITO, ORANGE, PERCENT, share_axis, with_interval

_CLASS_ROW = 30  # pixels


@cached_chart
def class_scores(classes: pd.DataFrame) -> alt.LayerChart:
    """Draw F1 of each class with its interval, in the given order. ``classes``: label, f1, f1_low, f1_high, support."""
    base = alt.Chart(classes[["label", "f1", "f1_low", "f1_high", "support"]]).encode(
        y=alt.Y("label:N", sort=classes["label"].tolist(), title=None, axis=alt.Axis(labelLimit=180, grid=False)),
        tooltip=["label:N", *with_interval("f1", "F1"), alt.Tooltip("support:Q", format=",", title="test examples")],
    )
    x = alt.X("f1_low:Q", title="F1", axis=share_axis(), scale=alt.Scale(zero=False, padding=12))
    return alt.LayerChart(
        layer=[
            base.mark_rule(strokeWidth=3, opacity=0.6, color=BLUE).encode(x=x, x2="f1_high:Q"),
            base.mark_point(filled=True, size=110, opacity=1, color=BLUE).encode(x="f1:Q"),
        ],
        height=_CLASS_ROW * len(classes) + 70,
        description="F1 of each class with its 95% interval.",
    )


def _learning_curve(
    history: pd.DataFrame, names: dict[str, str], axis: alt.Y, best_epoch: float | None, best_epoch_scores: Any = None
) -> alt.LayerChart:
    """Plot logged values by epoch with the best epoch marked; those named ``raw`` are drawn faintly.

    ``history``: epoch, name and value. ``names``: title by name of the values to plot. ``best_epoch_scores``:
    epoch, low and high of the best epoch.
    """
    titles = [title for name, title in names.items() if (history["name"] == name).any()]
    x = alt.X("epoch", title="epoch", scale=alt.Scale(domainMin=0), axis=alt.Axis(format="d", tickMinStep=1))
    base = alt.Chart(history[history["name"].isin(list(names))].replace({"name": names})).encode(
        x=x,
        y=axis,
        color=alt.Color(
            "name",
            title=None,
            scale=alt.Scale(domain=titles, range=list(OKABE_ITO[: len(titles)])),
            legend=alt.Legend(orient="top", columns=1, symbolType="stroke", symbolStrokeWidth=3),
        ),
        tooltip=["name", alt.Tooltip("epoch", format=".2f"), alt.Tooltip("value", format=".3f")],
    )
    raw = alt.Chart(history[history["name"] == "raw"]).mark_line(strokeWidth=1, opacity=0.35, color=BLUE)
    lines = base.mark_line(strokeWidth=2)
    points = base.transform_filter("datum.epoch == round(datum.epoch)").mark_point(filled=True, size=60, opacity=1)
    return alt.LayerChart(
        layer=[
            raw.encode(x=x, y=axis),
            lines,
            points,
            *_interval(best_epoch_scores, x, axis),
            *_mark_best_epoch(best_epoch),
        ],
        height=280,
        description=f"By epoch: {', '.join(titles)}; the best epoch is marked.",
    )


def _mark_best_epoch(epoch: float | None) -> list[alt.Chart]:
    """Mark the best epoch, if it is known."""
    if epoch is None:
        return []
    best = alt.Chart(pd.DataFrame({"epoch": [epoch], "text": "best epoch"})).encode(x="epoch")
    note = best.mark_text(align="right", dx=-6, baseline="top", color=INK).encode(y=alt.value(2), text="text")
    return [best.mark_rule(color=INK, strokeDash=[4, 4]), note]


def _interval(scores: Any, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """Draw the interval of the best epoch, if it is known."""
    if scores is None or scores.low != scores.low:
        return []
    ends = alt.Chart(pd.DataFrame({"epoch": [scores.epoch], "value": [scores.low], "high": [scores.high]}))
    bar = ends.mark_errorbar(ticks=True, color=BLUE, thickness=2)
    return [
        bar.encode(
            x=x,
            y=y,
            y2="high",
            tooltip=[alt.Tooltip("value", format=".3f", title="from"), alt.Tooltip("high", format=".3f", title="to")],
        )
    ]


@cached_chart
def loss_curves(history: pd.DataFrame, best_epoch: float | None) -> alt.LayerChart:
    """Plot training and validation loss, see `view_data.losses`."""
    names = {"loss": "training loss", "validation_loss": "validation loss"}
    return _learning_curve(history, names, alt.Y("value", title="loss", scale=alt.Scale(zero=False)), best_epoch)


@cached_chart
def score_curve(history: pd.DataFrame, best_epoch: float | None, best_epoch_scores: Any = None) -> alt.LayerChart:
    """Plot validation macro F1 with the interval of the best epoch."""
    axis = alt.Y("value", title="macro F1", axis=share_axis(), scale=alt.Scale(zero=False))
    return _learning_curve(history, {"validation_macro_f1": "validation macro F1"}, axis, best_epoch, best_epoch_scores)


@cached_chart
def reliability(bins: pd.DataFrame) -> alt.LayerChart:
    """Draw a reliability diagram: accuracy by confidence with the 95% range of a perfectly calibrated run.

    ``bins``: confidence, accuracy, count, null_low, null_high.
    """
    x = _confidence_axis(labels=False)
    y = alt.Y("accuracy", title="accuracy", axis=_aligned_axis(format=PERCENT), scale=alt.Scale(domain=[0, 1]))
    ends = pd.DataFrame({"confidence": [0.0, 1.0], "accuracy": [0.0, 1.0]})
    diagonal = alt.Chart(ends).mark_line(color=INK, strokeDash=[4, 4]).encode(x=x, y=y)
    base = alt.Chart(bins).encode(x=x, tooltip=_bin_tooltip())
    low = alt.Y("null_low", title="accuracy")
    band = base.mark_bar(size=12, opacity=0.35, color=INK).encode(y=low, y2="null_high")
    points = base.mark_point(filled=True, size=90, opacity=1, color=BLUE).encode(y=y)
    return alt.LayerChart(
        layer=[diagonal, band, points],
        height=260,
        description="Accuracy by confidence; gray bars: 95% range of a perfectly calibrated run.",
    )


@cached_chart
def bin_counts(bins: pd.DataFrame) -> alt.Chart:
    """Draw the number of examples in each bin of `reliability`, below it."""
    y = alt.Y("count", title="examples", axis=_aligned_axis(tickCount=3))
    chart: alt.Chart = (
        alt.Chart(bins, height=130, description="Examples by confidence.")
        .mark_bar(size=12, color=INK)
        .encode(x=_confidence_axis(labels=True), y=y, tooltip=_bin_tooltip())
    )
    return chart


def _confidence_axis(*, labels: bool) -> alt.X:
    axis = alt.Axis(format=PERCENT, labels=labels, ticks=labels)
    return alt.X("confidence", title="confidence" if labels else None, axis=axis, scale=alt.Scale(domain=[0, 1]))


def _aligned_axis(**settings: Any) -> alt.Axis:
    """Return an axis as wide as that of the chart above or below."""
    return alt.Axis(minExtent=42, maxExtent=42, **settings)


def _bin_tooltip() -> list[alt.Tooltip]:
    titles = {
        "confidence": "confidence",
        "accuracy": "accuracy",
        "null_low": "if perfectly calibrated, from",
        "null_high": "to",
    }
    shares = [alt.Tooltip(name, format=".1%", title=title) for name, title in titles.items()]
    return [*shares, alt.Tooltip("count", format=",", title="examples")]


@cached_chart
def coverage(curve: pd.DataFrame, threshold: float) -> alt.LayerChart:
    """Plot accuracy against coverage with the selected threshold marked.

    ``curve``: threshold, coverage, accuracy, accuracy_low, accuracy_high.
    """
    x = alt.X("coverage", title="coverage", axis=alt.Axis(format=PERCENT), scale=alt.Scale(zero=False))
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
    y = alt.Y("accuracy_low", title="accuracy", axis=axis, scale=alt.Scale(zero=False))
    band = base.mark_area(opacity=0.2, color=BLUE).encode(y=y, y2="accuracy_high")
    line = base.mark_line(color=BLUE, strokeWidth=2).encode(y="accuracy")
    nearest = curve.loc[[(curve["threshold"] - threshold).abs().idxmin()]]
    selected = alt.Chart(nearest).mark_point(filled=True, size=160, opacity=1, color=ORANGE)
    return alt.LayerChart(
        layer=[band, line, selected.encode(x=x, y="accuracy", tooltip=tooltip)],
        height=300,
        description="Accuracy with its 95% interval by coverage; the point is the selected threshold.",
    )
