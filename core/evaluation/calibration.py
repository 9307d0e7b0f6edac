"""Whether a probability means what it says, and what can be done where it does not."""

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
    """One bin of confidence: its mean confidence, how often the run was right, and what chance allows.

    ``null_low`` and ``null_high`` hold the accuracy of a perfectly calibrated run of these
    confidences, 95 of 100 times.
    """

    confidence: float
    accuracy: float
    count: int
    null_low: float
    null_high: float


@dataclass(frozen=True)
class Reliability:
    """Expected calibration error, the band in which a perfectly calibrated run's would lie, and the filled bins."""

    ece: float
    null: Estimate
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Coverage:
    """What answering only from a confidence on would give: the share answered, and the accuracy of the answers."""

    threshold: float
    coverage: Estimate
    accuracy: Estimate


def fit_temperature(logits: NDArray[np.floating], true: NDArray[np.int64]) -> float:
    """Return the temperature that minimises the log loss of logits / temperature (Guo et al. 2017).

    ``logits``: [n, k] of the validation split, never of the test split; ``true``: [n] label codes.
    Logits that carry nothing, or that separate the classes without error, have no best temperature:
    the search ends at the bounds e⁻⁴ and e⁴.
    """
    exact, rows = logits.astype(np.float64), np.arange(len(true))
    result = minimize_scalar(
        lambda log_t: -log_softmax(exact / np.exp(log_t), axis=1)[rows, true].mean(),
        bounds=_LOG_TEMPERATURES,
        method="bounded",
    )
    return float(np.exp(result.x))


def reliability(confidence: NDArray[np.floating], right: NDArray[np.bool_], seed: int = 0) -> Reliability:
    """Return the reliability diagram's figures for [n] confidences and whether each answer was right.

    The ECE of a perfectly calibrated run is not 0: it is drawn 2,000 times with these confidences,
    and the middle 95 % are the null band (Vaicenavicius et al. 2019).
    """
    exact = confidence.astype(np.float64)
    place = np.minimum((exact * BINS).astype(np.int64), BINS - 1)
    counts = np.bincount(place, minlength=BINS)
    sums = np.bincount(place, weights=exact, minlength=BINS)
    hits = np.bincount(place, weights=right, minlength=BINS)
    if len(exact) == 0:
        return Reliability(0.0, Estimate(None), ())
    drawn = _null_hits(exact, place, seed)
    null_ece = np.abs(drawn - sums).sum(axis=1) / len(exact)
    bins = tuple(
        Bin(
            confidence=float(sums[b] / counts[b]),
            accuracy=float(hits[b] / counts[b]),
            count=int(counts[b]),
            null_low=float(np.quantile(drawn[:, b], TAILS[0]) / counts[b]),
            null_high=float(np.quantile(drawn[:, b], TAILS[1]) / counts[b]),
        )
        for b in np.flatnonzero(counts)
    )
    low, high = np.quantile(null_ece, TAILS)
    null = Estimate(float(null_ece.mean()), float(low), float(high))
    return Reliability(float(np.abs(hits - sums).sum() / len(exact)), null, bins)


def _null_hits(confidence: NDArray[np.float64], place: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """Draw how many answers of each bin are right if every confidence is true: [draws, bins].

    A bin's number of hits is a sum of independent draws of slightly different chances; it is drawn
    by groups of equal confidence, to a thousandth.
    """
    rng = np.random.default_rng(seed)
    rounded = np.round(confidence, 3)
    groups, counts = np.unique(np.stack([place, rounded]), axis=1, return_counts=True)
    hits = rng.binomial(counts, np.clip(groups[1], 0, 1), size=(_NULL_DRAWS, len(counts)))
    member = np.zeros((len(counts), BINS))
    member[np.arange(len(counts)), groups[0].astype(np.int64)] = 1
    return np.asarray(hits @ member)


def coverage(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], thresholds: NDArray[np.float64]
) -> list[Coverage]:
    """Return for each threshold what abstaining below it would give; both figures with Wilson's interval."""
    total = len(right)
    results = []
    for threshold in thresholds:
        answered = confidence >= threshold
        results.append(
            Coverage(
                float(threshold),
                proportion(int(answered.sum()), total),
                proportion(int(right[answered].sum()), int(answered.sum())),
            )
        )
    return results


def apply_temperature(probabilities: NDArray[np.floating], temperature: float) -> NDArray[np.float32]:
    """Return probabilities [n, k] at another temperature: p^(1/T), made to sum to 1.

    The same as dividing the logits by it, but for what rounding has made exactly 0.
    """
    exact = np.clip(probabilities.astype(np.float64), np.finfo(np.float32).tiny, 1)
    return np.asarray(softmax(np.log(exact) / temperature, axis=1), dtype=np.float32)
