"""How charts look: colours, axes and heights, the same on every screen."""

from collections.abc import Iterable, Sequence

import altair as alt
import pandas as pd

OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#999999")


BLUE, ORANGE = OKABE_ITO[0], OKABE_ITO[1]


INK = "#808895"  # text and lines that can be read on a light and on a dark ground


NEUTRAL = "#E4E7EB"


DARK = "#1B2430"  # text on the light squares of a map, in both themes


SHARE = alt.Scale(domain=[0, 1], scheme="viridis")


PERCENT = ".0%"


ROW = 46  # pixels for a row of a chart of rows


def run_colour(run_id: int) -> str:
    """Return a run's own colour, the same on every screen where no other one has it."""
    return OKABE_ITO[(run_id - 1) % len(OKABE_ITO)]


def run_colours(run_ids: Iterable[int]) -> dict[int, str]:
    """Return the colours of runs that are shown together: each its own, of two alike the later one a free one."""
    taken: dict[int, str] = {}
    for run_id in sorted(set(run_ids)):
        free = [colour for colour in OKABE_ITO if colour not in taken.values()]
        own = run_colour(run_id)
        taken[run_id] = own if own in free or not free else free[0]
    return taken


def run_scale(frame: pd.DataFrame) -> alt.Scale:
    """Colour runs by their number; ``frame`` has ``id`` and ``label``."""
    known = frame.drop_duplicates("id")
    colours = run_colours(known["id"])
    return alt.Scale(domain=known["label"].tolist(), range=[colours[run_id] for run_id in known["id"]])


def label_colour(labels: Sequence[str]) -> alt.Color:
    """Colour labels by their place."""
    palette = [OKABE_ITO[place % len(OKABE_ITO)] for place in range(len(labels))]
    return alt.Color(
        "label", title=None, scale=alt.Scale(domain=list(labels), range=palette), legend=alt.Legend(orient="top")
    )


def with_interval(name: str, title: str) -> list[alt.Tooltip]:
    """Return the hover text of a share and of both ends of its interval."""
    ends = {name: title, f"{name}_low": "from", f"{name}_high": "to"}
    return [alt.Tooltip(column, format=".1%", title=said) for column, said in ends.items()]


def share_axis(format_: str = PERCENT) -> alt.Axis:
    """Return an axis in percent, no finer than one percent."""
    return alt.Axis(format=format_, tickMinStep=0.01)


def height_of(count: int) -> int:
    """Return the height in pixels of a chart with so many rows."""
    return ROW * count + 90


def difference(field: str, frame: pd.DataFrame) -> alt.Color:
    """Colour differences: blue for gains, orange for losses, as far from grey as they are large."""
    largest = max(float(frame[field].abs().max()), 1e-9) if frame[field].notna().any() else 1.0
    scale = alt.Scale(domain=[-largest, 0, largest], range=[ORANGE, NEUTRAL, "#6FB1DC"], interpolate="rgb")
    return alt.Color(field, scale=scale, legend=None)
