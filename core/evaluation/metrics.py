"""How good one run's predictions are: overall, and class by class."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.evaluation.intervals import Estimate, bootstrap, bootstrap_mean, proportion

FEW_EXAMPLES = 10
"""A class with fewer test examples than this has too few for its score to mean much."""


@dataclass(frozen=True)
class ClassMetrics:
    """One class's precision, recall and F1, and how many test examples it has."""

    label: str
    precision: Estimate
    recall: Estimate
    f1: Estimate
    support: int


@dataclass(frozen=True)
class Evaluation:
    """Everything that one run's test predictions say of it."""

    metrics: dict[str, Estimate]
    classes: tuple[ClassMetrics, ...]


def evaluate(true: NDArray[np.int64], probabilities: NDArray[np.float32], labels: tuple[str, ...]) -> Evaluation:
    """Score predictions; every figure with its 95 % interval.

    ``true``: [n] label codes; ``probabilities``: [n, k], the rows of ``labels``. The predicted
    class is the most probable one, the first of equals. Log loss clips at float64's epsilon, as
    scikit-learn does; the Brier score is the multi-class one, from 0 to 2 (Brier 1950).
    """
    exact = probabilities.astype(np.float64)
    predicted = exact.argmax(axis=1)
    matrix = confusion(true, predicted, len(labels))
    macro_f1, balanced_accuracy, mcc, *f1 = bootstrap(
        lambda cells: _summaries(cells.reshape(len(cells), *matrix.shape)), matrix.ravel()
    )
    rows = np.arange(len(true))
    tiny = np.finfo(np.float64).eps
    surprise = -np.log(np.clip(exact[rows, true], tiny, 1))
    squared = ((exact - np.eye(len(labels))[true]) ** 2).sum(axis=1)
    metrics = {
        "accuracy": proportion(int(matrix.trace()), int(matrix.sum())),
        "macro_f1": macro_f1,
        "balanced_accuracy": balanced_accuracy,
        "mcc": mcc,
        "log_loss": bootstrap_mean(surprise),
        "brier": bootstrap_mean(squared),
    }
    return Evaluation(metrics, tuple(_class_metrics(matrix, f1, labels)))


def confusion(true: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Count the examples of each true class (rows) by predicted class (columns): [k, k]."""
    return np.bincount(true * classes + predicted, minlength=classes**2).reshape(classes, classes)


def f1_scores(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """F1 of each class from confusion matrices [b, k, k]: [b, k].

    NaN for a class that is neither there nor predicted: it has no F1. A class that is there and
    never found has an F1 of 0.
    """
    hits = np.einsum("bii->bi", matrices)
    involved = matrices.sum(axis=1) + matrices.sum(axis=2)
    with np.errstate(invalid="ignore"):
        return np.asarray(2 * hits / involved)


def macro_f1(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the classes' F1, over the classes that are there or predicted: [b].

    Not the F1 of mean precision and recall: the two can differ by 0.5 (arXiv 1911.03347).
    """
    scores = f1_scores(matrices)
    defined = np.isfinite(scores)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(defined, scores, 0).sum(axis=1) / defined.sum(axis=1))


def _summaries(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Macro F1, balanced accuracy, MCC, then each class's F1: [b, 3 + k]."""
    hits = np.einsum("bii->bi", matrices)
    there, predicted, total = matrices.sum(axis=2), matrices.sum(axis=1), matrices.sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = hits / there
        balanced = np.where(there > 0, recall, 0).sum(axis=1) / (there > 0).sum(axis=1)
        # Gorodkin's multi-class correlation (2004); 0 where it is undefined, as in scikit-learn.
        covariance = hits.sum(axis=1) * total - (there * predicted).sum(axis=1)
        scale = np.sqrt((total**2 - (predicted**2).sum(axis=1)) * (total**2 - (there**2).sum(axis=1)))
        mcc = np.where(scale > 0, covariance / scale, 0)
    return np.column_stack([macro_f1(matrices), balanced, mcc, f1_scores(matrices)])


def _class_metrics(matrix: NDArray[np.int64], f1: list[Estimate], labels: tuple[str, ...]) -> list[ClassMetrics]:
    hits, there, predicted = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    return [
        ClassMetrics(
            label,
            precision=proportion(int(hits[code]), int(predicted[code])),
            recall=proportion(int(hits[code]), int(there[code])),
            f1=f1[code],
            support=int(there[code]),
        )
        for code, label in enumerate(labels)
    ]
