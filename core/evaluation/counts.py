"""Per-class counts of predictions, and the scores computed from them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.evaluation.intervals import Floats

ClassIndices = NDArray[np.int64]
"""Indices into a run's labels."""


@dataclass(frozen=True)
class ClassCounts:
    """Counts per class of b sets of examples; each array is [b, k].

    ``true_positives``: correctly predicted examples of a class; ``support``: its examples;
    ``predicted``: its predictions.
    """

    true_positives: Floats
    support: Floats
    predicted: Floats

    def f1(self) -> Floats:
        """Return the F1 of each class, [b, k].

        NaN for a class without examples and predictions; 0 for any other without true positives.
        """
        return _ratio(2 * self.true_positives, self.support + self.predicted)

    def recall(self) -> Floats:
        """Return the recall of each class, [b, k]; NaN for a class without examples."""
        return _ratio(self.true_positives, self.support)

    def precision(self) -> Floats:
        """Return the precision of each class, [b, k]; NaN for a class without predictions."""
        return _ratio(self.true_positives, self.predicted)

    def macro_f1(self) -> Floats:
        """Return the mean F1 of the classes for which it is defined, [b].

        Not the F1 of mean precision and mean recall: the two can differ by 0.5 (arXiv 1911.03347).
        """
        return _mean_of_defined(self.f1())

    def balanced_accuracy(self) -> Floats:
        """Return the mean recall of the classes that have examples, [b]."""
        return _mean_of_defined(self.recall())

    def mcc(self) -> Floats:
        """Return the multi-class Matthews correlation (Gorodkin 2004), [b]; 0 if undefined, as in scikit-learn."""
        total = self.support.sum(axis=1)
        covariance = self.true_positives.sum(axis=1) * total - (self.support * self.predicted).sum(axis=1)
        scale = (total**2 - (self.predicted**2).sum(axis=1)) * (total**2 - (self.support**2).sum(axis=1))
        return np.where(scale > 0, covariance / np.sqrt(np.where(scale > 0, scale, 1)), 0)


def count_by_class(counts: Floats, true: ClassIndices, predicted: ClassIndices, classes: int) -> ClassCounts:
    """Count c cells of equal examples by class.

    ``counts``: [b, c], how often each cell occurs in each set; ``true`` and ``predicted``: [c], its class indices.
    """
    is_true, is_predicted = (np.eye(classes)[indices] for indices in (true, predicted))
    return ClassCounts(
        true_positives=counts @ (is_true * is_predicted), support=counts @ is_true, predicted=counts @ is_predicted
    )


def confusion_matrix(true: ClassIndices, predicted: ClassIndices, classes: int) -> NDArray[np.int64]:
    """Count the examples of each true class (rows) by predicted class (columns), [k, k]."""
    return np.bincount(true * classes + predicted, minlength=classes**2).reshape(classes, classes)


def most_confused_classes(matrix: NDArray[np.int64], most: int) -> list[int]:
    """Return the indices of at most ``most`` classes, those with the most errors in row or column, in their order."""
    wrong = matrix - np.diag(matrix.diagonal())
    errors = wrong.sum(axis=0) + wrong.sum(axis=1)
    return sorted(int(index) for index in np.argsort(-errors, kind="stable")[:most])


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    return np.where(denominator > 0, numerator / np.where(denominator > 0, denominator, 1), np.nan)


def _mean_of_defined(values: Floats) -> Floats:
    defined = np.isfinite(values)
    return np.asarray(np.where(defined, values, 0).sum(axis=1) / np.maximum(defined.sum(axis=1), 1))
