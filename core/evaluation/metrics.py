"""The metrics of one run's predictions on a split, overall and class by class.

A metric is a function of `Predictions`, registered under its stored name; `core.catalog.figures`
describes it. These two determine what is stored and what the integrity check recomputes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.catalog.figures import MACRO_F1_DIFFERENCE, TOP_K, TOP_K_MIN_LABELS, select_figures
from core.evaluation.calibration import expected_calibration_error, reliability
from core.evaluation.comparison import compare
from core.evaluation.counts import ClassCounts, ClassIndices, confusion_matrix, count_by_class
from core.evaluation.intervals import RESAMPLES, Estimate, proportion
from core.evaluation.predictions import Predictions

Metric = Callable[[Predictions], Estimate | None]
METRICS: dict[str, Metric] = {}
"""The function of each metric by stored name; it returns None if the metric does not apply."""


def metric(name: str) -> Callable[[Metric], Metric]:
    """Register a function as the metric of this stored name."""

    def register(function: Metric) -> Metric:
        METRICS[name] = function
        return function

    return register


@metric("accuracy")
def accuracy(predictions: Predictions) -> Estimate:
    """Return the share of correct predictions."""
    return proportion(int(predictions.correct.sum()), len(predictions.true))


@metric("macro_f1")
def macro_f1(predictions: Predictions) -> Estimate:
    """Return the mean of the classes' F1 scores."""
    return predictions.bootstrap(ClassCounts.macro_f1)[0]


@metric("balanced_accuracy")
def balanced_accuracy(predictions: Predictions) -> Estimate:
    """Return the mean of the classes' recall."""
    return predictions.bootstrap(ClassCounts.balanced_accuracy)[0]


@metric("mcc")
def mcc(predictions: Predictions) -> Estimate:
    """Return the Matthews correlation coefficient."""
    return predictions.bootstrap(ClassCounts.mcc)[0]


@metric("roc_auc")
def roc_auc(predictions: Predictions) -> Estimate:
    """Return the area under the ROC curve."""
    return predictions.ranking[0]


@metric("average_precision")
def average_precision(predictions: Predictions) -> Estimate:
    """Return the average precision."""
    return predictions.ranking[1]


@metric(f"top_{TOP_K}_accuracy")
def top_k_accuracy(predictions: Predictions) -> Estimate | None:
    """Return the share of examples whose label is among the k most probable; ties go to the first labels."""
    if predictions.classes < TOP_K_MIN_LABELS:
        return None
    top = np.argsort(-predictions.probabilities64, axis=1, kind="stable")[:, :TOP_K]
    return proportion(int((top == predictions.true[:, None]).any(axis=1).sum()), len(predictions.true))


@metric("log_loss")
def log_loss(predictions: Predictions) -> Estimate:
    """Return the mean log loss."""
    return predictions.mean(predictions.log_losses)


@metric("brier")
def brier(predictions: Predictions) -> Estimate:
    """Return the mean multi-class Brier score."""
    return predictions.mean(predictions.squared_losses)


@metric("ece")
def ece(predictions: Predictions) -> Estimate | None:
    """Return the expected calibration error; None without a fitted temperature to compare it with."""
    if predictions.temperature is None:
        return None
    return Estimate(expected_calibration_error(predictions.confidence, predictions.correct))


@metric("ece_null")
def ece_null(predictions: Predictions) -> Estimate | None:
    """Return mean and 95% band of the ECE of a perfectly calibrated model with these confidences."""
    if predictions.temperature is None or not predictions.n_resamples:
        return None
    return reliability(predictions.confidence, predictions.correct).null


@metric(MACRO_F1_DIFFERENCE)
def over_baseline(predictions: Predictions) -> Estimate | None:
    """Return macro F1 minus that of the baseline."""
    if predictions.baseline is None:
        return None
    if predictions.n_resamples:
        return compare(
            predictions.true,
            predictions.predicted,
            predictions.baseline,
            predictions.classes,
            n_resamples=predictions.n_resamples,
        ).macro_f1
    run_f1, baseline_f1 = (
        float(count_by_class(np.ones((1, len(classes))), predictions.true, classes, predictions.classes).macro_f1()[0])
        for classes in (predictions.predicted, predictions.baseline)
    )
    return Estimate(run_f1 - baseline_f1)


def _register_variants() -> None:
    """Register the metrics at the fitted temperature, and those without leaked examples."""
    for name in ("log_loss", "brier", "ece", "ece_null"):
        METRICS[f"{name}_calibrated"] = _on_variant("calibrated", METRICS[name])
    for name in ("accuracy", "macro_f1"):
        METRICS[f"{name}_without_leaks"] = _on_variant("without_leaks", METRICS[name])


def _on_variant(variant: str, function: Metric) -> Metric:
    def compute(predictions: Predictions) -> Estimate | None:
        selected: Predictions | None = getattr(predictions, variant)
        return None if selected is None else function(selected)

    return compute


_register_variants()


@dataclass(frozen=True)
class ClassMetrics:
    """One class's precision, recall and F1, and its number of examples."""

    label: str
    precision: Estimate
    recall: Estimate
    f1: Estimate
    support: int


@dataclass(frozen=True)
class Evaluation:
    """All metrics of one run's predictions on a split, by stored name, and those of each class."""

    metrics: dict[str, Estimate]
    classes: tuple[ClassMetrics, ...]


def evaluate(
    true: ClassIndices,
    probabilities: NDArray[np.float32],
    labels: tuple[str, ...],
    n_resamples: int = RESAMPLES,
    *,
    temperature: float | None = None,
    leaked: Sequence[int] = (),
    baseline: ClassIndices | None = None,
) -> Evaluation:
    """Compute every metric that applies, with its 95% interval.

    ``true``: [n] class indices; ``probabilities``: [n, k], a column per label; for the others see
    `Predictions`. Metrics that need a temperature, leaked examples or a baseline are absent without it.
    """
    predictions = Predictions(true, probabilities, n_resamples, temperature, leaked, baseline)
    computed = {
        figure.name: METRICS[figure.name](predictions) for figure in select_figures("metrics") if figure.name in METRICS
    }
    metrics = {name: estimate for name, estimate in computed.items() if estimate is not None}
    return Evaluation(metrics, _class_metrics(predictions, labels))


def _class_metrics(predictions: Predictions, labels: tuple[str, ...]) -> tuple[ClassMetrics, ...]:
    matrix = confusion_matrix(predictions.true, predictions.predicted, predictions.classes)
    true_positives, support, predicted = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    f1 = predictions.bootstrap(ClassCounts.f1)
    return tuple(
        ClassMetrics(
            label,
            precision=proportion(int(true_positives[index]), int(predicted[index])),
            recall=proportion(int(true_positives[index]), int(support[index])),
            f1=f1[index],
            support=int(support[index]),
        )
        for index, label in enumerate(labels)
    )
