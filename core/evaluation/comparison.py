"""Paired comparison of two runs on the same test examples."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.evaluation.counts import ClassIndices, count_by_class
from core.evaluation.intervals import RESAMPLES, BootstrapResult, Estimate, Floats, holm, resample, sign_test
from core.evaluation.power import ALPHA, examples_needed, minimum_detectable_effect

Verdict = Literal["helped", "hurt", "no evidence either way"]
Flip = Literal["gained", "lost", "both correct", "both wrong"]
MARGIN = 0.01
"""Default margin of the non-inferiority and equivalence tests: one point of macro F1."""
_CHUNK = 4_000_000  # maximum number of counts in memory at once
_ROUNDING = 1e-12


@dataclass(frozen=True)
class ClassDifference:
    """Differences of one class, A minus B; ``p``: of the F1 difference, Holm-adjusted over the classes."""

    f1: Estimate
    recall: Estimate
    precision: Estimate
    p: float
    gained: int
    lost: int
    support: int


@dataclass(frozen=True)
class Margin:
    """Two one-sided tests of the macro-F1 difference against a margin (Schuirmann 1987).

    ``p_no_worse``: of non-inferiority, against A being worse than B by the margin or more; ``p_alike``:
    of equivalence, against a difference of the margin or more in either direction. Only a small
    ``p_alike`` shows that two runs are equivalent; a large p of their difference does not.
    """

    margin: float
    p_no_worse: float
    p_alike: float


@dataclass(frozen=True)
class Comparison:
    """Run A compared with run B, A minus B, on the same n test examples.

    ``p``: of the macro-F1 difference (paired permutation test); ``p_accuracy``: of the accuracy difference
    (exact McNemar). ``gained``: examples that only A predicts correctly; ``lost``: those that only B
    does. ``detectable``: the minimum detectable effect in accuracy; ``needed``: the number of examples
    that would show the observed difference in accuracy. Both are None if there is none.
    """

    verdict: Verdict
    macro_f1: Estimate
    p: float
    accuracy: Estimate
    p_accuracy: float
    classes: tuple[ClassDifference, ...]
    margin: Margin
    gained: int
    lost: int
    n: int
    detectable: float | None
    needed: int | None


def compare(
    true: ClassIndices,
    predicted_a: ClassIndices,
    predicted_b: ClassIndices,
    classes: int,
    margin: float = MARGIN,
    n_resamples: int = RESAMPLES,
) -> Comparison:
    """Compare two runs example by example; the arrays are [n] class indices in the same order.

    The interval of the macro-F1 difference is from a paired bootstrap over the cells of (true, A, B), with
    tails expanded for rare classes. The verdict is ``helped`` or ``hurt`` if the interval excludes 0 and
    the p of the paired permutation test is below .05. Raises `ValueError` for no examples.
    """
    if len(true) == 0:
        raise ValueError("cannot compare two runs on no examples")
    cells, counts = np.unique(np.stack([true, predicted_a, predicted_b]), axis=1, return_counts=True)
    resampled = resample(_differences(cells, classes), counts, cells[0], n_resamples=n_resamples)
    macro_f1, accuracy, *per_class = resampled.estimates()
    p = _permutation_p(cells, counts, classes, n_resamples)
    gained, lost = _flips_by_class(true, predicted_a, predicted_b, classes)
    flipped = int((gained + lost).sum())
    observed = float((gained - lost).sum() / len(true))
    support = np.bincount(true, minlength=classes)
    return Comparison(
        verdict=verdict_of(macro_f1, float(p[0])),
        macro_f1=macro_f1,
        p=float(p[0]),
        accuracy=accuracy,
        p_accuracy=sign_test(int(gained.sum()), int(lost.sum())),
        classes=_class_differences(per_class, p[2 : 2 + classes], gained, lost, support),
        margin=_test_margin(resampled, margin),
        gained=int(gained.sum()),
        lost=int(lost.sum()),
        n=len(true),
        detectable=minimum_detectable_effect(len(true), flipped / len(true)),
        needed=examples_needed(observed, flipped / len(true)) if observed else None,
    )


def flips(correct_a: NDArray[np.bool_], correct_b: NDArray[np.bool_]) -> NDArray[np.str_]:
    """Return for each example which of the two runs is correct, as a `Flip` of A relative to B, [n]."""
    return np.select(
        [correct_a & ~correct_b, ~correct_a & correct_b, correct_a & correct_b],
        ["gained", "lost", "both correct"],
        "both wrong",
    )


def _differences(cells: ClassIndices, classes: int) -> Callable[[Floats], Floats]:
    """Return a function from counts of cells, [b, c], to differences A minus B, [b, 2 + 3k].

    The columns are macro F1, accuracy, then F1, recall and precision of each class.
    """
    true, a, b = cells
    present = np.bincount(true, minlength=classes) > 0

    def differences(counts: Floats) -> Floats:
        counts_a, counts_b = count_by_class(counts, true, a, classes), count_by_class(counts, true, b, classes)
        total = np.maximum(counts.sum(axis=1), 1)  # 0 without the only example, in the jackknife
        f1 = np.where(present, np.nan_to_num(counts_a.f1()) - np.nan_to_num(counts_b.f1()), np.nan)
        return np.column_stack(
            [
                counts_a.macro_f1() - counts_b.macro_f1(),
                (counts_a.true_positives.sum(axis=1) - counts_b.true_positives.sum(axis=1)) / total,
                f1,
                counts_a.recall() - counts_b.recall(),
                counts_a.precision() - counts_b.precision(),
            ]
        )

    return differences


def _permutation_p(
    cells: ClassIndices, counts: NDArray[np.int64], classes: int, n_resamples: int, seed: int = 0
) -> Floats:
    """Return two-sided p values of the differences, [m], under swaps of the two runs' predictions.

    Each example's predictions are swapped with a probability of 0.5: from each cell a binomial number
    of examples moves to the mirrored cell. A swap changes nothing for examples on which the runs agree.
    """
    rng = np.random.default_rng(seed)
    differing = cells[1] != cells[2]
    differences = _differences(np.concatenate([cells, cells[:, differing][[0, 2, 1]]], axis=1), classes)
    original = counts.astype(np.float64)
    observed = np.abs(differences(np.concatenate([original, np.zeros(differing.sum())])[None])[0])
    reached = np.zeros_like(observed)
    step = max(1, _CHUNK // len(counts))
    for start in range(0, n_resamples, step):
        size = min(step, n_resamples - start)
        swapped = rng.binomial(counts[differing], 0.5, size=(size, int(differing.sum())))
        unchanged = np.tile(original, (size, 1))
        unchanged[:, differing] -= swapped
        permuted = np.abs(differences(np.concatenate([unchanged, swapped], axis=1)))
        reached += (permuted >= observed - _ROUNDING).sum(axis=0)
    return np.asarray(np.where(np.isfinite(observed), (reached + 1) / (n_resamples + 1), 1.0))


def _class_differences(
    estimates: list[Estimate], p: Floats, gained: NDArray[np.int64], lost: NDArray[np.int64], support: NDArray[np.int64]
) -> tuple[ClassDifference, ...]:
    classes = len(support)
    f1, recall, precision = (estimates[start : start + classes] for start in range(0, 3 * classes, classes))
    adjusted = holm(p.tolist())
    return tuple(
        ClassDifference(
            f1=f1[index],
            recall=recall[index],
            precision=precision[index],
            p=adjusted[index],
            gained=int(gained[index]),
            lost=int(lost[index]),
            support=int(support[index]),
        )
        for index in range(classes)
    )


def _flips_by_class(
    true: ClassIndices, predicted_a: ClassIndices, predicted_b: ClassIndices, classes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the numbers of gained and lost examples of each class, [k] and [k]."""
    correct_a, correct_b = predicted_a == true, predicted_b == true
    flipped = (correct_a & ~correct_b, ~correct_a & correct_b)
    gained, lost = (np.bincount(true[examples], minlength=classes) for examples in flipped)
    return gained, lost


def _test_margin(resampled: BootstrapResult, margin: float) -> Margin:
    replicates = resampled.replicates[:, 0]
    worse = float((np.sum(replicates <= -margin) + 1) / (len(replicates) + 1))
    better = float((np.sum(replicates >= margin) + 1) / (len(replicates) + 1))
    return Margin(margin, p_no_worse=worse, p_alike=max(worse, better))


def verdict_of(difference: Estimate, p: float | None = None) -> Verdict:
    """Return ``helped`` or ``hurt`` if the interval excludes 0 and p is below α.

    The two mostly agree. With a rare class the interval can be too narrow, while the permutation test
    is exact for any number of examples. Without a p, as for a few seeds, the verdict depends on the
    interval only.
    """
    if p is not None and p >= ALPHA:
        return "no evidence either way"
    if difference.low is not None and difference.low > 0:
        return "helped"
    if difference.high is not None and difference.high < 0:
        return "hurt"
    return "no evidence either way"
