"""Read the predictions of runs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Select, func, select

from core.errors import RequestError
from core.store.engine import Store
from core.store.queries.reading import read_frame
from core.store.schema import ExampleRow, PredictionRow, RunRow


def predictions(store: Store, run_id: int, split: str = "test") -> pd.DataFrame:
    """Return one row per example of a split, in its order.

    Columns: example_id, position, text, label (the true one), extra, predicted, confidence,
    true_probability and truncated.
    """
    columns = (
        ExampleRow.id.label("example_id"),
        ExampleRow.position,
        ExampleRow.text,
        ExampleRow.label,
        ExampleRow.extra,
        PredictionRow.predicted,
        PredictionRow.confidence,
        PredictionRow.true_probability,
        PredictionRow.truncated,
    )
    return read_frame(store, _restrict_to_split(select(*columns), run_id, split))


def _restrict_to_split(query: Select[*tuple[Any, ...]], run_id: int, split: str) -> Select[*tuple[Any, ...]]:
    """Restrict a query on examples and predictions to a run's split, ordered by position."""
    return (
        query.select_from(ExampleRow)
        .join(PredictionRow, PredictionRow.example_id == ExampleRow.id)
        .where(PredictionRow.run_id == run_id, ExampleRow.split == split)
        .order_by(ExampleRow.position)
    )


def labels_and_predictions(
    store: Store, run_id: int, labels: Sequence[str], split: str = "test"
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the true and the predicted class indices of a run's split, in its order: [n] and [n].

    Raises `RequestError` for a run with a label that is not in ``labels``.
    """
    frame = read_frame(store, _restrict_to_split(select(ExampleRow.label, PredictionRow.predicted), run_id, split))
    code = {label: index for index, label in enumerate(labels)}
    true, predicted = (frame[name].map(code) for name in ("label", "predicted"))
    for names, codes in ((frame["label"], true), (frame["predicted"], predicted)):
        if codes.hasnans:
            unknown = names[codes.isna()].iloc[0]
            raise RequestError(
                f"Run {run_id} is damaged: its label '{unknown}' is none of {', '.join(labels)}.",
                code="unknown_label",
            )
    return true.to_numpy(dtype=np.int64), predicted.to_numpy(dtype=np.int64)


def probabilities(store: Store, run_id: int, split: str = "test") -> NDArray[np.float32]:
    """Return a run's stored probabilities on a split, one row per example, one column per label: [n, k]."""
    frame = read_frame(store, _restrict_to_split(select(PredictionRow.probabilities), run_id, split))
    rows = [np.frombuffer(blob, dtype="<f4") for blob in frame["probabilities"]]
    return np.stack(rows) if rows else np.empty((0, 0), dtype=np.float32)


def predictions_on_example(store: Store, example_id: int, run_ids: Sequence[int]) -> pd.DataFrame:
    """Return the predictions of runs on one test set for one example: run_id, predicted and confidence.

    Data sets that share a test set contain its examples at the same positions.
    """
    place = select(ExampleRow.split, ExampleRow.position).where(ExampleRow.id == example_id).subquery()
    is_same_place = (ExampleRow.split == place.c.split) & (ExampleRow.position == place.c.position)
    is_prediction = (PredictionRow.run_id == RunRow.id) & (PredictionRow.example_id == ExampleRow.id)
    query = (
        select(RunRow.id.label("run_id"), PredictionRow.predicted, PredictionRow.confidence)
        .join(ExampleRow, ExampleRow.dataset_id == RunRow.dataset_id)
        .join(place, is_same_place)
        .join(PredictionRow, is_prediction)
        .where(RunRow.id.in_(run_ids))
    )
    return read_frame(store, query.order_by(RunRow.id))


def predicted_label_counts(store: Store, run_ids: Sequence[int], split: str = "test") -> pd.DataFrame:
    """Return how many of the runs predict each label, per example: position (in the split), predicted and votes."""
    query = (
        select(ExampleRow.position, PredictionRow.predicted, func.count().label("votes"))
        .join(ExampleRow, ExampleRow.id == PredictionRow.example_id)
        .where(PredictionRow.run_id.in_(run_ids), ExampleRow.split == split)
        .group_by(ExampleRow.position, PredictionRow.predicted)
    )
    return read_frame(store, query)
