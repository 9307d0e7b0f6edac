from math import sqrt

import numpy as np
import pytest
from scipy.stats import binom, binomtest, norm

from core.evaluation.power import POWER, _critical_count, examples_needed, mcnemar_power, minimum_detectable_effect


@pytest.mark.parametrize(
    ("n", "flips", "points"), [(1000, 0.1, 2.9), (1000, 0.2, 4.0), (500, 0.1, 4.1), (500, 0.2, 5.7)]
)
def test_minimum_detectable_effect_is_as_published(n, flips, points):
    assert minimum_detectable_effect(n, flips) * 100 == pytest.approx(points, abs=0.06)


def test_critical_counts_agree_with_scipys_exact_test():
    for n in range(1, 80):
        rejected = [k for k in range(n // 2 + 1) if binomtest(k, n).pvalue <= 0.05]
        assert _critical_count(np.array([n]))[0] == max(rejected, default=-1)


def test_critical_counts_of_many_flips_are_exact():
    many = np.array([999, 1000, 54_321, 1_000_000])
    counts = _critical_count(many)
    assert (binom.cdf(counts, many, 0.5) <= 0.025).all() and (binom.cdf(counts + 1, many, 0.5) > 0.025).all()


def test_power_agrees_with_simulation():
    rng, n, flips, difference = np.random.default_rng(0), 300, 0.2, 0.08
    samples = rng.multinomial(n, [(flips + difference) / 2, (flips - difference) / 2, 1 - flips], size=4000)
    rejection_rate = np.mean([binomtest(int(a), int(a + b)).pvalue <= 0.05 for a, b, _ in samples])
    assert mcnemar_power(n, flips, difference) == pytest.approx(rejection_rate, abs=0.025)


def test_examples_needed_inverts_the_minimum_detectable_effect():
    needed = examples_needed(minimum_detectable_effect(1000, 0.15), 0.15)
    assert needed == pytest.approx(1000, rel=0.02)


@pytest.mark.parametrize(("difference", "flips"), [(0.3, 0.3), (0.2, 0.3), (-0.04, 0.15), (0.01, 0.05)])
def test_examples_needed_are_the_fewest_with_the_power(difference, flips):
    needed = examples_needed(difference, flips)
    assert mcnemar_power(int(needed * 0.98), flips, abs(difference)) < POWER
    assert mcnemar_power(needed, flips, abs(difference)) >= POWER


def test_up_to_ten_million_examples_are_needed():
    quantiles = (norm.ppf(0.975) + norm.ppf(POWER)) * sqrt(0.1)  # Connor 1987, for a small difference
    assert examples_needed(quantiles / sqrt(9.9e6), 0.1) == pytest.approx(9.9e6, rel=0.01)
    assert examples_needed(quantiles / sqrt(10.1e6), 0.1) is None


def test_more_examples_detect_smaller_effects():
    effects = [minimum_detectable_effect(n, 0.15) for n in (100, 400, 1600, 25_000)]
    assert effects == sorted(effects, reverse=True)


def test_effects_that_no_test_set_detects_are_none():
    assert minimum_detectable_effect(10, 0.1) is None
    assert minimum_detectable_effect(0, 0.1) is None
    assert minimum_detectable_effect(100, 0.0) is None
    assert examples_needed(0.0, 0.2) is None
    assert examples_needed(1e-6, 0.2) is None
