"""Summary of one configuration over several seeds, and comparison of two configurations."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.evaluation.comparison import Verdict, verdict_of
from core.evaluation.counts import ClassIndices, count_by_class
from core.evaluation.intervals import RESAMPLES, TAILS, Estimate, Floats

_CHUNK = 4_000_000  # maximum number of resampled counts in memory at once
_MAX_EXACT_SEEDS = 16
_ROUNDING = 1e-12


@dataclass(frozen=True)
class SeedSummary:
    """A figure over n seeds; ``deviation``: the sample standard deviation, None for one seed."""

    mean: float
    deviation: float | None
    lowest: float
    highest: float
    n: int


@dataclass(frozen=True)
class SeedComparison:
    """Configuration A compared with configuration B over s common seeds, on n test examples.

    ``macro_f1``: the mean difference with its interval from a bootstrap over seeds and examples;
    ``p_signs``: of the sign-flip test over the seeds; ``smallest_p``: its minimum for s seeds.
    """

    verdict: Verdict
    macro_f1: Estimate
    per_seed: tuple[float, ...]
    p_signs: float
    smallest_p: float
    n: int


def summarize_seeds(values: Sequence[float | None]) -> SeedSummary | None:
    """Return mean, standard deviation and range of a figure over seeds; None if no seed has it."""
    defined = np.array([value for value in values if value is not None and np.isfinite(value)], dtype=np.float64)
    if len(defined) == 0:
        return None
    deviation = float(defined.std(ddof=1)) if len(defined) > 1 else None
    return SeedSummary(float(defined.mean()), deviation, float(defined.min()), float(defined.max()), len(defined))


def compare_seeds(
    true: ClassIndices, predicted_a: ClassIndices, predicted_b: ClassIndices, classes: int, seed: int = 0
) -> SeedComparison:
    """Compare two configurations; ``true``: [n]; the predictions: [s, n], paired by seed.

    Seeds and examples are both resampled (arXiv 2106.16163): the interval applies to the configurations,
    not only to these runs. With one seed only the examples are resampled.
    """
    replicates, observed = _resample_differences(true, predicted_a, predicted_b, classes, seed)
    rng = np.random.default_rng(seed)
    seeds = len(observed)
    resampled_seeds = rng.integers(0, seeds, size=replicates.shape)
    means = np.take_along_axis(replicates, resampled_seeds, axis=1).mean(axis=1)
    low, high = np.quantile(means, TAILS)
    estimate = Estimate(float(observed.mean()), float(low), float(high))
    return SeedComparison(
        verdict=verdict_of(estimate),
        macro_f1=estimate,
        per_seed=tuple(float(difference) for difference in observed),
        p_signs=sign_flip_p(observed),
        smallest_p=min(1.0, 2 / 2**seeds),
        n=len(true),
    )


def sign_flip_p(differences: NDArray[np.float64]) -> float:
    """Return the two-sided p of s paired differences under random signs, from 2¹⁶ draws for more than 16 seeds."""
    seeds = len(differences)
    if seeds <= _MAX_EXACT_SEEDS:
        signs = 1 - 2 * ((np.arange(2**seeds)[:, None] >> np.arange(seeds)) & 1)
    else:
        signs = np.random.default_rng(0).choice([-1, 1], size=(2**_MAX_EXACT_SEEDS, seeds))
    reached = np.abs(signs @ differences) >= np.abs(differences.sum()) - _ROUNDING
    return float(reached.mean())


def _resample_differences(
    true: ClassIndices, predicted_a: ClassIndices, predicted_b: ClassIndices, classes: int, seed: int
) -> tuple[Floats, Floats]:
    """Return the macro-F1 difference of each seed on the same resampled examples, [b, s], and as observed, [s]."""
    cells, counts = np.unique(np.vstack([true[None], predicted_a, predicted_b]), axis=1, return_counts=True)
    a, b = np.split(cells[1:], 2)

    def macro_f1(rows: Floats, predicted: ClassIndices) -> Floats:
        return count_by_class(rows, cells[0], predicted, classes).macro_f1()

    def differences(rows: Floats) -> Floats:
        return np.column_stack(
            [macro_f1(rows, seed_a) - macro_f1(rows, seed_b) for seed_a, seed_b in zip(a, b, strict=True)]
        )

    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // len(counts))
    shares = counts / counts.sum()
    replicates = [
        differences(rng.multinomial(len(true), shares, size=min(step, RESAMPLES - start)).astype(np.float64))
        for start in range(0, RESAMPLES, step)
    ]
    return np.concatenate(replicates), differences(counts.astype(np.float64)[None])[0]
