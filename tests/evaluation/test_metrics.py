import numpy as np
import pytest
from sklearn import metrics as sk

from core.evaluation.intervals import UNDEFINED
from core.evaluation.metrics import evaluate
from core.evaluation.predictions import leaked_positions

LABELS = tuple("abcdefgh")


def draw(n, k, seed, strength=1.5):
    """Draw class indices, and probabilities that favor them."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, k, n)
    logits = rng.normal(size=(n, k))
    logits[np.arange(n), true] += strength
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return true, probabilities.astype(np.float32)


def values(metrics):
    return {name: estimate.value for name, estimate in metrics.items()}


def reference_metrics(true, exact):
    """Return every metric that needs nothing but predictions, by scikit-learn."""
    predicted, k = exact.argmax(axis=1), exact.shape[1]
    onehot = np.eye(k)[true]
    pairs = [(onehot[:, code], exact[:, code]) for code in (range(k) if k > 2 else (1,))]
    metrics = {
        "accuracy": sk.accuracy_score(true, predicted),
        "macro_f1": sk.f1_score(true, predicted, average="macro"),
        "balanced_accuracy": sk.balanced_accuracy_score(true, predicted),
        "mcc": sk.matthews_corrcoef(true, predicted),
        "log_loss": sk.log_loss(true, exact, labels=range(k)),
        "brier": ((exact - onehot) ** 2).sum(axis=1).mean(),
        "roc_auc": np.mean([sk.roc_auc_score(*pair) for pair in pairs]),
        "average_precision": np.mean([sk.average_precision_score(*pair) for pair in pairs]),
    }
    return metrics if k <= 5 else metrics | {"top_3_accuracy": sk.top_k_accuracy_score(true, exact, k=3)}


@pytest.mark.filterwarnings("ignore:The y_prob values do not sum to one")  # float32 probabilities, to 1e-7
@pytest.mark.parametrize(("n", "k"), [(50, 2), (300, 3), (1000, 8)])
def test_metrics_agree_with_scikit_learn(n, k):
    true, probabilities = draw(n, k, seed=n)
    exact = probabilities.astype(np.float64)
    evaluation = evaluate(true, probabilities, LABELS[:k])
    assert values(evaluation.metrics) == pytest.approx(reference_metrics(true, exact), abs=1e-9)
    precision, recall, f1, support = sk.precision_recall_fscore_support(true, exact.argmax(axis=1))
    for code, metrics in enumerate(evaluation.classes):
        assert metrics.label == LABELS[code]
        assert (metrics.precision.value, metrics.recall.value, metrics.f1.value, metrics.support) == pytest.approx(
            (precision[code], recall[code], f1[code], support[code])
        )


def test_every_interval_contains_its_value():
    evaluation = evaluate(*draw(300, 6, seed=1), LABELS[:6], n_resamples=1000, temperature=1.5, leaked=(0, 1))
    estimates = [estimate for name, estimate in evaluation.metrics.items() if name not in ("ece", "ece_calibrated")]
    estimates += [getattr(class_, name) for class_ in evaluation.classes for name in ("precision", "recall", "f1")]
    assert all(estimate.low < estimate.value < estimate.high for estimate in estimates)


def test_intervals_narrow_with_more_examples():
    few, many = (evaluate(*draw(n, 2, seed=0), LABELS[:2], n_resamples=1000).metrics for n in (200, 2000))
    assert all(many[name].high - many[name].low < (few[name].high - few[name].low) / 2 for name in few)


@pytest.mark.parametrize("k", [2, 6])
def test_zero_resamples_return_the_same_values_and_only_intervals_without_resampling(k):
    true, probabilities = draw(60, k, seed=2)
    options = {"temperature": 1.5, "leaked": (3, 5), "baseline": np.roll(true, 1)}
    fast, slow = (evaluate(true, probabilities, LABELS[:k], n_resamples=count, **options) for count in (0, 100))
    simulated = {"ece_null", "ece_null_calibrated"}
    assert set(slow.metrics) - set(fast.metrics) == simulated
    assert values(fast.metrics) == pytest.approx({name: slow.metrics[name].value for name in fast.metrics})
    assert [class_.f1.value for class_ in fast.classes] == pytest.approx([class_.f1.value for class_ in slow.classes])
    without_resampling = {"accuracy", "accuracy_without_leaks", "top_3_accuracy"}
    assert {name for name, estimate in fast.metrics.items() if estimate.low is not None} <= without_resampling


def test_metrics_with_further_inputs_are_absent_without_them():
    metrics = evaluate(*draw(30, 2, seed=3), LABELS[:2], n_resamples=0).metrics
    assert not {name for name in metrics if "ece" in name or "calibrated" in name or "leaks" in name}
    assert "macro_f1_over_baseline" not in metrics


@pytest.mark.parametrize("leaked", [(0, 7, 39), (5,)], ids=["three", "one"])
def test_leaked_examples_are_excluded(leaked):
    true, probabilities = draw(40, 2, seed=4)
    metrics = evaluate(true, probabilities, LABELS[:2], n_resamples=100, leaked=leaked).metrics
    clean_rows = np.delete(np.arange(40), leaked)
    clean = evaluate(true[clean_rows], probabilities[clean_rows], LABELS[:2], n_resamples=100).metrics
    assert metrics["accuracy_without_leaks"] == clean["accuracy"]
    assert metrics["macro_f1_without_leaks"] == clean["macro_f1"]


def test_metrics_without_leaks_are_absent_if_all_examples_are_leaked():
    metrics = evaluate(*draw(10, 2, seed=5), LABELS[:2], n_resamples=0, leaked=range(10)).metrics
    assert "accuracy_without_leaks" not in metrics


def test_difference_to_a_baseline_is_that_of_the_macro_f1():
    true, probabilities = draw(200, 3, seed=6)
    baseline = np.where(np.arange(200) % 2, true, 0)
    run_f1 = sk.f1_score(true, probabilities.argmax(axis=1), average="macro")
    baseline_f1 = sk.f1_score(true, baseline, average="macro")
    for n_resamples in (0, 500):
        difference = evaluate(true, probabilities, LABELS[:3], n_resamples=n_resamples, baseline=baseline).metrics[
            "macro_f1_over_baseline"
        ]
        assert difference.value == pytest.approx(run_f1 - baseline_f1)
        assert n_resamples == 0 or difference.low < difference.value < difference.high


@pytest.mark.parametrize(
    ("checks", "positions"),
    [
        ({"leaks": [{"test": 4}, {"test": 0}]}, (4, 0)),
        ({"leaks": [{"test": 5}]}, ()),
        ({"leaks": [{"test": -1}]}, ()),
        ({"leaks": [{"train": 1}]}, ()),
        ({"leaks": 7}, ()),
        ({}, ()),
    ],
    ids=["positions", "too-large", "negative", "no-position", "no-list", "no-leaks"],
)
def test_leaked_positions_are_read_only_if_all_of_them_exist(checks, positions):
    assert leaked_positions(checks, examples=5) == positions


def test_class_without_examples_has_no_recall():
    true, probabilities = np.array([0, 0, 1, 1]), np.eye(3, dtype=np.float32)[[0, 1, 1, 1]]
    absent = evaluate(true, probabilities, LABELS[:3], n_resamples=50).classes[2]
    assert absent.recall == absent.precision == absent.f1 == UNDEFINED
    assert absent.support == 0


def test_class_that_is_never_predicted_correctly_has_an_f1_of_zero():
    true, probabilities = np.array([0, 0, 1, 1]), np.tile(np.float32([0.9, 0.1]), (4, 1))
    evaluation = evaluate(true, probabilities, LABELS[:2], n_resamples=50)
    assert evaluation.classes[1].f1.value == 0
    assert evaluation.classes[1].precision == UNDEFINED
    assert evaluation.metrics["macro_f1"].value == pytest.approx(1 / 3)
    assert evaluation.metrics["mcc"].value == 0


def test_log_loss_of_certain_and_wrong_predictions_is_finite():
    metrics = evaluate(np.array([0, 1]), np.float32([[0, 1], [0, 1]]), LABELS[:2], n_resamples=50).metrics
    assert metrics["log_loss"].value == pytest.approx(-np.log(np.finfo(np.float64).eps) / 2)


def test_single_example_is_evaluated():
    metrics = evaluate(np.array([1]), np.float32([[0.2, 0.8]]), LABELS[:2]).metrics
    assert metrics["accuracy"].value == 1
    assert metrics["roc_auc"] == UNDEFINED


def test_many_classes_are_evaluated():
    evaluation = evaluate(*draw(500, 150, seed=0), tuple(map(str, range(150))), n_resamples=200)
    assert len(evaluation.classes) == 150
    macro_f1 = evaluation.metrics["macro_f1"]
    assert macro_f1.low < macro_f1.value < macro_f1.high


@pytest.mark.parametrize(("examples", "classes"), [(2, 2), (3, 3), (4, 3), (9, 3)])
def test_tiny_test_sets_have_metrics_with_ordered_intervals(examples, classes):
    rng = np.random.default_rng(0)
    true = rng.integers(0, classes, examples)
    probabilities = rng.dirichlet(np.ones(classes), examples).astype(np.float32)
    for estimate in evaluate(true, probabilities, tuple("abc"[:classes])).metrics.values():
        assert estimate.low is None or estimate.low <= estimate.value <= estimate.high
