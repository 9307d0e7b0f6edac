"""Examples as files have them: text in every cell, empty for nothing."""

from typing import Any

import pandas as pd

from core.text.formatting import format_setting
from dashboard import data
from dashboard.components.text import unique_names

JUDGED = ["label", "predicted", "confidence", "true_probability", "loss", "flip", "other", "truncated", "words"]


def listed(run_id: int, frame: pd.DataFrame) -> pd.DataFrame:
    """Return listed examples with all that is known of them; ``frame``: `data.predictions_with_outcomes`."""
    return _with_the_data(run_id, data.annotated(frame), ["text", *data.ANNOTATION_FIELDS, *JUDGED, "disagreement"])


def annotated(run_id: int) -> pd.DataFrame:
    """Return the annotated examples of a run's test set, with the other columns of the data."""
    frame = data.annotated(data.predictions_with_outcomes(run_id))
    frame = frame[frame[list(data.ANNOTATION_FIELDS)].notna().any(axis=1)]
    return _with_the_data(run_id, frame, ["text", *data.ANNOTATION_FIELDS, "label"])


def texts(run_id: int) -> pd.DataFrame:
    """Return all texts of the data set that a run was made on, with what was noted on each."""
    return data.annotated(data.examples(data.run(run_id).dataset_id or 0)[["text"]])


def _with_the_data(run_id: int, frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    known = frame[[name for name in names if name in frame]]
    own = data.prediction_columns(run_id).loc[frame.index]
    own.columns = unique_names(map(str, own.columns), names)
    return pd.concat([known, own], axis=1).astype(object).map(_written)


def _written(value: Any) -> str:
    return "" if value is None or value != value else format_setting(value)
