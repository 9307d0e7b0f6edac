"""Numbers with their 95 % intervals."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, norm

RESAMPLES = 10_000
LEVEL = 0.95
_CHUNK = 4_000_000  # resampled counts held at once

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval; all three None where it is undefined."""

    value: float | None
    low: float | None = None
    high: float | None = None


UNDEFINED = Estimate(None)


def proportion(successes: int, trials: int) -> Estimate:
    """Share of successes with Wilson's score interval (Wilson 1927).

    Undefined for no trials: a class that the test set lacks has no recall, not a recall of 0.
    """
    if trials == 0:
        return UNDEFINED
    interval = binomtest(successes, trials).proportion_ci(LEVEL, method="wilson")
    return Estimate(successes / trials, float(interval.low), float(interval.high))


def bootstrap(statistic: Statistic, counts: NDArray[np.int64], seed: int = 0) -> list[Estimate]:
    """Bootstrap statistics of categorised examples: BCa intervals, percentile where BCa is undefined.

    ``counts``: [c], how many of the n examples fall in each of c categories; resampling the
    examples is one multinomial draw of the counts. ``statistic`` maps counts [b, c] to values
    [b, m]; the result has m estimates. A value that is not finite makes its estimate undefined;
    resamples in which it is not finite are left out. Efron (1987), DOI 10.1080/01621459.1987.10478410.
    """
    present = np.flatnonzero(counts)
    total = int(counts.sum())
    if total == 0:
        return [UNDEFINED] * statistic(np.zeros((1, len(counts)))).shape[1]

    def of_present(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        full = np.zeros((len(rows), len(counts)))
        full[:, present] = rows
        return statistic(full)

    seen = counts[present].astype(np.float64)
    value = of_present(seen[None])[0]
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // len(counts))
    shares = seen / total
    resampled = np.concatenate(
        [
            of_present(rng.multinomial(total, shares, size=min(step, RESAMPLES - start)).astype(np.float64))
            for start in range(0, RESAMPLES, step)
        ]
    )
    without_one = of_present(seen[None] - np.eye(len(present))) if total > 1 else None
    return [
        _bca(
            float(value[column]),
            resampled[:, column],
            None if without_one is None else without_one[:, column],
            seen,
        )
        for column in range(len(value))
    ]


def bootstrap_mean(values: NDArray[np.float64], seed: int = 0) -> Estimate:
    """Mean of n values, one an example, with its BCa interval."""
    total = len(values)
    if total == 0 or not np.isfinite(values).all():
        return UNDEFINED
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // total)
    resampled = np.concatenate(
        [
            values[rng.integers(0, total, size=(min(step, RESAMPLES - start), total))].mean(axis=1)
            for start in range(0, RESAMPLES, step)
        ]
    )
    without_one = (values.sum() - values) / (total - 1) if total > 1 else None
    return _bca(float(values.mean()), resampled, without_one, np.ones(total))


def _bca(
    value: float,
    resampled: NDArray[np.float64],
    without_one: NDArray[np.float64] | None,
    weights: NDArray[np.float64],
) -> Estimate:
    """Return the bias-corrected and accelerated interval.

    ``without_one``: the statistic without one example of each category, ``weights``: how many
    examples that category has.
    """
    resampled = resampled[np.isfinite(resampled)]
    if not np.isfinite(value) or len(resampled) == 0:
        return UNDEFINED
    tails = np.array([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    below = (np.mean(resampled < value) + np.mean(resampled <= value)) / 2
    if without_one is not None and 0 < below < 1 and np.isfinite(without_one).all():
        bias = norm.ppf(below)
        deviation = np.average(without_one, weights=weights) - without_one
        spread = float(weights @ deviation**2)
        if spread > 0:
            acceleration = float(weights @ deviation**3) / (6 * spread**1.5)
            z = bias + norm.ppf(tails)
            tails = norm.cdf(bias + z / (1 - acceleration * z))
    low, high = np.quantile(resampled, tails)
    return Estimate(value, float(low), float(high))
