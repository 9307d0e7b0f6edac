import numpy as np
import pytest
from scipy.stats import fisher_exact

from core.evaluation.intervals import UNDEFINED, difference_of_proportions, fisher_test


@pytest.mark.parametrize(
    ("successes", "trials", "others", "other_trials", "low", "high"),
    [  # Newcombe 1998, table II, method 10
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (6, 7, 2, 7, 0.0582, 0.8062),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (0, 10, 0, 20, -0.1611, 0.2775),
        (0, 10, 0, 10, -0.2775, 0.2775),
        (10, 10, 0, 20, 0.6791, 1.0),
        (10, 10, 0, 10, 0.6075, 1.0),
    ],
)
def test_differences_of_shares_have_the_published_intervals(successes, trials, others, other_trials, low, high):
    found = difference_of_proportions(successes, trials, others, other_trials)
    assert found.value == pytest.approx(successes / trials - others / other_trials)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


def test_the_interval_of_a_difference_covers_the_truth():
    rng = np.random.default_rng(0)
    drawn = zip(rng.binomial(40, 0.3, 2000), rng.binomial(400, 0.15, 2000), strict=True)
    intervals = [difference_of_proportions(int(one), 40, int(other), 400) for one, other in drawn]
    covered = np.mean([one.low <= 0.15 <= one.high for one in intervals])
    assert 0.93 <= covered <= 0.97


def test_a_difference_from_no_trials_is_undefined():
    assert difference_of_proportions(1, 2, 0, 0) == difference_of_proportions(0, 0, 1, 2) == UNDEFINED


@pytest.mark.parametrize(("n", "all_successes"), [(20, 10), (300, 40), (300, 299), (2000, 1000), (25_000, 3000)])
def test_fishers_p_is_that_of_scipy(n, all_successes):
    rng = np.random.default_rng(n)
    trials = np.append(rng.integers(1, n, 12), n // 2)
    successes = np.append(rng.hypergeometric(all_successes, n - all_successes, trials[:-1]), all_successes // 2)
    slow = [
        fisher_exact([[k, size - k], [all_successes - k, n - size - all_successes + k]]).pvalue
        for k, size in zip(successes, trials, strict=True)
    ]
    assert fisher_test(successes, trials, all_successes, n) == pytest.approx(slow, rel=1e-6)


def test_no_groups_have_no_p():
    assert len(fisher_test(np.array([], dtype=np.int64), np.array([], dtype=np.int64), 3, 10)) == 0
