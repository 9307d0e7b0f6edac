import numpy as np
import pytest
from sklearn import metrics as sk

from core.evaluation import ranking
from core.evaluation.intervals import UNDEFINED, expanded_tails
from core.evaluation.metrics import evaluate
from core.evaluation.ranking import ranking_estimates, ranking_scores
from tests.evaluation.slow_forms import bca_interval


def draw_predictions(n, k, seed, decimals=None, strength=1.5):
    """Draw class indices and probabilities; ``decimals`` rounds these, which makes ties."""
    rng = np.random.default_rng(seed)
    true = np.concatenate([np.arange(k), rng.integers(0, k, n - k)])
    logits = rng.normal(size=(n, k)) + strength * np.eye(k)[true]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return true, probabilities if decimals is None else probabilities.round(decimals)


def of_scikit_learn(true, probabilities, weights=None):
    k = probabilities.shape[1]
    return [
        np.mean(
            [
                score(true == label, probabilities[:, label], sample_weight=weights)
                for label in (range(k) if k > 2 else (1,))
            ]
        )
        for score in (sk.roc_auc_score, sk.average_precision_score)
    ]


@pytest.mark.parametrize(("n", "k"), [(20, 2), (60, 3), (200, 8)])
@pytest.mark.parametrize("decimals", [None, 1], ids=["distinct", "tied"])
def test_values_agree_with_scikit_learn(n, k, decimals):
    true, probabilities = draw_predictions(n, k, seed=n, decimals=decimals)
    values = [estimate.value for estimate in ranking_estimates(true, probabilities, n_resamples=0)]
    assert values == pytest.approx(of_scikit_learn(true, probabilities), abs=1e-9)


@pytest.mark.parametrize("decimals", [None, 1], ids=["distinct", "tied"])
def test_every_resample_scores_as_scikit_learn_scores_it_with_weights(decimals):
    true, probabilities = draw_predictions(80, 3, seed=0, decimals=decimals)
    counts = np.random.default_rng(1).multinomial(80, [1 / 80] * 80, size=20).astype(np.int32)
    rankings = [ranking.rank_label(true == label, probabilities[:, label]) for label in range(3)]
    slow = [of_scikit_learn(true, probabilities, weights) for weights in counts]
    assert ranking_scores(rankings, counts) == pytest.approx(np.array(slow), abs=1e-9)


def test_equal_probabilities_have_the_scores_of_chance():
    roc_auc, average_precision = ranking_estimates(np.array([0, 1, 1, 0, 0]), np.full((5, 2), 0.5), n_resamples=0)
    assert (roc_auc.value, average_precision.value) == (0.5, 0.4)


@pytest.mark.parametrize(("true", "labels"), [([0, 0, 0], 2), ([1, 1, 1], 2), ([0, 1, 1], 3), ([0], 3)], ids=str)
def test_missing_label_makes_both_scores_undefined(true, labels):
    probabilities = np.full((len(true), labels), 1 / labels)
    assert ranking_estimates(np.array(true), probabilities) == (UNDEFINED, UNDEFINED)


def test_intervals_agree_with_scipy_on_the_same_resamples():
    true, probabilities = draw_predictions(60, 2, seed=3, decimals=1)
    rankings = [ranking.rank_label(true == 1, probabilities[:, 1])]
    replicates = np.concatenate([ranking_scores(rankings, counts) for counts in ranking.draw_counts(60, 200, seed=0)])
    estimates = ranking_estimates(true, probabilities, n_resamples=200)
    for column, score in enumerate((sk.roc_auc_score, sk.average_precision_score)):
        data = (true, probabilities[:, 1])
        jackknife = np.array([score(*(np.delete(part, i) for part in data)) for i in range(60)])
        low_tail, high_tail = expanded_tails(jackknife, np.ones(60), true)
        slow = bca_interval(data, score, replicates[:, column], high_tail - low_tail)
        assert (estimates[column].low, estimates[column].high) == pytest.approx(slow, abs=1e-9)
        assert low_tail < 0.025


def test_each_resample_has_as_many_examples_as_the_split():
    counts = np.concatenate(list(ranking.draw_counts(30, 500, seed=1)))
    assert counts.shape == (500, 30)
    assert (counts.sum(axis=1) == 30).all()
    assert counts.mean(axis=0) == pytest.approx(np.ones(30), abs=0.25)


def test_jackknife_by_blocks_has_nearly_the_same_interval(monkeypatch):
    true, probabilities = draw_predictions(400, 3, seed=4)
    one_by_one = ranking_estimates(true, probabilities)
    monkeypatch.setattr(ranking, "_MAX_DELETIONS", 50)
    in_blocks = ranking_estimates(true, probabilities)
    for single, block in zip(one_by_one, in_blocks, strict=True):
        assert (single.low, single.high) == pytest.approx((block.low, block.high), abs=0.004)


def test_estimates_do_not_depend_on_the_chunk_size(monkeypatch):
    true, probabilities = draw_predictions(40, 3, seed=7)
    at_once = ranking_estimates(true, probabilities, n_resamples=250)
    monkeypatch.setattr(ranking, "_CHUNK", 400)  # 10 resamples of 40 examples
    assert ranking_estimates(true, probabilities, n_resamples=255) != at_once
    assert ranking_estimates(true, probabilities, n_resamples=250) == at_once
    monkeypatch.setattr(ranking, "_CHUNK", 1)
    assert ranking_estimates(true, probabilities, n_resamples=250) == at_once


def test_label_that_a_resample_lacks_is_excluded_from_its_mean():
    true, probabilities = draw_predictions(30, 3, seed=6)
    rankings = [ranking.rank_label(true == label, probabilities[:, label]) for label in range(3)]
    counts = np.stack([true != 0, true == 0, np.full(30, True)]).astype(np.int32)
    without_first, only_first, complete = ranking_scores(rankings, counts)
    selected = true != 0
    pairs = [(true[selected] == label, probabilities[selected, label]) for label in (1, 2)]
    slow = [np.mean([score(*pair) for pair in pairs]) for score in (sk.roc_auc_score, sk.average_precision_score)]
    assert without_first == pytest.approx(slow)
    assert np.isnan(only_first).all()
    assert complete == pytest.approx(of_scikit_learn(true, probabilities))


@pytest.mark.parametrize(("affordable", "expected"), [(1, 400), (700, 700), (10_000, 2000)])
def test_number_of_resamples_decreases_with_examples_and_labels(affordable, expected, monkeypatch):
    true, probabilities = draw_predictions(50, 3, seed=5)
    sizes = []
    monkeypatch.setattr(ranking, "_MAX_STEPS", affordable * 50 * 3)
    monkeypatch.setattr(
        ranking,
        "ranking_scores",
        lambda rankings, counts: sizes.append(len(counts)) or ranking_scores(rankings, counts),
    )
    ranking_estimates(true, probabilities)
    assert sum(sizes) == 1 + expected + 50  # the observed value, the resamples and the jackknife


def test_top_3_accuracy_counts_the_first_of_equal_labels_and_needs_six_labels():
    equal = np.full((4, 6), np.float32(1 / 6))
    accuracy = evaluate(np.array([0, 2, 3, 5]), equal, tuple("abcdef"), n_resamples=0).metrics["top_3_accuracy"]
    assert accuracy.value == 0.5
    assert 0 < accuracy.low < accuracy.value < accuracy.high < 1
    assert "top_3_accuracy" not in evaluate(np.array([0, 2]), equal[:2, :5], tuple("abcde"), n_resamples=0).metrics
