"""Charts of confusion matrices; in all of them a click on a cell sets the parameter ``cell``."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from dashboard.components.chart_cache import cached_chart
from dashboard.components.theme import BLUE, INK, SHARE, SHARES, share_text_color

LARGE_CELLS = 4
"""Up to this number of labels the cells are large."""
_PAIR_PIXELS = 34
_WHOLE_PIXELS = 560
_ROOT_OF_SHARE = alt.Scale(domain=[0, 1], range=SHARES, type="sqrt")  # cells without a count need more contrast
_TOOLTIP: list[str | alt.Tooltip] = [
    "true:N",
    "predicted:N",
    alt.Tooltip("count:Q", format=","),
    alt.Tooltip("share:Q", format=".1%", title="share of row"),
]


def _cell_selection() -> alt.Parameter:
    return alt.selection_point(name="cell", fields=["true", "predicted"])


@cached_chart
def confusion_matrix(cells: pd.DataFrame, labels: Sequence[str]) -> alt.LayerChart:
    """Draw a confusion matrix: counts as text, color by the share of the true label's examples.

    ``cells``: true, predicted, count, share. ``labels``: in the order to draw.
    """
    large, cell = len(labels) <= LARGE_CELLS, _cell_selection()
    names = alt.Axis(orient="top", labelAngle=-25 if large else -90, labelLimit=110, labelOverlap=False)
    base = alt.Chart(cells).encode(
        x=alt.X("predicted:N", sort=list(labels), title="predicted", axis=names),
        y=alt.Y("true:N", sort=list(labels), title="true", axis=alt.Axis(labelLimit=110, labelOverlap=False)),
        tooltip=_TOOLTIP,
    )
    squares = base.mark_rect(cursor="pointer").encode(
        color=alt.Color("share:Q", scale=SHARE, legend=None), opacity=alt.condition(cell, alt.value(1), alt.value(0.35))
    )
    # In small cells zeros would hide the errors.
    text = alt.Text("count:Q", format=",") if large else alt.Text("text:N")
    if not large:
        base = base.transform_calculate(text="datum.count > 0 ? format(datum.count, ',') : ''")
    counts = base.mark_text(fontSize=15 if large else 11, cursor="pointer").encode(
        text=text,
        color=share_text_color("share"),
    )
    return alt.LayerChart(
        layer=[squares.add_params(cell), mark_diagonal(base), counts],
        height=max(220, (70 if large else 26) * len(labels) + (60 if large else 150)),
        description="Confusion matrix: rows are true labels, columns predicted ones; color is the share of the row.",
    )


def mark_diagonal(cells: alt.Chart) -> alt.Chart:
    """Return a layer that frames the cells of correct predictions."""
    correct = cells.transform_filter("datum.true == datum.predicted")
    frames: alt.Chart = correct.mark_rect(filled=False, stroke=INK, strokeWidth=2).encode(tooltip=alt.value(None))
    return frames


@cached_chart
def whole_matrix(cells: pd.DataFrame, labels: Sequence[str], label: str | None = None) -> alt.LayerChart:
    """Draw a confusion matrix with many labels, whose names are tooltips; row and column of ``label`` are emphasized.

    ``cells``: true, predicted, count, share. ``labels``: in the order to draw.
    """
    cell, scale = _cell_selection(), alt.Scale(domain=list(labels))
    nameless: dict[str, Any] = {"labels": False, "ticks": False, "domain": False}
    opacity = alt.condition(cell, alt.value(1), alt.value(0.35))
    if label is not None:
        is_emphasized = (alt.datum.true == label) | (alt.datum.predicted == label)
        opacity = alt.condition(is_emphasized, alt.value(1), alt.value(0.25))
    squares = (
        alt.Chart(cells)
        .mark_rect(cursor="pointer")
        .encode(
            x=alt.X("predicted:N", scale=scale, title="predicted", axis=alt.Axis(orient="top", **nameless)),
            y=alt.Y("true:N", scale=scale, title="true", axis=alt.Axis(**nameless)),
            color=alt.Color("share:Q", scale=_ROOT_OF_SHARE, legend=None),
            opacity=opacity,
            tooltip=_TOOLTIP,
        )
        .add_params(cell)
    )
    return alt.LayerChart(
        layer=[squares],
        height=_WHOLE_PIXELS,
        view=alt.ViewBackground(fill=SHARES[0], strokeWidth=0),
        description=f"Confusion matrix of {len(labels)} labels, those that are confused next to each other; "
        "color is the share of the row.",
    )


@cached_chart
def confused_pairs(cells: pd.DataFrame) -> alt.LayerChart:
    """Draw confusions as bars with their labels, count and share of the true label's examples.

    ``cells``: true, predicted, count, share, in the order to draw.
    """
    cell = _cell_selection()
    base = (
        alt.Chart(cells.assign(place=range(len(cells))))
        .transform_calculate(
            pair="datum.true + ' → ' + datum.predicted",
            number="format(datum.count, ',') + ' · ' + format(datum.share, '.1%')",
        )
        .encode(y=alt.Y("place:O", axis=None), tooltip=_TOOLTIP)
    )
    longest = 1.3 * float(cells["count"].max())  # room for the numbers
    x = alt.X("count:Q", scale=alt.Scale(domain=[0, longest], nice=False), axis=None)
    row = base.mark_rect(opacity=0, cursor="pointer").add_params(cell)
    emphasis = alt.condition(cell, alt.value(1), alt.value(0.35))
    bars = base.mark_bar(height=7, yOffset=9, color=BLUE, cursor="pointer").encode(x=x, opacity=emphasis)
    style: dict[str, Any] = {"align": "left", "baseline": "middle", "color": INK, "cursor": "pointer"}
    names = base.mark_text(**style, dy=-5, fontSize=13, limit=420).encode(x=alt.value(0), text="pair:N")
    numbers = base.mark_text(**style, dx=6, dy=9, fontSize=12).encode(x=x, text="number:N")
    return alt.LayerChart(
        layer=[row, bars, names, numbers],
        height=_PAIR_PIXELS * len(cells) + 10,
        view=alt.ViewBackground(strokeWidth=0),
        description="The most frequent confusions: number of examples and share of the true label's examples.",
    )
