"""Whether the gap between two runs on the same test set is real."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from core.evaluation.intervals import Estimate, bootstrap
from core.evaluation.metrics import f1_scores, macro_f1

Verdict = Literal["helped", "hurt", "no evidence either way"]
FLIPS = ("fixed", "broken", "both right", "both wrong")


@dataclass(frozen=True)
class Comparison:
    """Run A against run B: A minus B, on the same test examples.

    ``macro_f1`` and ``class_f1`` are differences; ``p`` is McNemar's exact p for accuracy;
    ``fixed`` counts what B had wrong and A has right, ``broken`` the reverse.
    """

    verdict: Verdict
    macro_f1: Estimate
    class_f1: tuple[Estimate, ...]
    accuracy: float
    p: float
    fixed: int
    broken: int
    n: int


def compare(
    true: NDArray[np.int64], predicted_a: NDArray[np.int64], predicted_b: NDArray[np.int64], classes: int
) -> Comparison:
    """Compare two runs example by example; all three arrays are [n] label codes in the same order.

    The interval of the macro-F1 difference is a paired bootstrap over (true, A, B) cells; the
    verdict is ``helped`` or ``hurt`` where it lies on one side of 0. Undefined differences (no
    examples) have no verdict but «no evidence».
    """
    right_a, right_b = predicted_a == true, predicted_b == true
    fixed, broken = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    cells, counts = np.unique(np.stack([true, predicted_a, predicted_b]), axis=1, return_counts=True)

    def differences(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        a, b = (_matrices(rows, cells[0], cells[side], classes) for side in (1, 2))
        per_class = np.nan_to_num(f1_scores(a)) - np.nan_to_num(f1_scores(b))
        per_class[:, counts_of_class == 0] = np.nan
        return np.column_stack([macro_f1(a) - macro_f1(b), per_class])

    counts_of_class = np.bincount(true, minlength=classes)
    overall, *per_class = bootstrap(differences, counts)
    return Comparison(
        verdict=_verdict(overall),
        macro_f1=overall,
        class_f1=tuple(per_class),
        accuracy=(fixed - broken) / len(true),
        p=float(binomtest(fixed, fixed + broken).pvalue) if fixed + broken else 1.0,
        fixed=fixed,
        broken=broken,
        n=len(true),
    )


def flips(right_a: NDArray[np.bool_], right_b: NDArray[np.bool_]) -> NDArray[np.str_]:
    """Say for each example how A's answer stands to B's: one of `FLIPS`, [n]."""
    both, a_only, b_only = right_a & right_b, right_a & ~right_b, ~right_a & right_b
    return np.select([a_only, b_only, both], list(FLIPS[:3]), FLIPS[3])


def _verdict(difference: Estimate) -> Verdict:
    if difference.low is not None and difference.low > 0:
        return "helped"
    if difference.high is not None and difference.high < 0:
        return "hurt"
    return "no evidence either way"


def _matrices(
    rows: NDArray[np.float64], true: NDArray[np.int64], predicted: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    """Sum counts of cells [b, c] into confusion matrices [b, k, k]."""
    place = np.zeros((len(true), classes * classes))
    place[np.arange(len(true)), true * classes + predicted] = 1
    return (rows @ place).reshape(len(rows), classes, classes)
