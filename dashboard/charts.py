"""Pure chart builders: a frame in, an Altair chart out. Each says in its description what it shows."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#999999")
BLUE, ORANGE = OKABE_ITO[0], OKABE_ITO[1]
INK = "#808895"  # text and lines that can be read on a light and on a dark ground
SHARE = alt.Scale(domain=[0, 1], scheme="viridis")
PERCENT = ".0%"
ROW = 46  # pixels for a row of a chart of rows


def run_colour(run_id: int) -> str:
    """Return a run's colour, the same on every screen."""
    return OKABE_ITO[(run_id - 1) % len(OKABE_ITO)]


def _run_scale(frame: pd.DataFrame) -> alt.Scale:
    """Colour runs by their number; ``frame`` has ``id`` and ``label``."""
    known = frame.drop_duplicates("id")
    return alt.Scale(domain=known["label"].tolist(), range=[run_colour(run_id) for run_id in known["id"]])


def cost_quality(runs: pd.DataFrame, cost: str, title: str) -> alt.LayerChart:
    """Plot macro F1 with its interval against what a run cost, on a log scale.

    ``runs``: id, label, kind, macro_f1, macro_f1_low, macro_f1_high, and the column ``cost``.
    """
    shown = runs[runs[cost] > 0]
    x = alt.X(cost, title=title, scale=alt.Scale(type="log", padding=36), axis=alt.Axis(grid=False, format="~s"))
    colour = alt.Color("label", scale=_run_scale(shown), legend=None)
    base = alt.Chart(shown).encode(x=x)
    bars = base.mark_rule(strokeWidth=2, opacity=0.6).encode(
        y=alt.Y("macro_f1_low", title="macro F1", axis=_share_axis(), scale=alt.Scale(zero=False)),
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
            *_with_interval("macro_f1", "macro F1"),
            alt.Tooltip(cost, title=title),
        ],
    )
    names = base.mark_text(align="left", dx=10, dy=-9, color=INK).encode(y="macro_f1", text="label")
    return alt.LayerChart(
        layer=[bars, points, names],
        height=320,
        description=f"Macro F1 with its 95 % interval against {title}, a point a run.",
    )


def confusion_matrix(cells: pd.DataFrame, labels: Sequence[str], selection: str | None = None) -> alt.LayerChart:
    """Draw a confusion matrix: counts as text, colour by the share of the true label's examples.

    ``cells``: true, predicted, count, share. ``selection`` names the parameter that a click sets.
    """
    x = alt.X("predicted", sort=list(labels), title="predicted", axis=alt.Axis(orient="top", labelAngle=-25))
    y = alt.Y("true", sort=list(labels), title="true")
    tooltip: list[str | alt.Tooltip] = [
        "true",
        "predicted",
        alt.Tooltip("count", format=","),
        alt.Tooltip("share", format=".1%", title="of its row"),
    ]
    base = alt.Chart(cells).encode(x=x, y=y, tooltip=tooltip)
    squares = base.mark_rect(cursor="pointer").encode(color=alt.Color("share", scale=SHARE, legend=None))
    if selection:
        cell = alt.selection_point(name=selection, fields=["true", "predicted"])
        squares = squares.add_params(cell).encode(opacity=alt.condition(cell, alt.value(1), alt.value(0.35)))
    counts = base.mark_text(fontSize=15, cursor="pointer").encode(
        text=alt.Text("count", format=","),
        color=alt.condition("datum.share > 0.6", alt.value("#1B2430"), alt.value("#FFFFFF")),
    )
    return alt.LayerChart(
        layer=[squares, counts],
        height=max(220, 70 * len(labels) + 60),
        description="Confusion matrix: rows are true labels, columns predicted ones; colour is the share of the row.",
    )


def learning_curve(
    history: pd.DataFrame, names: dict[str, str], axis: alt.Y, best_epoch: float | None
) -> alt.LayerChart:
    """Draw logged values over the epochs, the best epoch marked.

    ``history``: epoch, name, value; ``names``: which of its names to draw, and what people call them.
    """
    shown = history[history["name"].isin(list(names))].replace({"name": names})
    known = list(names.values())
    base = alt.Chart(shown).encode(
        x=alt.X("epoch", title="epoch", scale=alt.Scale(domainMin=0), axis=alt.Axis(format="d", tickMinStep=1)),
        y=axis,
        color=alt.Color(
            "name",
            title=None,
            scale=alt.Scale(domain=known, range=list(OKABE_ITO[: len(known)])),
            legend=alt.Legend(orient="top", columns=1, symbolType="stroke", symbolStrokeWidth=3),
        ),
        tooltip=["name", alt.Tooltip("epoch", format=".2f"), alt.Tooltip("value", format=".3f")],
    )
    lines = base.mark_line(strokeWidth=2)
    points = base.transform_filter("datum.epoch == round(datum.epoch)").mark_point(filled=True, size=60, opacity=1)
    best = pd.DataFrame({"epoch": [] if best_epoch is None else [best_epoch], "text": "best epoch"})
    rule = alt.Chart(best).mark_rule(color=INK, strokeDash=[4, 4]).encode(x="epoch")
    note = (
        alt.Chart(best)
        .mark_text(align="right", dx=-6, baseline="top", color=INK)
        .encode(x="epoch", y=alt.value(2), text="text")
    )
    return alt.LayerChart(
        layer=[lines, points, rule, note],
        height=280,
        description=f"By epoch: {', '.join(known)}; the best epoch is marked.",
    )


