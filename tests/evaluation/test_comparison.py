from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import f1_score, precision_score, recall_score

from core.evaluation import comparison as comparison_module
from core.evaluation.comparison import _test_margin, compare, flips, verdict_of
from core.evaluation.intervals import BootstrapResult, Estimate, holm

RNG = np.random.default_rng(0)
TRUE = RNG.integers(0, 3, 600)


def draw_predictions(error_rate, seed):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(len(TRUE)) < error_rate, rng.integers(0, 3, len(TRUE)), TRUE)


def test_clear_gain_helped_and_its_reverse_hurt():
    good, bad = draw_predictions(0.1, 1), draw_predictions(0.5, 2)
    assert compare(TRUE, good, bad, 3).verdict == "helped"
    assert compare(TRUE, bad, good, 3).verdict == "hurt"


def test_equal_predictions_are_no_evidence():
    same = compare(TRUE, draw_predictions(0.3, 1), draw_predictions(0.3, 1), 3)
    assert (same.verdict, same.p, same.gained, same.lost) == ("no evidence either way", 1.0, 0, 0)
    assert same.macro_f1.value == 0


def test_equally_good_runs_are_no_evidence():
    assert compare(TRUE, draw_predictions(0.3, 1), draw_predictions(0.3, 2), 3).verdict == "no evidence either way"


def test_differences_agree_with_scikit_learn_and_scipy():
    a, b = draw_predictions(0.2, 3), draw_predictions(0.3, 4)
    comparison = compare(TRUE, a, b, 3)
    macro = [f1_score(TRUE, predicted, average="macro") for predicted in (a, b)]
    assert comparison.macro_f1.value == pytest.approx(macro[0] - macro[1])
    for name, score in (("f1", f1_score), ("recall", recall_score), ("precision", precision_score)):
        expected = score(TRUE, a, average=None) - score(TRUE, b, average=None)
        assert [getattr(class_, name).value for class_ in comparison.classes] == pytest.approx(list(expected))
    gained, lost = ((a == TRUE) & (b != TRUE)).sum(), ((a != TRUE) & (b == TRUE)).sum()
    assert (comparison.gained, comparison.lost) == (gained, lost)
    assert sum(class_.gained for class_ in comparison.classes) == gained
    assert comparison.p_accuracy == pytest.approx(binomtest(int(gained), int(gained + lost)).pvalue)
    assert comparison.accuracy.value == pytest.approx((a == TRUE).mean() - (b == TRUE).mean())
    assert comparison.accuracy.low < comparison.accuracy.value < comparison.accuracy.high


def test_paired_interval_is_narrower_than_an_unpaired_one():
    a, b = draw_predictions(0.20, 5), draw_predictions(0.20, 5)
    b[:30] = (TRUE[:30] + 1) % 3
    difference = compare(TRUE, a, b, 3).macro_f1
    assert difference.high - difference.low < 0.04


def test_missing_class_has_no_difference():
    true = np.zeros(20, dtype=np.int64)
    absent = compare(true, true, true, 2).classes[1]
    assert absent.f1.value is absent.recall.value is None
    assert (absent.support, absent.p) == (0, 1)


def all_differences(true, a, b):
    """Return the differences A minus B that are tested: macro F1, then the F1 of each of two classes."""
    f1_a, f1_b = (f1_score(true, predicted, average=None, labels=[0, 1], zero_division=0) for predicted in (a, b))
    return np.array([f1_a.mean() - f1_b.mean(), *(f1_a - f1_b)])


def test_p_agrees_with_all_swaps_of_the_two_runs():
    rng = np.random.default_rng(1)
    true = np.array([0, 1] * 10)
    a, b = (np.where(rng.random(20) < rate, 1 - true, true) for rate in (0.15, 0.5))
    differing = np.flatnonzero(a != b)
    assert 6 <= len(differing) <= 12
    observed, reached = np.abs(all_differences(true, a, b)), np.zeros(3)
    for swaps in product([False, True], repeat=len(differing)):
        swapped = differing[list(swaps)]
        x, y = a.copy(), b.copy()
        x[swapped], y[swapped] = b[swapped], a[swapped]
        reached += np.abs(all_differences(true, x, y)) >= observed - 1e-12
    macro, *per_class = reached / 2 ** len(differing)
    comparison = compare(true, a, b, 2)
    assert comparison.p == pytest.approx(macro, abs=0.015)
    assert [class_.p for class_ in comparison.classes] == pytest.approx(holm(per_class), abs=0.03)


def test_p_is_never_zero():
    true = np.array([0, 1] * 100)
    assert compare(true, true, 1 - true, 2, n_resamples=99).p == 0.01


def test_comparison_does_not_depend_on_the_chunk_size(monkeypatch):
    a, b = draw_predictions(0.2, 3), draw_predictions(0.3, 4)
    at_once = compare(TRUE, a, b, 3, n_resamples=99)
    for chunk in (1, 400):
        monkeypatch.setattr(comparison_module, "_CHUNK", chunk)
        in_parts = compare(TRUE, a, b, 3, n_resamples=99)
        assert in_parts.p == pytest.approx(at_once.p, abs=0.1)
        assert compare(TRUE, a, a, 3, n_resamples=99).p == 1  # 99 of 99 permutations reach a difference of 0


