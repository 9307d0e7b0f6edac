"""Calibration of probabilities: reliability, temperature scaling, confidence thresholds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from core.evaluation.intervals import TAILS, Estimate, proportion

BINS = 15
_NULL_DRAWS = 2000
_LOG_TEMPERATURES = (-4.0, 4.0)


@dataclass(frozen=True)
class Bin:
    """One confidence bin: its mean confidence, its accuracy, and the null band of the accuracy.

    ``null_low`` and ``null_high``: the band that holds the accuracy of a perfectly calibrated model of
    these confidences with probability 95%.
    """

    confidence: float
    accuracy: float
    count: int
    null_low: float
    null_high: float


@dataclass(frozen=True)
class Reliability:
    """Expected calibration error, mean and band of a perfectly calibrated model's, and the bins with examples."""

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
    Bounded by e⁻⁴ and e⁴: logits without information or without errors have no best temperature.
    """
    exact, rows = logits.astype(np.float64), np.arange(len(true))
    result = minimize_scalar(
        lambda log_t: -log_softmax(exact / np.exp(log_t), axis=1)[rows, true].mean(),
        bounds=_LOG_TEMPERATURES,
        method="bounded",
    )
    return float(np.exp(result.x))


def reliability(confidence: NDArray[np.floating], right: NDArray[np.bool_], seed: int = 0) -> Reliability:
    """Return the reliability diagram of [n] confidences and whether each prediction is right, [n].

    The ECE of a perfectly calibrated model is not 0 on a finite sample: it is simulated 2,000 times for
    these confidences, and the middle 95% are the null band (Vaicenavicius et al. 2019).
    """
    if len(confidence) == 0:
        return Reliability(0.0, Estimate(None), ())
    exact = confidence.astype(np.float64)
    bin_of = _assign_bins(exact)
    counts = np.bincount(bin_of, minlength=BINS)
    sums = np.bincount(bin_of, weights=exact, minlength=BINS)
    hits = np.bincount(bin_of, weights=right, minlength=BINS)
    null_hits = _simulate_null_hits(exact, bin_of, seed)
    null_ece = np.abs(null_hits - sums).sum(axis=1) / len(exact)
    bins = tuple(
        Bin(
            confidence=float(sums[b] / counts[b]),
            accuracy=float(hits[b] / counts[b]),
            count=int(counts[b]),
            null_low=float(np.quantile(null_hits[:, b], TAILS[0]) / counts[b]),
            null_high=float(np.quantile(null_hits[:, b], TAILS[1]) / counts[b]),
        )
        for b in np.flatnonzero(counts)
    )
    low, high = np.quantile(null_ece, TAILS)
    null = Estimate(float(null_ece.mean()), float(low), float(high))
    return Reliability(expected_calibration_error(confidence, right), null, bins)


def expected_calibration_error(confidence: NDArray[np.floating], right: NDArray[np.bool_]) -> float:
    """Return the mean distance of accuracy and confidence over 15 bins of equal width; 0 for no examples."""
    exact = confidence.astype(np.float64)
    gaps = np.bincount(_assign_bins(exact), weights=right - exact, minlength=BINS)
    return float(np.abs(gaps).sum() / max(len(exact), 1))


def _assign_bins(confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.minimum((confidence * BINS).astype(np.int64), BINS - 1)


def _simulate_null_hits(confidence: NDArray[np.float64], bin_of: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """Draw the number of right predictions in each bin under perfect calibration, [draws, bins].

    Examples of equal confidence, to a thousandth, are drawn together from a binomial distribution.
    """
    rng = np.random.default_rng(seed)
    rounded = np.round(confidence, 3)
    groups, counts = np.unique(np.stack([bin_of, rounded]), axis=1, return_counts=True)
    hits = rng.binomial(counts, np.clip(groups[1], 0, 1), size=(_NULL_DRAWS, len(counts)))
    member = np.zeros((len(counts), BINS))
    member[np.arange(len(counts)), groups[0].astype(np.int64)] = 1
    return np.asarray(hits @ member)


def coverage(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], thresholds: NDArray[np.float64]
) -> list[Coverage]:
    """Return coverage and accuracy at each confidence threshold, with Wilson's intervals."""
    results = []
    for threshold in thresholds:
        kept = confidence >= threshold
        results.append(
            Coverage(
                float(threshold),
                coverage=proportion(int(kept.sum()), len(right)),
                accuracy=proportion(int(right[kept].sum()), int(kept.sum())),
            )
        )
    return results


def apply_temperature(probabilities: NDArray[np.floating], temperature: float) -> NDArray[np.float32]:
    """Return probabilities [n, k] at a temperature: p^(1/T), normalized.

    The same as dividing the logits by it, except where rounding made a probability exactly 0.
    """
    exact = np.clip(probabilities.astype(np.float64), np.finfo(np.float32).tiny, 1)
    return np.asarray(softmax(np.log(exact) / temperature, axis=1), dtype=np.float32)
