"""Estimates with 95% confidence intervals, and exact tests of counts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import hypot, sqrt

import numpy as np
from numpy.typing import NDArray

# not scipy.stats, which takes a second to import
from scipy.special import bdtr, gammaln, ndtr, ndtri, stdtrit

RESAMPLES = 10_000
LEVEL = 0.95
TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
_CHUNK = 4_000_000  # maximum number of resampled counts in memory at once
_MIN_VARIANCE = 1e-18
_SAME_PROBABILITY = 1e-7  # relative difference up to which table probabilities are equal, as in R's fisher.test

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Estimate:
    """A value with its 95% confidence interval.

    ``low`` and ``high`` are None for a value without an interval; all three are None if it is undefined.
    """

    value: float | None
    low: float | None = None
    high: float | None = None


UNDEFINED = Estimate(None)


def proportion(successes: int, trials: int) -> Estimate:
    """Return the share of successes with Wilson's score interval (Wilson 1927).

    Undefined for zero trials: a class that is missing from the test set has no recall, not a recall of 0.
    """
    if trials == 0:
        return UNDEFINED
    share, z = successes / trials, ndtri(TAILS[1])
    center = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half_width = z * sqrt(share * (1 - share) / trials + (z / (2 * trials)) ** 2) / (1 + z**2 / trials)
    low, high = max(0.0, center - half_width), min(1.0, center + half_width)
    # For no or only successes one bound is exactly 0 or 1, which the formula misses by rounding.
    return Estimate(share, 0.0 if successes == 0 else float(low), 1.0 if successes == trials else float(high))


def difference_of_proportions(successes_a: int, trials_a: int, successes_b: int, trials_b: int) -> Estimate:
    """Return the share of group A minus the share of an independent group B, with Newcombe's hybrid score interval.

    Newcombe 1998, method 10 (DOI 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I): the
    distances from the shares to their Wilson bounds, combined. Undefined for zero trials of either group.
    """
    a, b = proportion(successes_a, trials_a), proportion(successes_b, trials_b)
    if a.value is None or a.low is None or a.high is None:
        return UNDEFINED
    if b.value is None or b.low is None or b.high is None:
        return UNDEFINED
    value = a.value - b.value
    below = hypot(a.value - a.low, b.high - b.value)
    above = hypot(a.high - a.value, b.value - b.low)
    return Estimate(value, value - below, value + above)


def fisher_test(successes: NDArray[np.int64], trials: NDArray[np.int64], all_successes: int, n: int) -> Floats:
    """Return Fisher's exact two-sided p of each of s groups against the rest of the n examples, [s].

    ``successes`` and ``trials``: [s], counts of each group. The p sums the probabilities of all tables
    that are at most as probable as the observed one. Equal to `scipy.stats.fisher_exact`, and a hundred
    times as fast for many groups of a large n.
    """
    log_factorials = gammaln(np.arange(n + 1) + 1.0)

    def p(observed: int, size: int) -> float:
        count = np.arange(max(0, size + all_successes - n), min(size, all_successes) + 1)
        inside = log_factorials[count] + log_factorials[size - count]
        outside = log_factorials[all_successes - count] + log_factorials[n - size - all_successes + count]
        margins = log_factorials[[all_successes, n - all_successes, size, n - size]].sum() - log_factorials[n]
        log_p = margins - inside - outside
        return min(1.0, float(np.exp(log_p[log_p <= log_p[observed - count[0]] + _SAME_PROBABILITY]).sum()))

    return np.array([p(int(observed), int(size)) for observed, size in zip(successes, trials, strict=True)])


def sign_test(count_a: int, count_b: int) -> float:
    """Return the exact two-sided p of two counts under equal probabilities; 1 for two zeros."""
    return min(1.0, 2 * float(bdtr(min(count_a, count_b), count_a + count_b, 0.5)))


@dataclass(frozen=True)
class BootstrapResult:
    """m statistics of examples in c categories, with their bootstrap distribution.

    ``values``: [m]; ``replicates``: [b, m], a row per resample; ``jackknife``: [c, m], the statistics
    without one example of each category, None for a single example; ``weights``: [c], the number of
    examples of each category; ``strata``: [c], the true class of each category, to widen intervals for
    rare classes.
    """

    values: Floats
    replicates: Floats
    jackknife: Floats | None
    weights: Floats
    strata: NDArray[np.int64] | None = None

    def estimates(self) -> list[Estimate]:
        """Return the m statistics with expanded percentile intervals if there are strata, else with BCa intervals."""
        return [self._estimate(column) for column in range(len(self.values))]

    def _estimate(self, column: int) -> Estimate:
        value, replicates = float(self.values[column]), self.replicates[:, column]
        jackknife = None if self.jackknife is None else self.jackknife[:, column]
        if self.strata is None:
            return bca_interval(value, replicates, jackknife, self.weights)
        return _percentile(value, replicates, expanded_tails(jackknife, self.weights, self.strata))


def resample(
    statistic: Statistic,
    counts: NDArray[np.int64],
    strata: NDArray[np.int64] | None = None,
    seed: int = 0,
    n_resamples: int = RESAMPLES,
) -> BootstrapResult:
    """Bootstrap statistics of n examples in c categories.

    ``counts``: [c], the number of examples of each category; resampling the examples means drawing
    these counts from a multinomial. ``statistic`` maps counts [b, c] to values [b, m].
    """
    observed = counts.astype(np.float64)
    total = int(counts.sum())
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // max(1, len(counts)))
    parts = [
        statistic(rng.multinomial(total, observed / total, size=min(step, n_resamples - start)).astype(np.float64))
        for start in range(0, n_resamples, step)
    ]
    jackknife = [
        statistic(observed[None] - np.eye(len(observed))[start : start + step])
        for start in range(0, len(observed), step)
    ]
    return BootstrapResult(
        values=statistic(observed[None])[0],
        replicates=np.concatenate(parts),
        jackknife=np.concatenate(jackknife) if total > 1 else None,
        weights=observed,
        strata=strata,
    )


def bootstrap_mean(values: Floats, seed: int = 0, n_resamples: int = RESAMPLES) -> Estimate:
    """Return the mean of n values, one per example, with its BCa interval; for 0 resamples without one."""
    total = len(values)
    if total == 0 or not np.isfinite(values).all():
        return UNDEFINED
    if not n_resamples:
        return Estimate(float(values.mean()))
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // total)
    means = np.concatenate(
        [
            values[rng.integers(0, total, size=(min(step, n_resamples - start), total), dtype=np.int32)].mean(axis=1)
            for start in range(0, n_resamples, step)
        ]
    )
    jackknife = (values.sum() - values) / (total - 1) if total > 1 else None
    return bca_interval(float(values.mean()), means, jackknife, np.ones(total))


def holm(p: Sequence[float]) -> list[float]:
    """Return Holm-adjusted p values (Holm 1979), in the order of ``p``."""
    order = np.argsort(p, kind="stable")
    steps = np.asarray(p)[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1) if len(p) else steps
    return [float(value) for value in adjusted]


def bca_interval(
    value: float,
    replicates: Floats,
    jackknife: Floats | None,
    weights: Floats,
    tails: Floats | tuple[float, float] = TAILS,
) -> Estimate:
    """Return the bias-corrected and accelerated interval (Efron 1987, DOI 10.1080/01621459.1987.10478410).

    ``tails``: the two tail probabilities before the correction.
    """
    replicates = replicates[np.isfinite(replicates)]
    if not np.isfinite(value) or len(replicates) == 0:
        return UNDEFINED
    below = (np.mean(replicates < value) + np.mean(replicates <= value)) / 2
    if jackknife is not None and 0 < below < 1 and np.isfinite(jackknife).all():
        bias = ndtri(below)
        deviation = np.average(jackknife, weights=weights) - jackknife
        spread = float(weights @ deviation**2)
        if spread > 0:
            acceleration = float(weights @ deviation**3) / (6 * spread**1.5)
            z = bias + ndtri(tails)
            if np.isfinite(z).all():  # tails of 0 and 1, as for very few examples, cannot be corrected
                tails = ndtr(bias + z / (1 - acceleration * z))
    return _percentile(value, replicates, tails)


def expanded_tails(jackknife: Floats | None, weights: Floats, strata: NDArray[np.int64]) -> Floats:
    """Return tail probabilities widened for few examples, from Student's t (Hesterberg 2015, arXiv 1411.5279).

    A rare class may contribute most of the variance, so the degrees of freedom follow from the variance
    of each class (Welch-Satterthwaite). Without this, two equally good runs got a verdict on 9 of 100
    test sets of 200 examples with a class of 5%.
    """
    total = weights.sum()
    if jackknife is None or not np.isfinite(jackknife).all():
        return np.array(TAILS)
    deviation = np.average(jackknife, weights=weights) - jackknife
    variances = np.bincount(strata, weights=weights * deviation**2)
    if variances.sum() <= _MIN_VARIANCE:
        return np.array(TAILS)
    examples = np.bincount(strata, weights=weights)
    degrees_of_freedom = variances.sum() ** 2 / (variances**2 / np.maximum(examples - 1, 0.5)).sum()
    tail = ndtr(-sqrt(total / (total - 1)) * stdtrit(degrees_of_freedom, TAILS[1]))
    return np.array([tail, 1 - tail])


def _percentile(value: float, replicates: Floats, tails: Floats | tuple[float, float]) -> Estimate:
    """Return a value with quantiles of its finite replicates; undefined if the value is not finite."""
    replicates = replicates[np.isfinite(replicates)]
    if not np.isfinite(value) or len(replicates) == 0:
        return UNDEFINED
    low, high = np.quantile(replicates, tails)
    return Estimate(value, float(low), float(high))
