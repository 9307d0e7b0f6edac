"""Charts of the Searches page."""

import altair as alt
import pandas as pd

from dashboard.components.chart_cache import cached_chart
from dashboard.components.theme import BLUE, INK, OKABE_ITO, ORANGE, share_axis

STATES = ("complete", "pruned", "failed", "running")
_COLORS = (BLUE, INK, ORANGE, OKABE_ITO[2])
_SHAPES = ("circle", "triangle-down", "cross", "diamond")
_HEIGHT = 320


def _state_encodings(trials: pd.DataFrame) -> dict[str, alt.Color | alt.Shape]:
    shown = [state for state in STATES if (trials["state"] == state).any()]
    legend = alt.Legend(orient="top", values=shown)
    colors, shapes = (alt.Scale(domain=list(STATES), range=list(marks)) for marks in (_COLORS, _SHAPES))
    return {
        "color": alt.Color("state", title=None, legend=legend, scale=colors),
        "shape": alt.Shape("state", title=None, legend=legend, scale=shapes),
    }


def _trial_tooltip(*more: alt.Tooltip) -> list[alt.Tooltip]:
    score = alt.Tooltip("value", format=".1%", title="validation macro F1")
    return [alt.Tooltip("number", title="trial"), alt.Tooltip("state"), score, *more]


def _score_axis(field: str) -> alt.Y:
    return alt.Y(field, title="validation macro F1", axis=share_axis(), scale=alt.Scale(zero=False, padding=12))


@cached_chart
def history(trials: pd.DataFrame, best: pd.DataFrame) -> alt.LayerChart:
    """Plot the score of each trial, by its state, with the best so far as a step line."""
    x = alt.X(
        "number", title="trial", axis=alt.Axis(tickMinStep=1, format="d"), scale=alt.Scale(padding=12, nice=False)
    )
    points = alt.Chart(trials).mark_point(filled=True, size=90, opacity=1)
    line = alt.Chart(best).mark_line(interpolate="step-after", color=INK, strokeDash=[6, 3])
    return alt.LayerChart(
        layer=[
            line.encode(x=x, y=_score_axis("best")),
            points.encode(x=x, y=_score_axis("height"), tooltip=_trial_tooltip(), **_state_encodings(trials)),
        ],
        height=_HEIGHT,
        description="Validation macro F1 of each trial by state; the line is the best complete trial so far.",
    )


@cached_chart
def importance(bars: pd.DataFrame) -> alt.Chart:
    """Draw the importance of each parameter. ``bars``: parameter and importance."""
    axis = alt.Axis(labelLimit=180)
    chart: alt.Chart = (
        alt.Chart(bars, height=_HEIGHT, description="Importance of each parameter.")
        .mark_bar(color=BLUE)
        .encode(
            y=alt.Y("parameter", sort=bars["parameter"].tolist(), title=None, axis=axis),
            x=alt.X("importance", title="share of the variance", axis=share_axis()),
            tooltip=["parameter", alt.Tooltip("importance", format=".1%")],
        )
    )
    return chart


@cached_chart
def parameter_slice(trials: pd.DataFrame, parameter: str, *, is_log: bool) -> alt.Chart:
    """Plot the score of each trial against the value of one parameter."""
    scale = alt.Scale(type="log", nice=False, padding=20) if is_log else alt.Undefined
    numeric = pd.api.types.is_numeric_dtype(trials["parameter"])
    scale = scale if is_log or not numeric else alt.Scale(zero=False, padding=20)
    axis = alt.Axis(format="~g", grid=False) if numeric else alt.Axis(labelAngle=0, labelLimit=160)
    x = alt.X("parameter", title=parameter, scale=scale, axis=axis)
    chart: alt.Chart = (
        alt.Chart(trials, height=_HEIGHT, description=f"Validation macro F1 against {parameter}.")
        .mark_point(filled=True, size=90, opacity=1)
        .encode(
            x=x,
            y=_score_axis("value"),
            tooltip=_trial_tooltip(alt.Tooltip("parameter", title=parameter)),
            **_state_encodings(trials),
        )
    )
    return chart


@cached_chart
def parallel_coordinates(lines: pd.DataFrame, ends: pd.DataFrame) -> alt.LayerChart:
    """Draw a line per trial through its parameters. ``lines`` and ``ends``: see `view_data.parallel_coordinates`."""
    order = list(dict.fromkeys(lines["parameter"]))
    x = alt.X(
        "parameter",
        sort=order,
        title=None,
        axis=alt.Axis(labelAngle=-30, labelLimit=120, labelOverlap=False, domain=False),
    )
    y = alt.Y("place", axis=None, scale=alt.Scale(domain=[-0.08, 1.08]))
    color = alt.Color("score", title="macro F1", scale=alt.Scale(scheme="blues"), legend=alt.Legend(format=".0%"))
    tooltip = [
        alt.Tooltip("number", title="trial"),
        alt.Tooltip("score", format=".1%", title="validation macro F1"),
        alt.Tooltip("parameter"),
        alt.Tooltip("text", title="value"),
    ]
    trials = alt.Chart(lines).encode(x=x, y=y, detail="number", tooltip=tooltip)
    texts = alt.Chart(ends).mark_text(color=INK, fontSize=11, dy=alt.expr("datum.place > 0.5 ? -10 : 12"))
    return alt.LayerChart(
        layer=[
            trials.transform_filter("!datum.is_best").mark_line(opacity=0.6).encode(color=color),
            trials.transform_filter("datum.is_best").mark_line(strokeWidth=4, color=ORANGE),
            texts.encode(x=x, y=y, text="text"),
        ],
        height=_HEIGHT,
        description="Parallel coordinates: a line per complete trial through its parameters; the best one is thicker.",
    )
