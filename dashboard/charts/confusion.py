"""Confusion matrices: which label was taken for which."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from dashboard.charts.look import (
    SHARE,
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
