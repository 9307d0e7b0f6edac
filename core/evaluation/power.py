"""What a test set of a given size could show: the power of the exact McNemar test."""

from math import ceil, floor, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import binom

ALPHA = 0.05
POWER = 0.8
_MOST_EXAMPLES = 10_000_000


def mcnemar_power(n: int, flips: float, difference: float) -> float:
    """Return the chance that the exact McNemar test finds a true difference in accuracy.

    ``flips``: share of the n examples that the two runs judge differently; ``difference``: of the
    accuracies, at most as large. The number of flips is binomial, and so is the number fixed among
    them (Lachin 1992, for the unconditional power of the conditional test).
    """
    spread = 6 * sqrt(n * flips * (1 - flips)) + 1
    discordant = np.arange(max(0, floor(n * flips - spread)), min(n, ceil(n * flips + spread)) + 1)
    critical = _critical(discordant)
    fixed = (1 + difference / flips) / 2
    rejected = binom.cdf(critical, discordant, fixed) + binom.sf(discordant - critical - 1, discordant, fixed)
    return float((binom.pmf(discordant, n, flips) * np.where(critical >= 0, rejected, 0)).sum())


def smallest_difference(n: int, flips: float) -> float | None:
    """Return the smallest true difference in accuracy that n examples show with power .8 at α = .05.

    None where even a difference as large as the share of flips would not be shown.
    """
    if n == 0 or flips <= 0 or mcnemar_power(n, flips, flips) < POWER:
        return None
    return float(brentq(lambda difference: mcnemar_power(n, flips, difference) - POWER, 0, flips, xtol=1e-6))


def examples_needed(difference: float, flips: float) -> int | None:
    """Return about how many test examples would show this difference at this share of flips; None past ten million."""
    difference = min(abs(difference), flips)
    if difference <= 0:
        return None
    low, high = 1, 64
    while mcnemar_power(high, flips, difference) < POWER:
        low, high = high, high * 2
        if high > _MOST_EXAMPLES:
            return None
    while high - low > max(1, low // 200):
        middle = (low + high) // 2
        low, high = (low, middle) if mcnemar_power(middle, flips, difference) >= POWER else (middle, high)
    return high


def _critical(discordant: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the largest number of the rarer kind of flip at which the exact test rejects; -1 for never."""
    guess = binom.ppf(ALPHA / 2, discordant, 0.5).astype(np.int64)
    too_large = binom.cdf(guess, discordant, 0.5) > ALPHA / 2
    return np.asarray(guess - too_large, dtype=np.int64)
