"""Scores, differences and learning curves of the table's rows as marks on one common axis each."""

from typing import Any

import pandas as pd

WIDTH, HEIGHT, CURVE_WIDTH = 100, 16, 60
"""The size of a mark in its own units."""
MAX_SPAN = 0.15
"""The widest axis: what lies beyond is drawn at its edge, so that a weak baseline does not compress the others."""

Mark = dict[str, Any]


def score_marks(rows: pd.DataFrame) -> list[Mark | None]:
    """Return the mark of each row's macro F1 with its interval; the axis ends at the highest interval."""
    parts = _parts(rows, "macro_f1")
    if parts.empty:
        return [None] * len(rows)
    high = float(parts.max(axis=None))
    low = max(float(parts.min(axis=None)), high - MAX_SPAN)
    return [_mark(values, low, high) for values in _tuples(rows, "macro_f1")]


def difference_marks(rows: pd.DataFrame) -> list[Mark | None]:
    """Return the mark of each row's difference to its baseline, with its interval and zero; None for a baseline."""
    rows = rows.assign(gap=rows["gap"].mask(rows["kind"] == "baseline"))
    parts = _parts(rows, "gap")
    if parts.empty:
        return [None] * len(rows)
    low = max(min(float(parts.min(axis=None)), 0.0), -MAX_SPAN)
    high = min(max(float(parts.max(axis=None)), 0.0), MAX_SPAN)
    return [
        _mark(values, low, high, zero=0.0, direction=direction)
        for values, direction in zip(_tuples(rows, "gap"), rows["direction"], strict=True)
    ]


def curve_marks(rows: pd.DataFrame) -> list[Mark | None]:
    """Return the mark of each row's learning curve; None for one with fewer than two points."""
    values = [value for curve in rows["curve"] for value in curve]
    low, high = min(values, default=0.0), max(values, default=1.0)
    return [_curve(curve, low, high) if len(curve) > 1 else None for curve in rows["curve"]]


def _parts(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return value, low and high of the rows with a value."""
    return rows[[name, f"{name}_low", f"{name}_high"]].astype(float).dropna(subset=name)


def _tuples(rows: pd.DataFrame, name: str) -> list[tuple[float, float, float]]:
    return list(rows[[name, f"{name}_low", f"{name}_high"]].astype(float).itertuples(index=False, name=None))


def _mark(
    values: tuple[float, float, float], low: float, high: float, zero: float | None = None, direction: str = ""
) -> Mark | None:
    """Return positions in pixels; the point shows the direction of a significant difference, or that it is clipped."""
    value = values[0]
    if pd.isna(value):
        return None
    place, start, end = (None if pd.isna(part) else _scale(part, low, high, WIDTH) for part in values)
    is_clipped = not low <= value <= high
    point = {"helped": "right", "hurt": "left"}.get(direction, "circle")
    return {
        "value": place,
        "low": start if end is not None else None,
        "high": end,
        "zero": None if zero is None else _scale(zero, low, high, WIDTH),
        "point": ("left" if value < low else "right") if is_clipped else point,
        "style": direction,
    }


def _curve(values: list[float], low: float, high: float) -> Mark:
    step = CURVE_WIDTH / (len(values) - 1)
    return {
        "points": [
            [round(step * place, 1), round(HEIGHT - 1 - _scale(value, low, high, HEIGHT - 2), 1)]
            for place, value in enumerate(values)
        ]
    }


def _scale(value: float, low: float, high: float, length: float) -> float:
    """Return the position of a value on an axis of a length; values beyond its ends are at the ends."""
    share = (value - low) / (high - low) if high > low else 0.5
    return round(length * min(max(share, 0.0), 1.0), 1)
