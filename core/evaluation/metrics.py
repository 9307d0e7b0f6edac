"""How good one run's predictions are: overall, and class by class."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.evaluation.intervals import RESAMPLES, Estimate, Floats, bootstrap_mean, proportion, resample


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


@dataclass(frozen=True)
class Tally:
    """What the scores are made of, for b sets of examples: each array is [b, k].

    ``hits``: examples of a class that were found; ``there``: its examples; ``named``: predictions of it.
    """

    hits: Floats
    there: Floats
    named: Floats

    def f1(self) -> Floats:
        """F1 of each class, [b, k].

        NaN for a class that is neither there nor named: it has no F1. A class that is there and
        never found has an F1 of 0.
        """
        return _ratio(2 * self.hits, self.there + self.named)

    def recall(self) -> Floats:
        """Recall of each class, [b, k]; NaN for one that is not there."""
        return _ratio(self.hits, self.there)

    def precision(self) -> Floats:
        """Precision of each class, [b, k]; NaN for one that is never named."""
        return _ratio(self.hits, self.named)

    def macro_f1(self) -> Floats:
        """Mean of the classes' F1, over the classes that are there or named: [b].

        Not the F1 of mean precision and recall: the two can differ by 0.5 (arXiv 1911.03347).
        """
        return _mean_of_defined(self.f1())

    def balanced_accuracy(self) -> Floats:
        """Mean of the recall of the classes that are there: [b]."""
        return _mean_of_defined(self.recall())

    def mcc(self) -> Floats:
        """Matthews correlation for many classes (Gorodkin 2004), [b]; 0 where undefined, as in scikit-learn."""
        total = self.there.sum(axis=1)
        covariance = self.hits.sum(axis=1) * total - (self.there * self.named).sum(axis=1)
        scale = (total**2 - (self.named**2).sum(axis=1)) * (total**2 - (self.there**2).sum(axis=1))
        return np.where(scale > 0, covariance / np.sqrt(np.where(scale > 0, scale, 1)), 0)


def tally(counts: Floats, true: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> Tally:
    """Tally counts [b, c] of c kinds of examples, each with its true and its predicted label code, [c]."""
    there, named = (np.eye(classes)[codes] for codes in (true, predicted))
    return Tally(hits=counts @ (there * named), there=counts @ there, named=counts @ named)


def evaluate(
    true: NDArray[np.int64], probabilities: NDArray[np.float32], labels: tuple[str, ...], draws: int = RESAMPLES
) -> Evaluation:
    """Score predictions; every figure with its 95 % interval.

    ``true``: [n] label codes; ``probabilities``: [n, k], the rows of ``labels``. The predicted
    class is the most probable one, the first of equals. Log loss clips at float64's epsilon, as
    scikit-learn does; the Brier score is the multi-class one, from 0 to 2 (Brier 1950).
    """
    exact = probabilities.astype(np.float64)
    predicted = exact.argmax(axis=1)
    cells, counts = np.unique(np.stack([true, predicted]), axis=1, return_counts=True)

    def summaries(rows: Floats) -> Floats:
        found = tally(rows, cells[0], cells[1], len(labels))
        return np.column_stack([found.macro_f1(), found.balanced_accuracy(), found.mcc(), found.f1()])

    macro_f1, balanced_accuracy, mcc, *f1 = resample(summaries, counts, draws=draws).estimates()
    loss, squared = losses(true, exact)
    metrics = {
        "accuracy": proportion(int((true == predicted).sum()), len(true)),
        "macro_f1": macro_f1,
        "balanced_accuracy": balanced_accuracy,
        "mcc": mcc,
        "log_loss": bootstrap_mean(loss, draws=draws),
        "brier": bootstrap_mean(squared, draws=draws),
    }
    return Evaluation(metrics, tuple(_class_metrics(true, predicted, f1, labels)))


def losses(true: NDArray[np.int64], probabilities: Floats) -> tuple[Floats, Floats]:
    """Return each example's log loss and squared (Brier) loss: [n] and [n]."""
    rows = np.arange(len(true))
    surprise = -np.log(np.clip(probabilities[rows, true], np.finfo(np.float64).eps, 1))
    squared = ((probabilities - np.eye(probabilities.shape[1])[true]) ** 2).sum(axis=1)
    return surprise, squared


def confusion(true: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Count the examples of each true class (rows) by predicted class (columns): [k, k]."""
    return np.bincount(true * classes + predicted, minlength=classes**2).reshape(classes, classes)


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.where(below > 0, above / np.where(below > 0, below, 1), np.nan)


def _mean_of_defined(values: Floats) -> Floats:
    defined = np.isfinite(values)
    return np.asarray(np.where(defined, values, 0).sum(axis=1) / np.maximum(defined.sum(axis=1), 1))


def _class_metrics(
    true: NDArray[np.int64], predicted: NDArray[np.int64], f1: list[Estimate], labels: tuple[str, ...]
) -> list[ClassMetrics]:
    matrix = confusion(true, predicted, len(labels))
    hits, there, named = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    return [
        ClassMetrics(
            label,
            precision=proportion(int(hits[code]), int(named[code])),
            recall=proportion(int(hits[code]), int(there[code])),
            f1=f1[code],
            support=int(there[code]),
        )
        for code, label in enumerate(labels)
    ]
