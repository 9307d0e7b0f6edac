import numpy as np
import pytest
from scipy.stats import binomtest
from scipy.stats import bootstrap as scipy_bootstrap
from sklearn import metrics as sk

from core.evaluation.intervals import bootstrap_mean, holm, proportion, sign_test
from core.evaluation.metrics import confusion, evaluate

LABELS = tuple("abcdefgh")


def made_up(n, k, seed, strength=1.5):
    rng = np.random.default_rng(seed)
    true = rng.integers(0, k, n)
    logits = rng.normal(size=(n, k))
    logits[np.arange(n), true] += strength
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return true, probabilities.astype(np.float32)


@pytest.mark.filterwarnings("ignore:The y_prob values do not sum to one")  # float32 probabilities, to 1e-7
@pytest.mark.parametrize(("n", "k"), [(50, 2), (300, 3), (1000, 8)])
def test_metrics_agree_with_scikit_learn(n, k):
    true, probabilities = made_up(n, k, seed=n)
    exact = probabilities.astype(np.float64)
    predicted = exact.argmax(axis=1)
    found = evaluate(true, probabilities, LABELS[:k])
    onehot = np.eye(k)[true]
    expected = {
        "accuracy": sk.accuracy_score(true, predicted),
        "macro_f1": sk.f1_score(true, predicted, average="macro"),
        "balanced_accuracy": sk.balanced_accuracy_score(true, predicted),
        "mcc": sk.matthews_corrcoef(true, predicted),
        "log_loss": sk.log_loss(true, exact, labels=range(k)),
        "brier": ((exact - onehot) ** 2).sum(axis=1).mean(),
        **ranking_scores(true, exact),
    }
    assert {name: estimate.value for name, estimate in found.metrics.items()} == pytest.approx(expected, abs=1e-9)
    precision, recall, f1, support = sk.precision_recall_fscore_support(true, predicted)
    for code, one in enumerate(found.classes):
        assert (one.precision.value, one.recall.value, one.f1.value, one.support) == pytest.approx(
            (precision[code], recall[code], f1[code], support[code])
        )


def ranking_scores(true, exact):
    """ROC AUC, average precision and, where it applies, top-3 accuracy, by scikit-learn."""
    onehot, k = np.eye(exact.shape[1])[true], exact.shape[1]
    pairs = [(onehot[:, code], exact[:, code]) for code in (range(k) if k > 2 else (1,))]
    scores = {
        "roc_auc": np.mean([sk.roc_auc_score(*pair) for pair in pairs]),
        "average_precision": np.mean([sk.average_precision_score(*pair) for pair in pairs]),
    }
    return scores if k <= 5 else scores | {"top_3_accuracy": sk.top_k_accuracy_score(true, exact, k=3)}


def test_every_interval_holds_its_value():
    true, probabilities = made_up(300, 3, seed=1)
    found = evaluate(true, probabilities, LABELS[:3])
    estimates = [
        *found.metrics.values(),
        *(getattr(c, n) for c in found.classes for n in ("precision", "recall", "f1")),
    ]
    assert all(one.low < one.value < one.high for one in estimates)


def test_intervals_narrow_with_more_examples():
    widths = []
    for n in (200, 2000):
        found = evaluate(*made_up(n, 2, seed=0), LABELS[:2]).metrics["macro_f1"]
        widths.append(found.high - found.low)
    assert widths[1] < widths[0] / 2


def test_macro_f1_interval_agrees_with_scipys_slow_bootstrap():
    true, probabilities = made_up(150, 2, seed=3)
    predicted = probabilities.argmax(axis=1)

    def macro(t, p):
        return sk.f1_score(t, p, average="macro")

    slow = scipy_bootstrap(
        (true, predicted),
        macro,
        paired=True,
        vectorized=False,
        n_resamples=2000,
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    fast = evaluate(true, probabilities, LABELS[:2]).metrics["macro_f1"]
    assert (fast.low, fast.high) == pytest.approx((slow.low, slow.high), abs=0.01)


def test_mean_interval_agrees_with_scipy():
    values = np.random.default_rng(0).exponential(size=200)
    slow = scipy_bootstrap((values,), np.mean, n_resamples=10_000, method="BCa", rng=np.random.default_rng(1))
    fast = bootstrap_mean(values)
    interval = slow.confidence_interval
    assert (fast.low, fast.high) == pytest.approx((interval.low, interval.high), abs=0.01)


def test_a_class_without_test_examples_has_no_recall():
    true, probabilities = np.array([0, 0, 1, 1]), np.eye(3, dtype=np.float32)[[0, 1, 1, 1]]
    absent = evaluate(true, probabilities, LABELS[:3]).classes[2]
    assert absent.recall.value is absent.precision.value is absent.f1.value is None
    assert absent.support == 0


def test_a_class_that_is_never_found_has_an_f1_of_zero():
    true, probabilities = np.array([0, 0, 1, 1]), np.tile(np.float32([0.9, 0.1]), (4, 1))
    found = evaluate(true, probabilities, LABELS[:2])
    assert found.classes[1].f1.value == 0
    assert found.classes[1].precision.value is None
    assert found.metrics["macro_f1"].value == pytest.approx(1 / 3)
    assert found.metrics["mcc"].value == 0


def test_certain_and_wrong_gives_a_finite_log_loss():
    found = evaluate(np.array([0, 1]), np.float32([[0, 1], [0, 1]]), LABELS[:2])
    assert np.isfinite(found.metrics["log_loss"].value)


def test_one_example_is_scored_without_a_traceback():
    found = evaluate(np.array([1]), np.float32([[0.2, 0.8]]), LABELS[:2])
    assert found.metrics["accuracy"].value == 1


def test_many_classes():
    true, probabilities = made_up(500, 150, seed=0)
    found = evaluate(true, probabilities, tuple(map(str, range(150))))
    assert len(found.classes) == 150
    assert found.metrics["macro_f1"].low < found.metrics["macro_f1"].value < found.metrics["macro_f1"].high


def test_no_trials_have_no_share():
    assert proportion(0, 0).value is None
    assert proportion(0, 10).low == 0
    assert proportion(10, 10).high == 1


@pytest.mark.parametrize("trials", [1, 7, 40, 1000])
def test_shares_and_sign_tests_are_those_of_scipy(trials):
    for successes in range(0, trials + 1, max(1, trials // 20)):
        slow = binomtest(successes, trials)
        interval, fast = slow.proportion_ci(method="wilson"), proportion(successes, trials)
        assert (fast.low, fast.high) == pytest.approx((interval.low, interval.high), abs=1e-12)
        assert sign_test(successes, trials - successes) == pytest.approx(slow.pvalue)
    assert sign_test(0, 0) == 1


def test_holm_is_statsmodels_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_rows_are_true_and_columns_predicted():
    assert confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist() == [[1, 1], [0, 1]]
