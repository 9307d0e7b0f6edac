import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import log_loss

from core.evaluation.calibration import (
    BINS,
    apply_temperature,
    coverage,
    expected_calibration_error,
    fit_temperature,
    reliability,
)
from core.evaluation.intervals import proportion
from core.evaluation.metrics import evaluate

LABELS = ("a", "b", "c")


def draw_overconfident(n=4000, temperature=2.5, k=3, seed=0):
    """Return logits that are ``temperature`` times too large, and labels drawn from the true probabilities."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, k)) * 3
    probabilities = softmax(logits / temperature, axis=1)
    true = (probabilities.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return logits, true


def test_fitted_temperature_is_the_true_one():
    assert fit_temperature(*draw_overconfident()) == pytest.approx(2.5, rel=0.1)


def test_no_other_temperature_has_a_lower_log_loss():
    logits, true = draw_overconfident(500)
    best = fit_temperature(logits, true)
    losses = {t: log_loss(true, softmax(logits / t, axis=1)) for t in (best * 0.9, best, best * 1.1)}
    assert min(losses, key=losses.get) == best


def test_temperature_without_an_optimum_ends_at_a_bound():
    true = np.array([0, 1] * 20)
    assert fit_temperature(-5 * np.eye(2)[true], true) == pytest.approx(np.exp(4), rel=0.01)
    assert fit_temperature(1e-3 * np.eye(2)[true], true) == pytest.approx(np.exp(-4), rel=0.01)


def test_temperature_does_not_change_the_prediction():
    logits, _ = draw_overconfident(300)
    probabilities = softmax(logits, axis=1).astype(np.float32)
    scaled = apply_temperature(probabilities, 2.5)
    assert (scaled.argmax(axis=1) == probabilities.argmax(axis=1)).all()
    assert scaled == pytest.approx(softmax(logits / 2.5, axis=1), abs=1e-5)


def test_certain_probabilities_stay_finite_at_a_temperature():
    assert np.isfinite(apply_temperature(np.float32([[1, 0], [0, 1]]), 3.0)).all()


def test_temperature_scaling_improves_an_overconfident_model():
    logits, true = draw_overconfident()
    probabilities, temperature = softmax(logits, axis=1).astype(np.float32), fit_temperature(logits, true)
    metrics = evaluate(true, probabilities, LABELS, n_resamples=200, temperature=temperature).metrics
    assert metrics["ece"].value > metrics["ece_null"].high
    assert metrics["ece_calibrated"].value < metrics["ece"].value / 3
    assert metrics["log_loss_calibrated"].value < metrics["log_loss"].value
    scaled = apply_temperature(probabilities, temperature).astype(np.float64)
    assert metrics["log_loss_calibrated"].value == pytest.approx(log_loss(true, scaled))


@pytest.mark.parametrize(("n", "mean"), [(100, 0.075), (500, 0.035), (2000, 0.017)])
def test_ece_of_a_perfectly_calibrated_model_is_not_zero(n, mean):
    confidence = np.random.default_rng(0).uniform(0.5, 1, n)
    correct = np.random.default_rng(1).random(n) < confidence
    null = reliability(confidence, correct).null
    assert null.value == pytest.approx(mean, rel=0.25)
    assert null.low < null.value < null.high


def test_null_bands_contain_perfectly_calibrated_models_95_of_100_times():
    rng, is_ece_in_band, are_bins_in_bands = np.random.default_rng(0), [], []
    for seed in range(80):
        confidence = rng.uniform(0.4, 1, 100)
        diagram = reliability(confidence, rng.random(100) < confidence, seed)
        is_ece_in_band.append(diagram.null.low <= diagram.ece <= diagram.null.high)
        are_bins_in_bands += [bin_.null_low <= bin_.accuracy <= bin_.null_high for bin_ in diagram.bins]
        assert all(0 <= bin_.null_low <= bin_.confidence <= bin_.null_high <= 1 for bin_ in diagram.bins)
    assert 0.9 <= np.mean(is_ece_in_band) <= 0.99
    assert 0.94 <= np.mean(are_bins_in_bands) <= 0.995  # a band of whole examples is wider


def test_ece_is_the_mean_distance_of_accuracy_and_confidence_over_15_bins():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.2, 1, 300)
    correct = rng.random(300) < confidence**2
    bins = [(confidence >= low / 15) & (confidence < (low + 1) / 15) for low in range(15)]
    gaps = [abs(correct[bin_].mean() - confidence[bin_].mean()) * bin_.mean() for bin_ in bins if bin_.any()]
    assert expected_calibration_error(confidence, correct) == pytest.approx(sum(gaps))
    assert reliability(confidence, correct).ece == pytest.approx(sum(gaps))


def test_bins_contain_every_example_once():
    diagram = reliability(np.array([0.0, 0.5, 0.999, 1.0]), np.array([False, True, True, True]))
    assert [(bin_.confidence, bin_.accuracy, bin_.count) for bin_ in diagram.bins] == [
        (0.0, 0.0, 1),
        (0.5, 1.0, 1),
        (pytest.approx(0.9995), 1.0, 2),
    ]
    assert diagram.ece == pytest.approx((0 + 0.5 + 0.001) / 4)


def test_confidence_at_an_edge_belongs_to_the_upper_bin():
    edges = np.arange(BINS) / BINS
    assert len(reliability(edges, np.ones(BINS, dtype=bool)).bins) == BINS


def test_reliability_of_no_examples_has_no_bins_and_no_band():
    diagram = reliability(np.empty(0), np.empty(0, dtype=bool))
    assert (diagram.ece, diagram.null.value, diagram.bins) == (0, None, ())


def test_threshold_trades_coverage_for_accuracy():
    confidence = np.linspace(0, 1, 1001)
    correct = np.random.default_rng(0).random(1001) < confidence
    points = coverage(confidence, correct, np.array([0.0, 0.5, 0.9, 1.1]))
    assert [round(point.coverage.value, 2) for point in points] == [1.0, 0.5, 0.1, 0.0]
    assert points[0].accuracy.value < points[1].accuracy.value < points[2].accuracy.value
    assert points[3].accuracy.value is None


def test_confidence_equal_to_the_threshold_counts():
    confidence, correct = np.array([0.25, 0.5, 0.75]), np.array([True, False, True])
    (point,) = coverage(confidence, correct, np.array([0.5]))
    assert (point.threshold, point.coverage, point.accuracy) == (0.5, proportion(2, 3), proportion(1, 2))
