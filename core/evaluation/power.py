"""Power of the exact McNemar test: the differences that a test set of a given size can detect."""

from math import ceil, floor, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, gammaln, ndtri, xlog1py, xlogy

ALPHA = 0.05
POWER = 0.8
_MAX_EXAMPLES = 10_000_000
_PRECISION = 1e-5  # of a minimum detectable effect, as a share


def mcnemar_power(n: int, flips: float, difference: float) -> float:
    """Return the probability that the exact McNemar test finds a true difference in accuracy.

    ``flips``: the share of the n examples that only one of two runs predicts correctly;
    ``difference``: of their accuracies, at most ``flips``. The number of flips is binomial, and so is
    the number gained among them: the unconditional power of the conditional test (Lachin 1992).
    """
    margin = 6 * sqrt(n * flips * (1 - flips)) + 1
    discordant = np.arange(max(0, floor(n * flips - margin)), min(n, ceil(n * flips + margin)) + 1)
    critical = _critical_count(discordant)
    gained = (1 + difference / flips) / 2
    at_most = np.maximum(critical, 0)
    rejected = bdtr(at_most, discordant, gained) + bdtr(at_most, discordant, 1 - gained)
    return float((_binomial(discordant, n, flips) * np.where(critical >= 0, rejected, 0)).sum())


def minimum_detectable_effect(n: int, flips: float) -> float | None:
    """Return the smallest true difference in accuracy that n examples detect with a power of .8 at α = .05.

    None if even a difference as large as the share of flips has less power.
    """
    if n == 0 or flips <= 0 or mcnemar_power(n, flips, flips) < POWER:
        return None
    low, high = 0.0, flips
    while high - low > _PRECISION:
        middle = (low + high) / 2
        low, high = (low, middle) if mcnemar_power(n, flips, middle) >= POWER else (middle, high)
    return high


def examples_needed(difference: float, flips: float) -> int | None:
    """Return about how many test examples would detect a difference at a share of flips; None above ten million."""
    difference = min(abs(difference), flips)
    if difference <= 0:
        return None
    # Search the exact number near the normal approximation (Connor 1987).
    quantiles = float(-ndtri(ALPHA / 2) * sqrt(flips) + ndtri(POWER) * sqrt(flips - difference**2))
    approximation = (quantiles / difference) ** 2
    if approximation > _MAX_EXAMPLES:
        return None
    low, high = max(1, int(approximation * 0.95)), max(2, ceil(approximation * 1.05))
    while mcnemar_power(high, flips, difference) < POWER:
        low, high = high, ceil(high * 1.1)
    while low > 1 and mcnemar_power(low, flips, difference) >= POWER:
        low, high = int(low / 1.1), low
    while high - low > max(1, low // 200):
        middle = (low + high) // 2
        low, high = (low, middle) if mcnemar_power(middle, flips, difference) >= POWER else (middle, high)
    return high


def _critical_count(discordant: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the largest count of the rarer kind of flip for which the exact test rejects; -1 if it never does."""
    # The normal approximation without a continuity correction is never too small, and often one too large.
    guess = np.floor(discordant / 2 + ndtri(ALPHA / 2) * np.sqrt(discordant) / 2).astype(np.int64)
    while (too_large := (guess >= 0) & (bdtr(np.maximum(guess, 0), discordant, 0.5) > ALPHA / 2)).any():
        guess = guess - too_large
    return np.asarray(np.maximum(guess, -1), dtype=np.int64)


def _binomial(k: NDArray[np.int64], n: int, p: float) -> NDArray[np.float64]:
    """Return the binomial probabilities of k successes in n trials."""
    choose = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return np.asarray(np.exp(choose + xlogy(k, p) + xlog1py(n - k, -p)))
