"""Several seeds of one configuration: their spread, and whether two configurations differ."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.evaluation.comparison import Codes, Verdict, verdict_of
from core.evaluation.counts import tally
from core.evaluation.intervals import RESAMPLES, TAILS, Estimate, Floats

_CHUNK = 4_000_000  # resampled counts held at once


@dataclass(frozen=True)
class SeedSummary:
    """One figure over the seeds: n = 1 has no deviation."""

    mean: float
    deviation: float | None
    lowest: float
    highest: float
    n: int


@dataclass(frozen=True)
class GroupComparison:
    """Configuration A against B over s seeds that both have, on n test examples.

    ``macro_f1``: mean difference with the interval of a bootstrap over seeds and examples;
    ``p_signs``: the sign-flip test over the seeds, which can't fall below ``smallest_p``.
    """

    verdict: Verdict
    macro_f1: Estimate
    per_seed: tuple[float, ...]
    p_signs: float
    smallest_p: float
    n: int


def spread(values: Sequence[float | None]) -> SeedSummary | None:
    """Return mean, sample deviation and range of one figure over seeds; None where no seed has it."""
    found = np.array([value for value in values if value is not None and np.isfinite(value)], dtype=np.float64)
    if len(found) == 0:
        return None
    deviation = float(found.std(ddof=1)) if len(found) > 1 else None
    return SeedSummary(float(found.mean()), deviation, float(found.min()), float(found.max()), len(found))


def compare_groups(true: Codes, predicted_a: Codes, predicted_b: Codes, classes: int, seed: int = 0) -> GroupComparison:
    """Compare two configurations; ``true``: [n], the predictions: [s, n], row for row of the same seed.

    Seeds and examples are both resampled (arXiv 2106.16163): the interval speaks of the
    configuration, not of these adapters. With one seed only the examples are.
    """
    per_seed_draws, observed = _resampled_differences(true, predicted_a, predicted_b, classes, seed)
    rng = np.random.default_rng(seed)
    seeds = len(observed)
    chosen = rng.integers(0, seeds, size=per_seed_draws.shape)
    means = np.take_along_axis(per_seed_draws, chosen, axis=1).mean(axis=1)
    low, high = np.quantile(means, TAILS)
    estimate = Estimate(float(observed.mean()), float(low), float(high))
    return GroupComparison(
        verdict=verdict_of(estimate),
        macro_f1=estimate,
        per_seed=tuple(float(one) for one in observed),
        p_signs=sign_flip_p(observed),
        smallest_p=min(1.0, 2 / 2**seeds),
        n=len(true),
    )


def sign_flip_p(differences: NDArray[np.float64]) -> float:
    """Return the exact two-sided p of s paired differences under random signs; all 2ˢ, at most 2¹⁶ drawn."""
    seeds = len(differences)
    if seeds <= 16:
        signs = 1 - 2 * ((np.arange(2**seeds)[:, None] >> np.arange(seeds)) & 1)
    else:
        signs = np.random.default_rng(0).choice([-1, 1], size=(2**16, seeds))
    reached = np.abs(signs @ differences) >= np.abs(differences.sum()) - 1e-12
    return float(reached.mean())


def _resampled_differences(
    true: Codes, predicted_a: Codes, predicted_b: Codes, classes: int, seed: int
) -> tuple[Floats, Floats]:
    """Return the macro-F1 differences of every seed on the same resampled examples, [b, s], and as observed, [s]."""
    cells, counts = np.unique(np.vstack([true[None], predicted_a, predicted_b]), axis=1, return_counts=True)
    a, b = np.split(cells[1:], 2)

    def differences(rows: Floats) -> Floats:
        return np.column_stack(
            [
                tally(rows, cells[0], ours, classes).macro_f1() - tally(rows, cells[0], theirs, classes).macro_f1()
                for ours, theirs in zip(a, b, strict=True)
            ]
        )

    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // len(counts))
    shares = counts / counts.sum()
    draws = [
        differences(rng.multinomial(len(true), shares, size=min(step, RESAMPLES - start)).astype(np.float64))
        for start in range(0, RESAMPLES, step)
    ]
    return np.concatenate(draws), differences(counts.astype(np.float64)[None])[0]
