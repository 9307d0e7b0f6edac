"""The style of charts: colors, axes and heights."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from core.report.palette import OKABE_ITO, run_colors

BLUE, ORANGE = OKABE_ITO[0], OKABE_ITO[1]
INK = "#808895"
"""Text and lines; drawn in the ink of the theme, see `ink_of_theme`."""
_LIGHT_INK, _DARK_INK = "#566070", "#A9B3C1"  # a contrast of 6.3 to the light background, and of 8.3 to the dark one
NEUTRAL = "#E4E7EB"
DARK = "#1B2430"  # text on light cells of a matrix, in both themes
SHARES = ("#E3EEF7", "#063D78")
"""The colors of the shares 0 and 1 in a matrix, in both themes."""
SHARE = alt.Scale(domain=[0, 1], range=SHARES)
PERCENT = ".0%"
ROW = 46  # pixels for a row of a chart of rows


def ink_of_theme() -> str:
    """Return the color of text and lines in the visitor's theme."""
    return _DARK_INK if st.context.theme.type == "dark" else _LIGHT_INK


def run_scale(frame: pd.DataFrame) -> alt.Scale:
    """Return the color scale of runs; ``frame``: id and label."""
    runs = frame.drop_duplicates("id")
    colors = run_colors(runs["id"])
    return alt.Scale(domain=runs["label"].tolist(), range=[colors[run_id] for run_id in runs["id"]])


def label_color(labels: Sequence[str]) -> alt.Color:
    """Return the color encoding of labels."""
    palette = [OKABE_ITO[place % len(OKABE_ITO)] for place in range(len(labels))]
    return alt.Color(
        "label", title=None, scale=alt.Scale(domain=list(labels), range=palette), legend=alt.Legend(orient="top")
    )


def with_interval(name: str, title: str) -> list[alt.Tooltip]:
    """Return the tooltips of a share and its interval."""
    ends = {name: title, f"{name}_low": "from", f"{name}_high": "to"}
    return [alt.Tooltip(column, format=".1%", title=label) for column, label in ends.items()]


def share_axis() -> alt.Axis:
    """Return an axis in percent with few ticks."""
    return alt.Axis(format="~%", tickMinStep=0.001, tickCount=4)


def height_of(count: int) -> int:
    """Return the height in pixels of a chart with this many rows."""
    return ROW * count + 90


def share_text_color(field: str) -> Any:
    """Return the color of text on a cell that is colored by this share, with a contrast of at least 4.2."""
    return alt.condition(f"datum.{field} > 0.65", alt.value("#FFFFFF"), alt.value(DARK))


def difference_color(field: str, frame: pd.DataFrame) -> alt.Color:
    """Return the color encoding of differences: blue for gains, orange for losses, gray for zero."""
    largest = max(float(frame[field].abs().max()), 1e-9) if frame[field].notna().any() else 1.0
    scale = alt.Scale(domain=[-largest, 0, largest], range=[ORANGE, NEUTRAL, "#6FB1DC"], interpolate="rgb")
    return alt.Color(field, scale=scale, legend=None)
