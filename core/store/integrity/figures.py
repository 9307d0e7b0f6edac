"""Compare stored figures with those recomputed from the stored predictions."""

from collections.abc import Sequence
from math import isclose
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.catalog.figures import Figure, select_figures
from core.evaluation.intervals import Estimate
from core.evaluation.metrics import Evaluation, evaluate
from core.evaluation.predictions import leaked_positions
from core.store.schema import ClassMetricRow, DatasetRow, ExampleRow, MetricRow, PredictionRow, RunRow

_TOLERANCE = 1e-6
"""Maximum difference between a stored and a recomputed figure: the order of summation depends on the library."""

Values = dict[str, float | None]


def changed_figures(session: Session, run: RunRow, data: DatasetRow, split: str) -> list[str]:
    """Return the names of a run's prediction columns and figures that do not follow from its probabilities.

    Figures that the catalog marks as recomputed are compared if the run has them: an older run lacks some. Bounds
    are compared if they need no resampling. Empty if predictions are missing or unreadable, which other checks
    report.
    """
    rows = _load_predictions(session, run.id, split)
    if not rows or any(len(row.probabilities) != 4 * len(data.labels) or row.label not in data.labels for row in rows):
        return []
    probabilities = np.stack([np.frombuffer(row.probabilities, dtype="<f4") for row in rows])
    true = np.array([data.labels.index(row.label) for row in rows])
    evaluation = _recompute(session, run, data, split, true, probabilities)
    stored, recomputed = _stored_values(session, run.id, split), _recomputed_values(evaluation)
    return [
        *_changed_columns(rows, true, probabilities, data.labels),
        *(name for name, value in stored.items() if name in recomputed and not _is_close(recomputed[name], value)),
    ]


def _load_predictions(session: Session, run_id: int, split: str) -> list[Any]:
    query = (
        select(
            ExampleRow.label,
            PredictionRow.predicted,
            PredictionRow.confidence,
            PredictionRow.true_probability,
            PredictionRow.probabilities,
        )
        .join(ExampleRow, ExampleRow.id == PredictionRow.example_id)
        .where(PredictionRow.run_id == run_id, ExampleRow.split == split)
        .order_by(ExampleRow.position)
    )
    return list(session.execute(query))


def _changed_columns(
    rows: Sequence[Any], true: NDArray[np.int64], probabilities: NDArray[np.float32], labels: Sequence[str]
) -> list[str]:
    of_true = probabilities[np.arange(len(rows)), true]
    agrees = {
        "confidence": np.array_equal(probabilities.max(axis=1), [row.confidence for row in rows]),
        "true_probability": np.array_equal(of_true, [row.true_probability for row in rows]),
        "predicted": [labels[code] for code in probabilities.argmax(axis=1)] == [row.predicted for row in rows],
    }
    return [name for name, agree in agrees.items() if not agree]


def _recompute(
    session: Session,
    run: RunRow,
    data: DatasetRow,
    split: str,
    true: NDArray[np.int64],
    probabilities: NDArray[np.float32],
) -> Evaluation:
    """Evaluate a run's stored predictions again, without the intervals that need resampling."""
    temperature = session.scalar(
        select(MetricRow.value).where(
            MetricRow.run_id == run.id, MetricRow.split == "validation", MetricRow.name == "temperature"
        )
    )
    of_test = split == "test"
    return evaluate(
        true,
        probabilities,
        tuple(data.labels),
        n_resamples=0,
        temperature=temperature if of_test and temperature else None,
        leaked=leaked_positions(data.checks, len(true)) if of_test else (),
        baseline=_baseline_predictions(session, run, data.labels, len(true)) if of_test else None,
    )


def _baseline_predictions(
    session: Session, run: RunRow, labels: Sequence[str], examples: int
) -> NDArray[np.int64] | None:
    """Return the class indices that a run's baseline predicted, [n]; None if any is missing."""
    if run.baseline_id is None:
        return None
    predicted = [row.predicted for row in _load_predictions(session, run.baseline_id, "test")]
    if len(predicted) != examples or not set(predicted) <= set(labels):
        return None
    return np.array([labels.index(label) for label in predicted])


def _stored_values(session: Session, run_id: int, split: str) -> Values:
    """Return a run's stored figures on a split with their bounds, by names such as ``f1 of <label>`` for a class."""
    values: Values = {}
    of_run = (MetricRow.run_id == run_id, MetricRow.split == split)
    for row in session.scalars(select(MetricRow).where(*of_run)):
        values |= _bounds(row.name, Estimate(row.value, row.low, row.high))
    of_classes = (ClassMetricRow.run_id == run_id, ClassMetricRow.split == split)
    for of_class in session.scalars(select(ClassMetricRow).where(*of_classes)):
        for figure in select_figures("class_metrics"):
            columns = figure.columns[:3] if figure.interval else (figure.name,)
            estimate = Estimate(*(getattr(of_class, column) for column in columns))
            values |= _bounds(f"{figure.name} of {of_class.label}", estimate)
    return values


def _recomputed_values(evaluation: Evaluation) -> Values:
    """Return the recomputed figures under the names of `_stored_values`."""
    values: Values = {}
    for figure in select_figures("metrics"):
        if figure.recomputed and figure.name in evaluation.metrics:
            values |= _comparable(figure, figure.name, evaluation.metrics[figure.name])
    for class_metrics in evaluation.classes:
        for figure in select_figures("class_metrics"):
            value = getattr(class_metrics, figure.name)
            estimate = value if isinstance(value, Estimate) else Estimate(value)
            values |= _comparable(figure, f"{figure.name} of {class_metrics.label}", estimate)
    return values


def _comparable(figure: Figure, name: str, estimate: Estimate) -> Values:
    """Return the deterministic parts of a figure: its value, and its bounds if they need no resampling."""
    return _bounds(name, estimate) if figure.interval == "Wilson" else {name: estimate.value}


def _bounds(name: str, estimate: Estimate) -> Values:
    return {name: estimate.value, f"{name} (low)": estimate.low, f"{name} (high)": estimate.high}


def _is_close(expected: float | None, stored: float | None) -> bool:
    if expected is None or stored is None:
        return expected is stored
    return isclose(expected, stored, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