def loss_curves(history: pd.DataFrame, best_epoch: float | None) -> alt.LayerChart:
    """Draw the loss on training and on validation examples."""
    names = {"loss": "training loss", "validation_loss": "validation loss"}
    return learning_curve(history, names, alt.Y("value", title="loss", scale=alt.Scale(zero=False)), best_epoch)


def score_curve(history: pd.DataFrame, best_epoch: float | None) -> alt.LayerChart:
    """Draw macro F1 on the validation examples."""
    axis = alt.Y("value", title="macro F1", axis=_share_axis(), scale=alt.Scale(zero=False))
    return learning_curve(history, {"validation_macro_f1": "validation macro F1"}, axis, best_epoch)


def class_changes(changes: pd.DataFrame) -> alt.LayerChart:
    """Draw each class's difference in F1 with its interval, regressions on top.

    ``changes``: label, f1, f1_low, f1_high, in the order to draw.
    """
    order = changes["label"].tolist()
    y = alt.Y("label", sort=order, title=None)
    x = alt.X("f1", title="difference in F1", axis=_share_axis("+.0%"))
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
        height=_rows(len(order)),
        description="Difference in F1 of each class with its 95 % interval; 0 is no change.",
    )


def run_intervals(runs: pd.DataFrame, metric: str, title: str) -> alt.LayerChart:
    """Draw one metric of several runs with its interval, in the given order.

    ``runs``: id, label, and the metric's three columns.
    """
    y = alt.Y("label", sort=runs["label"].tolist(), title=None, axis=alt.Axis(labelLimit=200))
    axis = _share_axis()
    colour = alt.Color("label", scale=_run_scale(runs), legend=None)
    base = alt.Chart(runs).encode(y=y, color=colour)
    x = alt.X(f"{metric}_low", title=title, axis=axis, scale=alt.Scale(zero=False, padding=20))
    bars = base.mark_rule(strokeWidth=3, opacity=0.6).encode(x=x, x2=f"{metric}_high")
    points = base.mark_point(filled=True, size=140, opacity=1).encode(
        x=metric, tooltip=["label", *_with_interval(metric, title)]
    )
    return alt.LayerChart(
        layer=[bars, points], height=_rows(len(runs)), description=f"{title} of each run with its 95 % interval."
    )


def class_balance(balance: pd.DataFrame, labels: Sequence[str]) -> alt.LayerChart:
    """Draw the share of each class in each split, with its count. ``balance``: split, label, count, share."""
    splits = ["train", "validation", "test"]
    base = alt.Chart(balance).encode(
        y=alt.Y("split", sort=splits, title=None),
        yOffset=alt.YOffset("label", sort=list(labels)),
        x=alt.X("share", title="share of the split", axis=_share_axis(), scale=alt.Scale(domain=[0, 1])),
        tooltip=["split", "label", alt.Tooltip("count", format=","), alt.Tooltip("share", format=".1%")],
    )
    bars = base.mark_bar().encode(color=_label_colour(labels))
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
            y=alt.Y("share", title="share of the class", axis=_share_axis()),
            color=_label_colour(labels),
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


def probabilities(answer: pd.DataFrame, colour: str) -> alt.LayerChart:
    """Draw the probability of each class. ``answer``: label, probability."""
    base = alt.Chart(answer).encode(
        y=alt.Y("label", sort=None, title=None, axis=alt.Axis(labelLimit=200)),
        x=alt.X(
            "probability",
            title=None,
            axis=alt.Axis(format=PERCENT, values=[0, 0.25, 0.5, 0.75, 1]),
            scale=alt.Scale(domain=[0, 1.12], nice=False),
        ),
        tooltip=["label", alt.Tooltip("probability", format=".1%")],
    )
    bars = base.mark_bar(color=colour)
    figures = base.mark_text(align="left", dx=6, color=INK).encode(text=alt.Text("probability", format=".1%"))
    return alt.LayerChart(layer=[bars, figures], height=_rows(len(answer)), description="Probability of each class.")


def _with_interval(name: str, title: str) -> list[alt.Tooltip]:
    ends = {name: title, f"{name}_low": "from", f"{name}_high": "to"}
    return [alt.Tooltip(column, format=".1%", title=said) for column, said in ends.items()]


def _share_axis(format_: str = PERCENT) -> alt.Axis:
    return alt.Axis(format=format_, tickMinStep=0.01)


def _label_colour(labels: Sequence[str]) -> alt.Color:
    palette = [OKABE_ITO[place % len(OKABE_ITO)] for place in range(len(labels))]
    return alt.Color(
        "label", title=None, scale=alt.Scale(domain=list(labels), range=palette), legend=alt.Legend(orient="top")
    )


def _rows(count: int) -> int:
    return ROW * count + 90
