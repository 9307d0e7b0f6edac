import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import f1_score

from core.evaluation.comparison import compare, flips

RNG = np.random.default_rng(0)
TRUE = RNG.integers(0, 3, 600)


def noisy(share, seed):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(len(TRUE)) < share, rng.integers(0, 3, len(TRUE)), TRUE)


def test_a_clear_gain_helped_and_its_reverse_hurt():
    good, bad = noisy(0.1, 1), noisy(0.5, 2)
    assert compare(TRUE, good, bad, 3).verdict == "helped"
    assert compare(TRUE, bad, good, 3).verdict == "hurt"


def test_the_same_predictions_are_no_evidence():
    same = compare(TRUE, noisy(0.3, 1), noisy(0.3, 1), 3)
    assert (same.verdict, same.p, same.fixed, same.broken) == ("no evidence either way", 1.0, 0, 0)
    assert same.macro_f1.value == 0


def test_equally_noisy_runs_are_no_evidence():
    assert compare(TRUE, noisy(0.3, 1), noisy(0.3, 2), 3).verdict == "no evidence either way"


def test_differences_agree_with_scikit_learn_and_scipy():
    a, b = noisy(0.2, 3), noisy(0.3, 4)
    found = compare(TRUE, a, b, 3)
    macro = [f1_score(TRUE, one, average="macro") for one in (a, b)]
    assert found.macro_f1.value == pytest.approx(macro[0] - macro[1])
    per_class = f1_score(TRUE, a, average=None) - f1_score(TRUE, b, average=None)
    assert [gap.value for gap in found.class_f1] == pytest.approx(list(per_class))
    fixed, broken = ((a == TRUE) & (b != TRUE)).sum(), ((a != TRUE) & (b == TRUE)).sum()
    assert (found.fixed, found.broken) == (fixed, broken)
    assert found.p == pytest.approx(binomtest(int(fixed), int(fixed + broken)).pvalue)
    assert found.accuracy == pytest.approx((a == TRUE).mean() - (b == TRUE).mean())


def test_the_paired_interval_is_narrower_than_an_unpaired_one():
    a, b = noisy(0.20, 5), noisy(0.20, 5)
    b[:30] = (TRUE[:30] + 1) % 3
    found = compare(TRUE, a, b, 3).macro_f1
    assert found.high - found.low < 0.04


def test_a_class_that_is_not_there_has_no_difference():
    true = np.zeros(20, dtype=np.int64)
    assert compare(true, true, true, 2).class_f1[1].value is None


def test_every_example_is_one_of_four_flips():
    right_a, right_b = np.array([True, True, False, False]), np.array([False, True, True, False])
    assert flips(right_a, right_b).tolist() == ["fixed", "both right", "broken", "both wrong"]
