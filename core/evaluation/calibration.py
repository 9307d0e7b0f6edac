"""Calibration of probabilities: reliability, temperature scaling, confidence thresholds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from core.evaluation.intervals import TAILS, Estimate, proportion

BINS = 15
_NULL_SIMULATIONS = 2000
_LOG_TEMPERATURES = (-4.0, 4.0)


@dataclass(frozen=True)
class Bin:
    """One confidence bin: its mean confidence, its accuracy, and the null band of the accuracy.

    ``null_low`` and ``null_high``: bounds of the accuracy of a perfectly calibrated model with these
    confidences, with a probability of 95%.
    """

    confidence: float
    accuracy: float
    count: int
    null_low: float
    null_high: float


@dataclass(frozen=True)
class Reliability:
    """Expected calibration error (ECE), and the bins with examples.

    ``null``: mean and 95% band of the ECE of a perfectly calibrated model with these confidences.
    """

    ece: float
    null: Estimate
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Coverage:
    """The share of examples at or above a confidence threshold, and the accuracy on these."""

    threshold: float
    coverage: Estimate
    accuracy: Estimate


def fit_temperature(logits: NDArray[np.floating], true: NDArray[np.int64]) -> float:
    """Return the temperature that minimizes the log loss of logits / temperature (Guo et al. 2017).

    ``logits``: [n, k] of the validation split, never of the test split; ``true``: [n] class indices.
    Bounded by e⁻⁴ and e⁴, as the log loss of uninformative or errorless logits has no minimum.
    """
    logits64, rows = logits.astype(np.float64), np.arange(len(true))
    result = minimize_scalar(
        lambda log_t: -log_softmax(logits64 / np.exp(log_t), axis=1)[rows, true].mean(),
        bounds=_LOG_TEMPERATURES,
        method="bounded",
    )
    return float(np.exp(result.x))


def reliability(confidence: NDArray[np.floating], correct: NDArray[np.bool_], seed: int = 0) -> Reliability:
    """Return the reliability diagram of [n] confidences; ``correct``: [n], whether each prediction is.

    The ECE of a perfectly calibrated model is not 0 on a finite sample: it is simulated 2,000 times for
    these confidences, and the middle 95% are the null band (Vaicenavicius et al. 2019). Without
    examples the ECE is 0, the band is undefined, and there are no bins.
    """
    if len(confidence) == 0:
        return Reliability(0.0, Estimate(None), ())
    confidence64 = confidence.astype(np.float64)
    bin_indices = _assign_bins(confidence64)
    counts = np.bincount(bin_indices, minlength=BINS)
    sums = np.bincount(bin_indices, weights=confidence64, minlength=BINS)
    correct_counts = np.bincount(bin_indices, weights=correct, minlength=BINS)
    null_counts = _simulate_null_counts(confidence64, bin_indices, seed)
    null_ece = np.abs(null_counts - sums).sum(axis=1) / len(confidence64)
    bins = tuple(
        Bin(
            confidence=float(sums[b] / counts[b]),
            accuracy=float(correct_counts[b] / counts[b]),
            count=int(counts[b]),
            null_low=float(np.quantile(null_counts[:, b], TAILS[0]) / counts[b]),
            null_high=float(np.quantile(null_counts[:, b], TAILS[1]) / counts[b]),
        )
        for b in np.flatnonzero(counts)
    )
    low, high = np.quantile(null_ece, TAILS)
    null = Estimate(float(null_ece.mean()), float(low), float(high))
    return Reliability(expected_calibration_error(confidence, correct), null, bins)


def expected_calibration_error(confidence: NDArray[np.floating], correct: NDArray[np.bool_]) -> float:
    """Return the distance between accuracy and mean confidence, averaged over 15 bins of equal width.

    The average is weighted by the number of examples in each bin (Guo et al. 2017); 0 for no examples.
    """
    confidence64 = confidence.astype(np.float64)
    gaps = np.bincount(_assign_bins(confidence64), weights=correct - confidence64, minlength=BINS)
    return float(np.abs(gaps).sum() / max(len(confidence64), 1))


def _assign_bins(confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.minimum((confidence * BINS).astype(np.int64), BINS - 1)


def _simulate_null_counts(
    confidence: NDArray[np.float64], bin_indices: NDArray[np.int64], seed: int
) -> NDArray[np.float64]:
    """Simulate the number of correct predictions in each bin under perfect calibration, [b, bins].

    Examples with the same confidence, to a thousandth, share one draw from a binomial distribution.
    """
    rng = np.random.default_rng(seed)
    rounded = np.round(confidence, 3)
    groups, counts = np.unique(np.stack([bin_indices, rounded]), axis=1, return_counts=True)
    correct_counts = rng.binomial(counts, np.clip(groups[1], 0, 1), size=(_NULL_SIMULATIONS, len(counts)))
    is_in_bin = np.zeros((len(counts), BINS))
    is_in_bin[np.arange(len(counts)), groups[0].astype(np.int64)] = 1
    return np.asarray(correct_counts @ is_in_bin)


def coverage(
    confidence: NDArray[np.floating], correct: NDArray[np.bool_], thresholds: NDArray[np.float64]
) -> list[Coverage]:
    """Return coverage and accuracy at each confidence threshold, with Wilson's intervals."""
    results = []
    for threshold in thresholds:
        selected = confidence >= threshold
        results.append(
            Coverage(
                float(threshold),
                coverage=proportion(int(selected.sum()), len(correct)),
                accuracy=proportion(int(correct[selected].sum()), int(selected.sum())),
            )
        )
    return results


def apply_temperature(probabilities: NDArray[np.floating], temperature: float) -> NDArray[np.float32]:
    """Return probabilities [n, k] at a temperature: p^(1/T), normalized.

    Equal to dividing the logits by it, except for probabilities that were rounded to exactly 0.
    """
    clipped = np.clip(probabilities.astype(np.float64), np.finfo(np.float32).tiny, 1)
    return np.asarray(softmax(np.log(clipped) / temperature, axis=1), dtype=np.float32)
