"""One run: its learning curves, and what its probabilities are worth."""

from typing import Any

import altair as alt
import pandas as pd

from dashboard.components.chart_cache import cached_chart
from dashboard.components.theme import BLUE, INK, OKABE_ITO, ORANGE, PERCENT, share_axis


def _learning_curve(
    history: pd.DataFrame, names: dict[str, str], axis: alt.Y, best_epoch: float | None, kept: Any = None
) -> alt.LayerChart:
    """Draw logged values over the epochs, the best epoch marked; those named ``raw`` faintly behind them.

    ``history``: epoch, name, value; ``names``: which of its names to draw, and what people call them;
    ``kept``: epoch, low and high of the one value whose interval is known.
    """
    known = [title for name, title in names.items() if (history["name"] == name).any()]
    x = alt.X("epoch", title="epoch", scale=alt.Scale(domainMin=0), axis=alt.Axis(format="d", tickMinStep=1))
    base = alt.Chart(history[history["name"].isin(list(names))].replace({"name": names})).encode(
        x=x,
        y=axis,
        color=alt.Color(
            "name",
            title=None,
            scale=alt.Scale(domain=known, range=list(OKABE_ITO[: len(known)])),
            legend=alt.Legend(orient="top", columns=1, symbolType="stroke", symbolStrokeWidth=3),
        ),
        tooltip=["name", alt.Tooltip("epoch", format=".2f"), alt.Tooltip("value", format=".3f")],
    )
    raw = alt.Chart(history[history["name"] == "raw"]).mark_line(strokeWidth=1, opacity=0.35, color=BLUE)
    lines = base.mark_line(strokeWidth=2)
    points = base.transform_filter("datum.epoch == round(datum.epoch)").mark_point(filled=True, size=60, opacity=1)
    return alt.LayerChart(
        layer=[raw.encode(x=x, y=axis), lines, points, *_interval(kept, x, axis), *_best(best_epoch)],
        height=280,
        description=f"By epoch: {', '.join(known)}; the best epoch is marked.",
    )


def _best(epoch: float | None) -> list[alt.Chart]:
    """Draw the mark of the best epoch; nothing where it is not known."""
    if epoch is None:
        return []
    best = alt.Chart(pd.DataFrame({"epoch": [epoch], "text": "best epoch"})).encode(x="epoch")
    note = best.mark_text(align="right", dx=-6, baseline="top", color=INK).encode(y=alt.value(2), text="text")
    return [best.mark_rule(color=INK, strokeDash=[4, 4]), note]


def _interval(kept: Any, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """Draw the interval of the kept epoch; nothing where it is not known."""
    if kept is None or kept.low != kept.low:
        return []
    ends = alt.Chart(pd.DataFrame({"epoch": [kept.epoch], "value": [kept.low], "high": [kept.high]}))
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
    """Draw the loss on training and on validation examples, as from `frames.run.losses`."""
    names = {"loss": "training loss", "validation_loss": "validation loss"}
    return _learning_curve(history, names, alt.Y("value", title="loss", scale=alt.Scale(zero=False)), best_epoch)


@cached_chart
def score_curve(history: pd.DataFrame, best_epoch: float | None, kept: Any = None) -> alt.LayerChart:
    """Draw macro F1 on the validation examples, with the interval of the epoch that was kept."""
    axis = alt.Y("value", title="macro F1", axis=share_axis(), scale=alt.Scale(zero=False))
    return _learning_curve(history, {"validation_macro_f1": "validation macro F1"}, axis, best_epoch, kept)


@cached_chart
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


@cached_chart
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


@cached_chart
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
