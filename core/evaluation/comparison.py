"""Whether the gap between two runs on the same test set is real."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.evaluation.counts import tally
from core.evaluation.intervals import RESAMPLES, Estimate, Floats, Resampled, holm, resample, sign_test
from core.evaluation.power import ALPHA, examples_needed, minimum_detectable_effect

Verdict = Literal["helped", "hurt", "no evidence either way"]
Codes = NDArray[np.int64]
FLIPS = ("fixed", "broken", "both right", "both wrong")
MARGIN = 0.01
"""How much worse still counts as no worse, where nobody says otherwise: one point."""
_CHUNK = 4_000_000  # counts held at once
_ROUNDING = 1e-12


@dataclass(frozen=True)
class ClassDifference:
    """One class: A minus B in F1, recall and precision; ``p`` of the F1 difference, Holm-adjusted over the classes."""

    f1: Estimate
    recall: Estimate
    precision: Estimate
    p: float
    fixed: int
    broken: int
    support: int


@dataclass(frozen=True)
class Margin:
    """Two one-sided tests of the macro-F1 difference against a margin (Schuirmann 1987).

    ``p_no_worse``: against A being worse than B by the margin or more; ``p_alike``: against the two
    differing by the margin or more, either way. A large p of a difference is no proof of likeness;
    a small one of these is.
    """

    margin: float
    p_no_worse: float
    p_alike: float


@dataclass(frozen=True)
class Comparison:
    """Run A against run B: A minus B, on the same n test examples.

    ``p`` belongs to the macro-F1 difference (swap permutation), ``p_accuracy`` to the accuracies
    (exact McNemar). ``fixed`` counts what B had wrong and A has right, ``broken`` the reverse.
    ``detectable`` is the smallest difference in accuracy that this test set could show,
    ``needed`` the number of examples that the observed one would take; None where there is none.
    """

    verdict: Verdict
    macro_f1: Estimate
    p: float
    accuracy: Estimate
    p_accuracy: float
    classes: tuple[ClassDifference, ...]
    margin: Margin
    fixed: int
    broken: int
    n: int
    detectable: float | None
    needed: int | None


def compare(
    true: Codes,
    predicted_a: Codes,
    predicted_b: Codes,
    classes: int,
    margin: float = MARGIN,
    draws: int = RESAMPLES,
) -> Comparison:
    """Compare two runs example by example; all three arrays are [n] label codes in the same order.

    The interval of the macro-F1 difference is a paired bootstrap over the (true, A, B) cells, its
    tails expanded where a rare class carries the variance; the verdict is ``helped`` or ``hurt``
    where it lies on one side of 0 and the swap permutation's p is below .05. Raises `ValueError` for no examples.
    """
    if len(true) == 0:
        raise ValueError("two runs can't be compared on no examples")
    cells, counts = np.unique(np.stack([true, predicted_a, predicted_b]), axis=1, return_counts=True)
    resampled = resample(_differences(cells, classes), counts, cells[0], draws=draws)
    macro_f1, accuracy, *per_class = resampled.estimates()
    p = _swap_p(cells, counts, classes, draws)
    fixed, broken = _flips_by_class(true, predicted_a, predicted_b, classes)
    flipped = int((fixed + broken).sum())
    observed = float((fixed - broken).sum() / len(true))
    return Comparison(
        verdict=verdict_of(macro_f1, float(p[0])),
        macro_f1=macro_f1,
        p=float(p[0]),
        accuracy=accuracy,
        p_accuracy=sign_test(int(fixed.sum()), int(broken.sum())),
        classes=_class_differences(per_class, p[2 : 2 + classes], fixed, broken, np.bincount(true, minlength=classes)),
        margin=_margin(resampled, margin),
        fixed=int(fixed.sum()),
        broken=int(broken.sum()),
        n=len(true),
        detectable=minimum_detectable_effect(len(true), flipped / len(true)),
        needed=examples_needed(observed, flipped / len(true)) if observed else None,
    )


def flips(right_a: NDArray[np.bool_], right_b: NDArray[np.bool_]) -> NDArray[np.str_]:
    """Say for each example how A's answer stands to B's: one of `FLIPS`, [n]."""
    both, a_only, b_only = right_a & right_b, right_a & ~right_b, ~right_a & right_b
    return np.select([a_only, b_only, both], list(FLIPS[:3]), FLIPS[3])


def flip_matrices(true: Codes, predicted_a: Codes, predicted_b: Codes, classes: int) -> tuple[Codes, Codes]:
    """Count repaired and damaged confusions: [k, k] each, true class by the wrong class it was taken for.

    Repaired: B took it for another class, A has it right. Damaged: B had it right, A takes it for another.
    """
    right_a, right_b = predicted_a == true, predicted_b == true

    def count(chosen: NDArray[np.bool_], taken_for: Codes) -> Codes:
        flat = np.bincount(true[chosen] * classes + taken_for[chosen], minlength=classes**2)
        return flat.reshape(classes, classes)

    return count(right_a & ~right_b, predicted_b), count(right_b & ~right_a, predicted_a)


def _differences(cells: Codes, classes: int) -> Callable[[Floats], Floats]:
    """Return what maps counts of cells [b, c] to A minus B: macro F1, accuracy, then F1, recall, precision a class."""
    true, a, b = cells
    there = np.bincount(true, minlength=classes) > 0

    def differences(rows: Floats) -> Floats:
        ours, theirs = tally(rows, true, a, classes), tally(rows, true, b, classes)
        total = np.maximum(rows.sum(axis=1), 1)  # 0 where the only example is left out
        # What one of the runs leaves undefined has no difference: NaN.
        f1 = np.where(there, np.nan_to_num(ours.f1()) - np.nan_to_num(theirs.f1()), np.nan)
        return np.column_stack(
            [
                ours.macro_f1() - theirs.macro_f1(),
                (ours.true_positives.sum(axis=1) - theirs.true_positives.sum(axis=1)) / total,
                f1,
                ours.recall() - theirs.recall(),
                ours.precision() - theirs.precision(),
            ]
        )

    return differences


def _swap_p(cells: Codes, counts: Codes, classes: int, draws: int, seed: int = 0) -> Floats:
    """Return two-sided p values of the differences, [m], under exchange of the two runs' answers.

    Each example's answers are exchanged with chance one half. Of a cell's examples a binomial number
    is, and stands in the mirrored cell; where the runs agree, exchanging does nothing.
    """
    rng = np.random.default_rng(seed)
    differing = cells[1] != cells[2]
    differences = _differences(np.concatenate([cells, cells[:, differing][[0, 2, 1]]], axis=1), classes)
    seen = counts.astype(np.float64)
    observed = np.abs(differences(np.concatenate([seen, np.zeros(differing.sum())])[None])[0])
    reached = np.zeros_like(observed)
    step = max(1, _CHUNK // len(counts))
    for start in range(0, draws, step):
        size = min(step, draws - start)
        moved = rng.binomial(counts[differing], 0.5, size=(size, int(differing.sum())))
        stayed = np.tile(seen, (size, 1))
        stayed[:, differing] -= moved
        drawn = np.abs(differences(np.concatenate([stayed, moved], axis=1)))
        reached += (drawn >= observed - _ROUNDING).sum(axis=0)
    return np.asarray(np.where(np.isfinite(observed), (reached + 1) / (draws + 1), 1.0))


def _class_differences(
    estimates: list[Estimate], p: Floats, fixed: Codes, broken: Codes, support: Codes
) -> tuple[ClassDifference, ...]:
    classes = len(support)
    f1, recall, precision = (estimates[part * classes : (part + 1) * classes] for part in range(3))
    adjusted = holm([float(one) for one in p])
    return tuple(
        ClassDifference(
            f1=f1[code],
            recall=recall[code],
            precision=precision[code],
            p=adjusted[code],
            fixed=int(fixed[code]),
            broken=int(broken[code]),
            support=int(support[code]),
        )
        for code in range(classes)
    )


def _flips_by_class(true: Codes, predicted_a: Codes, predicted_b: Codes, classes: int) -> tuple[Codes, Codes]:
    repaired, damaged = flip_matrices(true, predicted_a, predicted_b, classes)
    return repaired.sum(axis=1), damaged.sum(axis=1)


def _margin(resampled: Resampled, margin: float) -> Margin:
    draws = resampled.draws[:, 0]
    worse = float((np.sum(draws <= -margin) + 1) / (len(draws) + 1))
    better = float((np.sum(draws >= margin) + 1) / (len(draws) + 1))
    return Margin(margin, p_no_worse=worse, p_alike=max(worse, better))


def verdict_of(difference: Estimate, p: float | None = None) -> Verdict:
    """Return what a difference says: its interval on one side of 0, and its p below α, or no evidence.

    The two mostly agree. Where a class is rare the interval can be too narrow; the exchange of
    answers is exact however few there are. Over a few seeds no p can be small: there the interval
    decides alone.
    """
    if p is not None and p >= ALPHA:
        return "no evidence either way"
    if difference.low is not None and difference.low > 0:
        return "helped"
    if difference.high is not None and difference.high < 0:
        return "hurt"
    return "no evidence either way"
