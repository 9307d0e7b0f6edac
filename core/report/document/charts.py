"""The geometry of the charts of a report: axes of intervals, and learning curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from core.report.document.blocks import Cell, Column, Curves, Interval

WIDTH, HEIGHT = 360, 220
"""The size of a chart of learning curves in its own units, pixels at its natural size."""
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 10, 36
DASHES = ("none", "7 3", "2 3", "10 3 2 3", "4 2", "12 5")
"""Line patterns, a cue in addition to the color."""
_PADDING = 0.06
_MAX_TICKS = 6


@dataclass(frozen=True)
class Scale:
    """A linear axis from ``low`` to ``high``; ``ticks``: the values to label."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def __call__(self, value: float, start: float = 0, end: float = 100) -> float:
        """Return the place of a value between ``start`` and ``end``, by default in percent."""
        return round(start + (end - start) * (value - self.low) / (self.high - self.low), 2)


@dataclass(frozen=True)
class Line:
    """A learning curve: its points as the attribute of a polyline, and its last point."""

    label: str
    color: str
    dashes: str
    points: str
    end: tuple[float, float]


@dataclass(frozen=True)
class Plot:
    """A chart of learning curves: places and texts of the ticks, the lines, and a description of the chart."""

    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    lines: tuple[Line, ...]
    description: str


def column_scales(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> list[Scale | None]:
    """Return the axis of the intervals of each column, in percent; None for a column without any."""
    return [_column_scale(column, [row[place] for row in rows]) for place, column in enumerate(columns)]


def _column_scale(column: Column, cells: Sequence[Cell]) -> Scale | None:
    intervals = [cell for cell in cells if isinstance(cell, Interval)]
    ends = [end for cell in intervals for end in (cell.value, cell.low, cell.high) if end is not None]
    if not column.axis or not ends:
        return None
    if column.axis == "score":
        return _make_scale(ends, 0, 1)
    return _make_scale([*ends, 0, *(sign * (cell.undetectable or 0) for cell in intervals for sign in (-1, 1))])


def _make_scale(values: Sequence[float], lowest: float | None = None, highest: float | None = None) -> Scale:
    """Return an axis that contains values with a margin, but does not exceed the lowest and highest possible one."""
    low, high = min(values), max(values)
    margin = _PADDING * (high - low) or 0.02 * (abs(high) or 1)
    low = low - margin if lowest is None else max(low - margin, lowest)
    high = high + margin if highest is None else min(high + margin, highest)
    step = _step((high - low) / _MAX_TICKS)
    ticks = (round(place * step, 10) for place in range(ceil(low / step), floor(high / step) + 1))
    return Scale(low, high, tuple(ticks))


def _step(smallest: float) -> float:
    """Return the smallest step of 1, 2 or 5 times a power of ten that is at least this."""
    power = 10.0 ** floor(log10(smallest))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= smallest)


def draw_curves(chart: Curves) -> Plot:
    """Return the geometry of a chart of learning curves."""
    epochs = _make_scale([epoch for curve in chart.curves for epoch, _ in curve.points])
    limits = (0, 1) if chart.is_share else (0, None)
    values = _make_scale([value for curve in chart.curves for _, value in curve.points], *limits)

    def place(epoch: float, value: float) -> tuple[float, float]:
        return epochs(epoch, LEFT, WIDTH - RIGHT), values(value, HEIGHT - BOTTOM, TOP)

    lines = []
    for number, curve in enumerate(chart.curves):
        points = [place(*point) for point in curve.points]
        text = " ".join(f"{x:g},{y:g}" for x, y in points)
        lines.append(Line(curve.label, curve.color, DASHES[number % len(DASHES)], text, points[-1]))
    return Plot(
        tuple((place(tick, values.low)[0], f"{tick:g}") for tick in epochs.ticks),
        tuple((place(epochs.low, tick)[1], _format_value(tick, chart)) for tick in values.ticks),
        tuple(lines),
        f"{chart.title} by epoch. " + "; ".join(_describe(curve.label, curve.points, chart) for curve in chart.curves),
    )


def _format_value(value: float, chart: Curves) -> str:
    return f"{100 * value:g}%" if chart.is_share else f"{value:g}"


def _describe(label: str, points: Sequence[tuple[float, float]], chart: Curves) -> str:
    """Return the first and the last value of a curve, as text."""
    first, last = (f"{100 * value:.1f}%" if chart.is_share else f"{value:.3f}" for _, value in (points[0], points[-1]))
    return f"{label}: {first} to {last}"
