import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import log_loss

from core.evaluation.calibration import BINS, apply_temperature, coverage, fit_temperature, reliability
from core.evaluation.metrics import evaluate


def overconfident(n=4000, temperature=2.5, k=3, seed=0):
    """Logits that are ``temperature`` times too sharp, and labels drawn from the true probabilities."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, k)) * 3
    shares = softmax(logits / temperature, axis=1)
    true = (shares.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return logits, true


def test_the_temperature_that_was_put_in_is_found():
    assert fit_temperature(*overconfident()) == pytest.approx(2.5, rel=0.1)


def test_no_other_temperature_has_a_lower_log_loss():
    logits, true = overconfident(500)
    best = fit_temperature(logits, true)
    losses = {t: log_loss(true, softmax(logits / t, axis=1)) for t in (best * 0.9, best, best * 1.1)}
    assert min(losses, key=losses.get) == best


def test_a_temperature_does_not_change_the_answer():
    logits, _ = overconfident(300)
    shares = softmax(logits, axis=1).astype(np.float32)
    assert (apply_temperature(shares, 2.5).argmax(axis=1) == shares.argmax(axis=1)).all()
    assert apply_temperature(shares, 2.5) == pytest.approx(softmax(logits / 2.5, axis=1), abs=1e-5)


def test_certain_probabilities_stay_finite():
    shares = np.float32([[1, 0], [0, 1]])
    assert np.isfinite(apply_temperature(shares, 3.0)).all()


def test_calibration_helps_an_overconfident_run():
    logits, true = overconfident()
    shares = softmax(logits, axis=1).astype(np.float32)
    labels = tuple(map(str, range(shares.shape[1])))
    found = evaluate(true, shares, labels, temperature=fit_temperature(logits, true)).metrics
    assert found["ece"].value > found["ece_null"].high
    assert found["ece_calibrated"].value < found["ece"].value / 3
    assert found["log_loss_calibrated"].low < found["log_loss_calibrated"].value < found["log_loss_calibrated"].high


@pytest.mark.parametrize(("n", "mean"), [(100, 0.075), (500, 0.035), (2000, 0.017)])
def test_a_perfect_runs_ece_is_not_zero(n, mean):
    confidence = np.random.default_rng(0).uniform(0.5, 1, n)
    right = np.random.default_rng(1).random(n) < confidence
    found = reliability(confidence, right)
    assert found.null.value == pytest.approx(mean, rel=0.25)
    assert found.null.low < found.null.value < found.null.high


def test_the_null_band_holds_perfect_runs_nineteen_times_in_twenty():
    rng, held = np.random.default_rng(0), []
    for seed in range(200):
        confidence = rng.uniform(0.4, 1, 300)
        found = reliability(confidence, rng.random(300) < confidence, seed)
        held.append(found.null.low <= found.ece <= found.null.high)
    assert 0.9 <= np.mean(held) <= 0.99


def test_the_bins_hold_every_example_once():
    confidence = np.array([0.0, 0.5, 0.999, 1.0])
    found = reliability(confidence, np.array([False, True, True, True]))
    assert sum(one.count for one in found.bins) == 4
    assert len(found.bins) <= BINS
    assert found.ece == pytest.approx((0 + 0.5 + 0.001) / 4)


def test_no_examples_have_no_band():
    assert reliability(np.empty(0), np.empty(0, dtype=bool)).null.value is None


def test_abstaining_trades_coverage_for_accuracy():
    confidence = np.linspace(0, 1, 1001)
    right = np.random.default_rng(0).random(1001) < confidence
    found = coverage(confidence, right, np.array([0.0, 0.5, 0.9, 1.1]))
    assert [round(one.coverage.value, 2) for one in found] == [1.0, 0.5, 0.1, 0.0]
    assert found[0].accuracy.value < found[1].accuracy.value < found[2].accuracy.value
    assert found[3].accuracy.value is None
