"""Charts of confusion matrices."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from dashboard.components.chart_cache import cached_chart
from dashboard.components.theme import DARK, SHARE

FEW_LABELS = 4
"""Up to this number of labels the cells are large."""


@cached_chart
def confusion_matrix(cells: pd.DataFrame, labels: Sequence[str], selection: str | None = None) -> alt.LayerChart:
    """Draw a confusion matrix: counts as text, color by the share of the true label's examples.

    ``cells``: true, predicted, count, share; only those of ``labels`` are drawn. ``selection``: the
    name of the parameter that a click sets.
    """
    few = len(labels) <= FEW_LABELS
    shown = cells[cells["true"].isin(list(labels)) & cells["predicted"].isin(list(labels))]
    names = alt.Axis(orient="top", labelAngle=-25 if few else -90, labelLimit=110)
    tooltip: list[str | alt.Tooltip] = [
        "true:N",
        "predicted:N",
        alt.Tooltip("count:Q", format=","),
        alt.Tooltip("share:Q", format=".1%", title="share of row"),
    ]
    base = alt.Chart(shown).encode(
        x=alt.X("predicted:N", sort=list(labels), title="predicted", axis=names),
        y=alt.Y("true:N", sort=list(labels), title="true", axis=alt.Axis(labelLimit=110)),
        tooltip=tooltip,
    )
    squares = base.mark_rect(cursor="pointer").encode(color=alt.Color("share:Q", scale=SHARE, legend=None))
    if selection:
        cell = alt.selection_point(name=selection, fields=["true", "predicted"])
        squares = squares.add_params(cell).encode(opacity=alt.condition(cell, alt.value(1), alt.value(0.35)))
    # With many labels most cells are empty: zeros would hide the errors.
    text = alt.Text("count:Q", format=",") if few else alt.Text("text:N")
    if not few:
        base = base.transform_calculate(text="datum.count > 0 ? format(datum.count, ',') : ''")
    counts = base.mark_text(fontSize=15 if few else 11, cursor="pointer").encode(
        text=text,
        color=alt.condition("datum.share > 0.6", alt.value(DARK), alt.value("#FFFFFF")),
    )
    return alt.LayerChart(
        layer=[squares, counts],
        height=max(220, (70 if few else 26) * len(labels) + 60),
        description="Confusion matrix: rows are true labels, columns predicted ones; color is the share of the row.",
    )
