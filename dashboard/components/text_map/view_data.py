"""Data of the map of test texts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.text.sanitize import escape_invisible
from dashboard import data

TOOLTIP_LENGTH = 160
"""Longer texts are cut in the tooltips."""
CORRECT, WRONG = "correct", "wrong"


def map_points(run_id: int, text_map: data.TextMap) -> pd.DataFrame:
    """Return a row per text on the map, misclassified ones last.

    Columns: x, y, position, example_id, text (its beginning, safe to show), true, predicted, confidence and outcome.
    """
    frame = data.predictions_with_outcomes(run_id)
    places = pd.DataFrame(text_map.coordinates, columns=["x", "y"]).assign(position=text_map.positions)
    columns = ["position", "example_id", "text", "label", "predicted", "confidence", "is_correct"]
    points = places.merge(frame[columns], on="position").rename(columns={"label": "true"})
    points["text"] = list(map(_shorten, points["text"]))
    points["outcome"] = np.where(points["is_correct"], CORRECT, WRONG)
    return points.sort_values("is_correct", ascending=False, kind="stable", ignore_index=True).drop(
        columns="is_correct"
    )


def _shorten(text: str) -> str:
    line = " ".join(text[: 2 * TOOLTIP_LENGTH].split())
    return escape_invisible(f"{line[:TOOLTIP_LENGTH]}…" if len(line) > TOOLTIP_LENGTH else line)


def points_in_box(points: pd.DataFrame, box: Mapping[str, Sequence[Any]]) -> set[int]:
    """Return the positions of the examples in a box; ``box``: the bounds of x and of y."""
    is_inside = np.logical_and.reduce([points[axis].between(*sorted(box[axis])) for axis in ("x", "y")])
    return set(points.loc[is_inside, "position"].tolist())
