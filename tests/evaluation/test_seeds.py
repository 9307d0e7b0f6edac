import numpy as np
import pytest

from core.evaluation.comparison import compare
from core.evaluation.seeds import compare_seeds, sign_flip_p, summarize_seeds

RNG = np.random.default_rng(0)
TRUE = RNG.integers(0, 2, 500)


def seeds(shares, first=0):
    """Predictions of several seeds, each wrong on about a share of the examples."""
    return np.stack(
        [
            np.where(np.random.default_rng(first + i).random(len(TRUE)) < share, 1 - TRUE, TRUE)
            for i, share in enumerate(shares)
        ]
    )


def test_the_spread_of_one_seed_has_no_deviation():
    one = summarize_seeds([0.8])
    assert (one.mean, one.deviation, one.n) == (0.8, None, 1)


def test_the_spread_is_mean_deviation_and_range():
    found = summarize_seeds([0.8, 0.9, None, 0.7])
    assert (found.mean, found.deviation, found.lowest, found.highest, found.n) == pytest.approx((0.8, 0.1, 0.7, 0.9, 3))
    assert summarize_seeds([None, float("nan")]) is None


def test_a_better_configuration_helped():
    found = compare_seeds(TRUE, seeds([0.1, 0.1, 0.1]), seeds([0.3, 0.3, 0.3], 10), 2)
    assert found.verdict == "helped"
    assert found.macro_f1.low < found.macro_f1.value < found.macro_f1.high
    assert found.macro_f1.value == pytest.approx(np.mean(found.per_seed))


def test_seeds_that_disagree_widen_the_interval():
    same = compare_seeds(TRUE, seeds([0.15] * 3), seeds([0.2] * 3, 10), 2).macro_f1
    wild = compare_seeds(TRUE, seeds([0.02, 0.15, 0.28]), seeds([0.2] * 3, 10), 2).macro_f1
    assert wild.high - wild.low > 1.5 * (same.high - same.low)


def test_one_seed_gives_the_interval_of_the_examples_alone():
    ours, theirs = seeds([0.1]), seeds([0.2], 10)
    alone = compare(TRUE, ours[0], theirs[0], 2).macro_f1
    found = compare_seeds(TRUE, ours, theirs, 2).macro_f1
    assert (found.low, found.high) == pytest.approx((alone.low, alone.high), abs=0.006)


def test_few_seeds_cannot_be_significant_alone():
    assert sign_flip_p(np.array([0.1, 0.2, 0.1])) == 0.25
    assert sign_flip_p(np.array([0.1] * 6)) == pytest.approx(2 / 64)
    assert sign_flip_p(np.array([0.1, -0.1])) == 1.0
    assert sign_flip_p(np.full(20, 0.1)) < 0.01
