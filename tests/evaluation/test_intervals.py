import numpy as np
import pytest
from scipy.stats import binomtest, fisher_exact
from sklearn.metrics import f1_score

from core.evaluation import intervals
from core.evaluation.counts import count_by_class
from core.evaluation.intervals import (
    UNDEFINED,
    BootstrapResult,
    Estimate,
    bootstrap_mean,
    difference_of_proportions,
    fisher_test,
    holm,
    proportion,
    resample,
    sign_test,
)
from tests.evaluation.slow_forms import bca_interval

VALUES = np.array([0.0, 1.0, 5.0])


def means(counts):
    """Return the mean of `VALUES`, each counted so often, [b, 1]; many resamples have equal means."""
    return (counts @ VALUES / counts.sum(axis=1))[:, None]


def bounds(estimate):
    return estimate.low, estimate.high


def test_zero_trials_have_no_proportion():
    assert proportion(0, 0) == UNDEFINED


def test_bounds_of_a_proportion_end_exactly_at_0_and_1():
    assert proportion(0, 10).low == 0
    assert proportion(10, 10).high == 1


@pytest.mark.parametrize("trials", [1, 7, 40, 1000])
def test_proportions_and_sign_tests_agree_with_scipy(trials):
    for successes in range(0, trials + 1, max(1, trials // 20)):
        slow = binomtest(successes, trials)
        interval, fast = slow.proportion_ci(method="wilson"), proportion(successes, trials)
        assert bounds(fast) == pytest.approx((interval.low, interval.high), abs=1e-12)
        assert sign_test(successes, trials - successes) == pytest.approx(slow.pvalue)
    assert sign_test(0, 0) == 1


@pytest.mark.parametrize(
    ("successes_a", "trials_a", "successes_b", "trials_b", "low", "high"),
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
def test_differences_of_proportions_have_the_published_intervals(
    successes_a, trials_a, successes_b, trials_b, low, high
):
    difference = difference_of_proportions(successes_a, trials_a, successes_b, trials_b)
    assert difference.value == pytest.approx(successes_a / trials_a - successes_b / trials_b)
    assert bounds(difference) == pytest.approx((low, high), abs=1e-4)


def test_interval_of_a_difference_of_proportions_covers_the_truth():
    rng = np.random.default_rng(0)
    samples = zip(rng.binomial(40, 0.3, 2000), rng.binomial(400, 0.15, 2000), strict=True)
    intervals = [difference_of_proportions(int(a), 40, int(b), 400) for a, b in samples]
    covered = np.mean([interval.low <= 0.15 <= interval.high for interval in intervals])
    assert 0.93 <= covered <= 0.97


def test_difference_of_zero_trials_is_undefined():
    assert difference_of_proportions(1, 2, 0, 0) == difference_of_proportions(0, 0, 1, 2) == UNDEFINED


@pytest.mark.parametrize(("n", "all_successes"), [(20, 10), (300, 40), (300, 299), (2000, 1000), (25_000, 3000)])
def test_fisher_p_agrees_with_scipy(n, all_successes):
    rng = np.random.default_rng(n)
    trials = np.append(rng.integers(1, n, 12), n // 2)
    successes = np.append(rng.hypergeometric(all_successes, n - all_successes, trials[:-1]), all_successes // 2)
    slow = [
        fisher_exact([[k, size - k], [all_successes - k, n - size - all_successes + k]]).pvalue
        for k, size in zip(successes, trials, strict=True)
    ]
    assert fisher_test(successes, trials, all_successes, n) == pytest.approx(slow, rel=1e-6)


def test_no_groups_have_no_fisher_p():
    assert len(fisher_test(np.array([], dtype=np.int64), np.array([], dtype=np.int64), 3, 10)) == 0


def test_jackknife_needs_two_examples():
    def sums(counts):
        return counts @ VALUES[:, None]

    assert resample(sums, np.array([1, 1, 0]), n_resamples=5).jackknife[:2].tolist() == [[1.0], [0.0]]
    assert resample(sums, np.array([0, 1, 0]), n_resamples=5).jackknife is None


@pytest.mark.parametrize(
    "counts", [[15, 4, 1], [2, 3, 40], [1, 1, 1], [0, 50, 3]], ids=["right-skewed", "left-skewed", "tiny", "empty-cell"]
)
def test_bca_interval_of_counts_agrees_with_scipy_on_the_same_resamples(counts):
    resampled = resample(means, np.array(counts), n_resamples=400)
    (estimate,) = resampled.estimates()
    data = np.repeat(VALUES, counts)
    assert (resampled.replicates == estimate.value).any()  # ties, which the bias correction counts by half
    assert bounds(estimate) == pytest.approx(bca_interval((data,), np.mean, resampled.replicates[:, 0]), abs=1e-9)
    assert estimate.value == pytest.approx(data.mean())


def test_bca_interval_of_macro_f1_agrees_with_scipy_on_the_same_resamples():
    rng = np.random.default_rng(3)
    true = rng.choice(3, size=90, p=[0.6, 0.3, 0.1])
    predicted = np.where(rng.random(90) < 0.3, rng.integers(0, 3, 90), true)
    cells, counts = np.unique(np.stack([true, predicted]), axis=1, return_counts=True)
    resampled = resample(lambda rows: count_by_class(rows, *cells, 3).macro_f1()[:, None], counts, n_resamples=400)

    def macro_f1(true, predicted):
        return f1_score(true, predicted, average="macro")

    slow = bca_interval((true, predicted), macro_f1, resampled.replicates[:, 0])
    assert bounds(resampled.estimates()[0]) == pytest.approx(slow, abs=1e-9)


def test_interval_of_a_mean_agrees_with_scipy_on_the_same_resamples():
    values = np.random.default_rng(0).exponential(size=50).round(1)
    replicates = values[np.random.default_rng(7).integers(0, 50, size=(300, 50), dtype=np.int32)].mean(axis=1)
    assert bounds(bootstrap_mean(values, seed=7, n_resamples=300)) == pytest.approx(
        bca_interval((values,), np.mean, replicates), abs=1e-9
    )


def test_estimates_do_not_depend_on_the_chunk_size(monkeypatch):
    counts, values = np.array([15, 4, 1]), np.random.default_rng(1).normal(size=30)
    at_once = resample(means, counts, n_resamples=101), bootstrap_mean(values, n_resamples=101)
    for chunk in (1, 31, 100):
        monkeypatch.setattr(intervals, "_CHUNK", chunk)
        resampled = resample(means, counts, n_resamples=101)
        assert np.array_equal(resampled.replicates, at_once[0].replicates)
        assert np.array_equal(resampled.jackknife, at_once[0].jackknife)
        assert bootstrap_mean(values, n_resamples=101) == at_once[1]


def test_interval_of_the_mean_of_one_value_is_that_value():
    assert bootstrap_mean(np.array([2.5]), n_resamples=10) == Estimate(2.5, 2.5, 2.5)


@pytest.mark.parametrize("values", [[], [1.0, np.nan], [np.inf, 0.0]], ids=["none", "nan", "infinite"])
def test_mean_of_no_or_undefined_values_is_undefined(values):
    assert bootstrap_mean(np.array(values)) == UNDEFINED


def test_mean_has_no_interval_for_zero_resamples():
    assert bootstrap_mean(np.array([1.0, 2.0]), n_resamples=0) == Estimate(1.5)


def test_undefined_statistic_has_no_interval():
    replicates, jackknife = np.zeros((5, 2)), np.zeros((3, 2))
    undefined, constant = BootstrapResult(np.array([np.nan, 0.0]), replicates, jackknife, np.ones(3)).estimates()
    assert (undefined, constant) == (UNDEFINED, Estimate(0.0, 0.0, 0.0))
    assert BootstrapResult(np.array([0.0]), np.full((5, 1), np.nan), None, np.ones(1)).estimates() == [UNDEFINED]


def test_undefined_replicates_are_excluded_from_the_interval():
    replicates = np.concatenate([np.linspace(0, 1, 101), np.full(50, np.nan)])[:, None]
    (estimate,) = BootstrapResult(np.array([0.5]), replicates, None, np.ones(1)).estimates()
    assert bounds(estimate) == pytest.approx((0.025, 0.975))


def test_interval_without_a_defined_jackknife_is_the_percentile_interval():
    replicates = np.linspace(0, 1, 101)[:, None]
    (estimate,) = BootstrapResult(np.array([0.2]), replicates, np.array([[0.1], [np.nan]]), np.ones(2)).estimates()
    assert bounds(estimate) == pytest.approx((0.025, 0.975))


def test_interval_is_wider_if_a_rare_class_contributes_the_variance():
    replicates = np.random.default_rng(0).normal(size=(4000, 1))
    weights, strata = np.array([95.0, 2.0, 3.0]), np.array([0, 1, 1])
    by_common, by_rare = (
        BootstrapResult(np.zeros(1), replicates, np.array(jackknife)[:, None], weights, strata).estimates()[0]
        for jackknife in ([0.0, 0.0, 0.0], [0.0, 0.3, -0.2])
    )
    assert by_rare.low < by_common.low < by_common.high < by_rare.high
    # 4 degrees of freedom and 100 examples: the tail is that of Student's t for the normal's.
    tail = 0.00263
    assert bounds(by_rare) == pytest.approx(tuple(np.quantile(replicates, [tail, 1 - tail])), abs=0.02)


def test_holm_adjusts_p_in_the_given_order():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
