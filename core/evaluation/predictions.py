"""One run's predictions on a split, the input of the metrics."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.evaluation.calibration import apply_temperature
from core.evaluation.counts import ClassCounts, ClassIndices, count_by_class
from core.evaluation.intervals import RESAMPLES, BootstrapResult, Estimate, Floats, bootstrap_mean, resample
from core.evaluation.ranking import ranking_estimates


def leaked_positions(checks: Mapping[str, Any], examples: int) -> tuple[int, ...]:
    """Return the positions of the test examples that other splits contain too, from a data set's checks.

    ``examples``: the size of the test split. Empty if the checks list anything other than positions in it.
    """
    try:
        positions = tuple(int(leak["test"]) for leak in checks["leaks"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return ()
    return positions if all(0 <= position < examples for position in positions) else ()


@dataclass(frozen=True, eq=False)
class Predictions:
    """Probabilities of n examples and k labels, and further inputs of some metrics.

    ``true``: [n] class indices; ``probabilities``: [n, k]; ``n_resamples``: of the bootstrap, 0 for no
    bootstrap intervals; ``temperature``: fitted on the validation split; ``leaked``: positions of the
    examples that other splits contain too; ``baseline``: [n] class indices that the run's baseline
    predicted.
    """

    true: ClassIndices
    probabilities: NDArray[np.float32]
    n_resamples: int = RESAMPLES
    temperature: float | None = None
    leaked: Sequence[int] = ()
    baseline: ClassIndices | None = None

    @property
    def classes(self) -> int:
        """The number of labels, k."""
        return int(self.probabilities.shape[1])

    @cached_property
    def probabilities64(self) -> Floats:
        """The probabilities in double precision, [n, k]."""
        return self.probabilities.astype(np.float64)

    @cached_property
    def predicted(self) -> ClassIndices:
        """The most probable class, the first in a tie, [n]."""
        return np.asarray(self.probabilities64.argmax(axis=1))

    @cached_property
    def log_losses(self) -> Floats:
        """Each example's log loss, [n]; probabilities are clipped at float64's epsilon, as in scikit-learn."""
        of_true = self.probabilities64[np.arange(len(self.true)), self.true]
        return np.asarray(-np.log(np.clip(of_true, np.finfo(np.float64).eps, 1)))

    @cached_property
    def squared_losses(self) -> Floats:
        """Each example's multi-class Brier score, from 0 to 2 (Brier 1950), [n]."""
        return np.asarray(((self.probabilities64 - np.eye(self.classes)[self.true]) ** 2).sum(axis=1))

    @cached_property
    def calibrated(self) -> "Predictions | None":
        """The same predictions at the fitted temperature; None without one."""
        if self.temperature is None:
            return None
        return replace(self, probabilities=apply_temperature(self.probabilities, self.temperature))

    @cached_property
    def without_leaks(self) -> "Predictions | None":
        """The predictions on examples that no other split contains; None if that is all of them or none."""
        if not 0 < len(self.leaked) < len(self.true):
            return None
        clean = np.setdiff1d(np.arange(len(self.true)), np.asarray(self.leaked, dtype=np.int64))
        baseline = None if self.baseline is None else self.baseline[clean]
        probabilities = self.probabilities[clean]
        return replace(self, true=self.true[clean], probabilities=probabilities, leaked=(), baseline=baseline)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each prediction is correct, [n]."""
        return np.asarray(self.predicted == self.true)

    @property
    def confidence(self) -> NDArray[np.float32]:
        """The probability of each prediction, [n]."""
        return np.asarray(self.probabilities.max(axis=1))

    @cached_property
    def ranking(self) -> tuple[Estimate, Estimate]:
        """ROC AUC and average precision."""
        return ranking_estimates(self.true, self.probabilities64, self.n_resamples)

    def mean(self, values: Floats) -> Estimate:
        """Return the mean of one value per example with its bootstrap interval."""
        return bootstrap_mean(values, n_resamples=self.n_resamples)

    def bootstrap(self, statistic: Callable[[ClassCounts], Floats]) -> list[Estimate]:
        """Return m statistics of the class counts with their bootstrap intervals, from the same resamples."""
        cells, counts = self._cells
        if not self.n_resamples:
            observed = np.atleast_1d(
                statistic(count_by_class(counts[None].astype(np.float64), cells[0], cells[1], self.classes))[0]
            )
            return [Estimate(float(value) if np.isfinite(value) else None) for value in observed]
        resampled = self._bootstrapped_counts
        parts = (resampled.values[None], resampled.replicates, resampled.jackknife)
        values, replicates, jackknife = (None if part is None else self._apply(statistic, part) for part in parts)
        assert values is not None and replicates is not None
        return BootstrapResult(values[0], replicates, jackknife, resampled.weights).estimates()

    @cached_property
    def _cells(self) -> tuple[ClassIndices, NDArray[np.int64]]:
        """The distinct pairs of true and predicted class, [2, c], and their counts, [c]."""
        return np.unique(np.stack([self.true, self.predicted]), axis=1, return_counts=True)

    @cached_property
    def _bootstrapped_counts(self) -> BootstrapResult:
        """The bootstrap of the three counts of each class: 3k columns."""
        cells, counts = self._cells

        def class_counts(rows: Floats) -> Floats:
            by_class = count_by_class(rows, cells[0], cells[1], self.classes)
            return np.column_stack([by_class.true_positives, by_class.support, by_class.predicted])

        return resample(class_counts, counts, n_resamples=self.n_resamples)

    def _apply(self, statistic: Callable[[ClassCounts], Floats], counts: Floats) -> Floats:
        values = statistic(ClassCounts(*np.split(counts, 3, axis=1)))
        return values if values.ndim == 2 else values[:, None]