def test_equivalence_needs_a_small_p_of_the_margin_test():
    few, many = np.tile(TRUE[:20], 1), np.tile(TRUE, 30)
    assert compare(few, few, few, 3).margin.p_no_worse < 0.05  # no difference at all
    a, b = draw_predictions(0.3, 1), draw_predictions(0.3, 2)
    assert compare(TRUE[:60], a[:60], b[:60], 3).margin.p_no_worse > 0.05
    wide = compare(many, np.tile(a, 30), np.tile(a, 30), 3).margin
    assert (wide.p_no_worse < 0.05, wide.p_alike < 0.05) == (True, True)


def test_margin_test_counts_the_replicates_beyond_the_margin_on_either_side():
    replicates = np.array([[-0.02], [-0.01], [0.0], [0.005], [0.01], [0.02], [0.03], [0.04], [0.05]])
    resampled = BootstrapResult(np.zeros(1), replicates, None, np.ones(1))
    assert vars(_test_margin(resampled, 0.01)) == {"margin": 0.01, "p_no_worse": 0.3, "p_alike": 0.6}
    assert vars(_test_margin(resampled, 0.02)) == {"margin": 0.02, "p_no_worse": 0.2, "p_alike": 0.5}


def test_no_evidence_comes_with_the_detectable_effect_and_the_examples_needed():
    a, b = draw_predictions(0.28, 1)[:150], draw_predictions(0.3, 2)[:150]
    comparison = compare(TRUE[:150], a, b, 3)
    assert comparison.verdict == "no evidence either way"
    assert comparison.detectable > abs(comparison.accuracy.value)
    assert comparison.needed is None or comparison.needed > 150


def test_flips_are_counted_by_true_class():
    true, a, b = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2]), np.array([2, 0, 1, 0])
    classes = compare(true, a, b, 3, n_resamples=10).classes
    assert [(class_.gained, class_.lost) for class_ in classes] == [(1, 1), (0, 0), (1, 0)]


def test_p_of_classes_are_holm_adjusted():
    comparison = compare(TRUE, draw_predictions(0.2, 3), draw_predictions(0.3, 4), 3)
    assert all(class_.p <= 1 for class_ in comparison.classes)
    assert max(class_.p for class_ in comparison.classes) >= comparison.p / 3


@pytest.mark.parametrize("classes", [2, 150])
def test_edge_cases_have_a_defined_result(classes):
    true = np.array([0, 1] * 5)
    comparison = compare(true, true, 1 - true, classes)
    assert comparison.verdict == "helped"
    assert len(comparison.classes) == classes
    single = compare(np.array([1]), np.array([1]), np.array([0]), classes)
    assert single.n == 1
    assert single.detectable is None


def test_comparison_of_no_examples_is_refused():
    with pytest.raises(ValueError, match="no examples"):
        compare(np.array([], dtype=np.int64), np.array([], dtype=np.int64), np.array([], dtype=np.int64), 2)


def test_each_example_has_one_of_four_flips():
    correct_a, correct_b = np.array([True, True, False, False]), np.array([False, True, True, False])
    assert flips(correct_a, correct_b).tolist() == ["gained", "both correct", "lost", "both wrong"]


@pytest.mark.parametrize("seed", range(6))
def test_random_cases_agree_with_scikit_learn_and_scipy(seed):
    rng = np.random.default_rng(seed)
    classes, n = int(rng.integers(2, 7)), int(rng.integers(30, 300))
    true = np.concatenate([np.arange(classes), rng.integers(0, classes, n)])
    a, b = (np.where(rng.random(len(true)) < 0.3, rng.integers(0, classes, len(true)), true) for _ in range(2))
    comparison = compare(true, a, b, classes, n_resamples=200)
    macro = [f1_score(true, predicted, average="macro") for predicted in (a, b)]
    assert comparison.macro_f1.value == pytest.approx(macro[0] - macro[1])
    assert comparison.macro_f1.low <= comparison.macro_f1.value <= comparison.macro_f1.high
    gained, lost = int(((a == true) & (b != true)).sum()), int(((a != true) & (b == true)).sum())
    assert comparison.p_accuracy == pytest.approx(binomtest(gained, gained + lost).pvalue if gained + lost else 1)


def test_equally_good_runs_rarely_get_a_verdict_even_with_a_rare_class():
    verdicts = 0
    for trial in range(150):
        rng = np.random.default_rng(trial)
        true = rng.choice(3, size=200, p=[0.475, 0.475, 0.05])
        a, b = (np.where(rng.random(200) < 0.25, rng.choice(3, size=200, p=[0.45, 0.45, 0.1]), true) for _ in range(2))
        verdicts += compare(true, a, b, 3, n_resamples=500).verdict != "no evidence either way"
    assert verdicts / 150 <= 0.05 + 3 * (0.05 * 0.95 / 150) ** 0.5


@pytest.mark.parametrize(
    ("low", "high", "p", "verdict"),
    [
        (0.01, 0.06, 0.01, "helped"),
        (0.01, 0.06, 0.049, "helped"),
        (0.01, 0.06, 0.05, "no evidence either way"),
        (0.0, 0.06, 0.01, "no evidence either way"),
        (-0.06, -0.01, 0.01, "hurt"),
        (-0.06, -0.01, 0.16, "no evidence either way"),
        (-0.06, 0.0, 0.01, "no evidence either way"),
        (0.01, 0.06, None, "helped"),
        (-0.06, -0.01, None, "hurt"),
        (None, None, 0.01, "no evidence either way"),
    ],
)
def test_verdict_needs_an_interval_that_excludes_0_and_a_small_p(low, high, p, verdict):
    assert verdict_of(Estimate(0.03, low, high), p) == verdict
