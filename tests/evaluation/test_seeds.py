import numpy as np
import pytest

from core.evaluation.comparison import compare
from core.evaluation.seeds import SeedSummary, compare_seeds, sign_flip_p, summarize_seeds

RNG = np.random.default_rng(0)
TRUE = RNG.integers(0, 2, 500)


def draw_seeds(error_rates, first=0):
    """Draw the predictions of several seeds with these error rates, [s, n]."""
    return np.stack(
        [
            np.where(np.random.default_rng(first + seed).random(len(TRUE)) < rate, 1 - TRUE, TRUE)
            for seed, rate in enumerate(error_rates)
        ]
    )


def test_one_seed_has_no_deviation():
    assert summarize_seeds([0.8]) == SeedSummary(0.8, None, 0.8, 0.8, 1)


def test_summary_has_mean_sample_deviation_and_range_of_the_defined_values():
    summary = summarize_seeds([0.8, 0.9, None, 0.7, float("nan")])
    assert vars(summary) == pytest.approx({"mean": 0.8, "deviation": 0.1, "lowest": 0.7, "highest": 0.9, "n": 3})
    assert summarize_seeds([None, float("nan")]) is None
    assert summarize_seeds([0.7, 0.9]).deviation == pytest.approx(0.2 / 2**0.5)


def test_better_configuration_helped():
    comparison = compare_seeds(TRUE, draw_seeds([0.1, 0.1, 0.1]), draw_seeds([0.3, 0.3, 0.3], 10), 2)
    assert (comparison.verdict, comparison.n, comparison.smallest_p) == ("helped", 500, 0.25)
    assert comparison.macro_f1.low < comparison.macro_f1.value < comparison.macro_f1.high
    assert comparison.macro_f1.value == pytest.approx(np.mean(comparison.per_seed))
    assert comparison.p_signs == 0.25


def test_difference_of_each_seed_is_that_of_its_pair():
    predicted_a, predicted_b = draw_seeds([0.1, 0.2]), draw_seeds([0.3, 0.2], 10)
    pairs = [
        compare(TRUE, a, b, 2, n_resamples=10).macro_f1.value for a, b in zip(predicted_a, predicted_b, strict=True)
    ]
    assert compare_seeds(TRUE, predicted_a, predicted_b, 2).per_seed == pytest.approx(tuple(pairs))


def test_seeds_that_disagree_widen_the_interval():
    alike = compare_seeds(TRUE, draw_seeds([0.15] * 3), draw_seeds([0.2] * 3, 10), 2).macro_f1
    varied = compare_seeds(TRUE, draw_seeds([0.02, 0.15, 0.28]), draw_seeds([0.2] * 3, 10), 2).macro_f1
    assert varied.high - varied.low > 1.5 * (alike.high - alike.low)


def test_one_seed_has_the_interval_over_examples():
    predicted_a, predicted_b = draw_seeds([0.1]), draw_seeds([0.2], 10)
    over_examples = compare(TRUE, predicted_a[0], predicted_b[0], 2).macro_f1
    over_seeds = compare_seeds(TRUE, predicted_a, predicted_b, 2).macro_f1
    assert (over_seeds.low, over_seeds.high) == pytest.approx((over_examples.low, over_examples.high), abs=0.006)


def test_sign_flip_test_of_few_seeds_cannot_be_significant():
    assert sign_flip_p(np.array([0.1, 0.2, 0.1])) == 0.25
    assert sign_flip_p(np.array([0.1] * 6)) == pytest.approx(2 / 64)
    assert sign_flip_p(np.array([0.1, -0.1])) == 1.0


def test_sign_flip_test_of_many_seeds_is_drawn():
    assert sign_flip_p(np.full(16, 0.1)) == 2 / 2**16
    assert sign_flip_p(np.full(20, 0.1)) < 0.01
    assert sign_flip_p(np.tile([0.1, -0.1], 10)) == 1.0
