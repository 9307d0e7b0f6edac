"""Examples with their annotations as tables to download: text in every cell, empty for missing values."""

from typing import Any

import pandas as pd

from core.text.formatting import format_setting
from dashboard import data
from dashboard.components.text import unique_names

OUTCOMES = (
    *("label", "predicted", "confidence", "true_probability", "loss", "flip", "other", "wrong_runs"),
    *("disagreement", "suggested", "quality", "truncated", "words"),
)
"""The columns of a list that are exported, where it has them."""


def listed_examples(run_id: int, frame: pd.DataFrame) -> pd.DataFrame:
    """Return examples with annotations, outcomes and the source's columns.

    ``frame``: rows of `data.predictions_with_outcomes`, with their index.
    """
    return _with_source_columns(run_id, data.annotated(frame), ["text", *data.ANNOTATION_FIELDS, *OUTCOMES])


def annotated_examples(run_id: int) -> pd.DataFrame:
    """Return the annotated examples of a run's test set, with the source's columns."""
    frame = data.annotated(data.predictions_with_outcomes(run_id))
    frame = frame[frame[list(data.ANNOTATION_FIELDS)].notna().any(axis=1)]
    return _with_source_columns(run_id, frame, ["text", *data.ANNOTATION_FIELDS, "label"])


def texts_with_annotations(run_id: int) -> pd.DataFrame:
    """Return all texts of a run's data set with their annotations."""
    return data.annotated(data.examples(data.run(run_id).dataset_id or 0)[["text"]])


def _with_source_columns(run_id: int, frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    columns = frame[[name for name in names if name in frame]]
    source = data.prediction_columns(run_id).loc[frame.index]
    source.columns = unique_names(map(str, source.columns), names)
    return pd.concat([columns, source], axis=1).astype(object).map(_format_cell)


def _format_cell(value: Any) -> str:
    return "" if value is None or value != value else format_setting(value)
