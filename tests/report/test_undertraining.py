"""A run that loses to its best baseline is called under-trained only if its training says so."""

import numpy as np
import pytest

from core.catalog.methods import rate_for_width
from core.report.comparisons import compare_runs
from core.report.verdicts import verdict_sentence
from core.store import queries
from core.store.run_writer import RunWriter
from core.text.formatting import format_setting
from tests.report.verdict_runs import record_run_with_accuracy as record

STEPS = 200


@pytest.fixture
def baseline(store):
    return record(store, 0.7, "tfidf")


def signs(store, run_id: int) -> str | None:
    return compare_runs(store, run_id, queries.run(store, run_id).baseline_id).undertraining


def log_losses(store, run_id: int, losses, learning_rates=None) -> None:
    """Log training losses, and learning rates, at the first steps of a run."""
    run = RunWriter.reopen(store, run_id)
    rates = learning_rates or [3e-3] * len(losses)
    for step, (loss, rate) in enumerate(zip(losses, rates, strict=True), start=STEPS - len(losses)):
        run.log_history(step, step / 100, {"loss": loss, "learning_rate": rate})


@pytest.mark.parametrize(
    ("values", "sign"),
    [
        pytest.param({"steps": 60}, "60 steps", id="few-steps"),
        pytest.param({"lr": 1e-5}, "a learning rate of 1e-05", id="low-learning-rate"),
        pytest.param({"loss": 0.69, "lr": 1e-3}, "uniform guesses", id="high-loss"),
        pytest.param({"fit": 0.6}, "training macro F1 60.0", id="fit-below-the-baseline"),
    ],
)
def test_the_verdict_states_each_sign(store, baseline, values, sign):
    comparison = compare_runs(store, record(store, 0.6, seed=2, baseline=baseline, **values), baseline)
    sentence = verdict_sentence(comparison)
    assert sign in sentence
    assert sentence.endswith(comparison.undertraining) and comparison.undertraining.startswith("Likely under-trained (")


@pytest.mark.parametrize("values", [{"lr": 0.5, "loss": 0.69}, {"lr": 0.5}, {"lr": 1e-2, "loss": 2.0}])
def test_a_learning_rate_that_is_too_high_is_to_be_lowered(store, baseline, values):
    run_id = record(store, 0.5, seed=2, baseline=baseline, fit=0.5, **values)
    assert f"a learning rate of {format_setting(values['lr'])}" in signs(store, run_id)
    assert "lower --lr" in signs(store, run_id) and "higher" not in signs(store, run_id)


@pytest.mark.parametrize("hidden_size", [4096, None], ids=["wide", "unknown"])
def test_the_default_learning_rate_of_a_model_is_no_sign(store, baseline, hidden_size):
    rate = rate_for_width("lora", 4096)
    assert signs(store, record(store, 0.6, seed=2, baseline=baseline, lr=rate, hidden_size=hidden_size)) is None


def test_labels_that_only_the_baseline_finds_are_named(store):
    sizes = {"dataset": "movie-reviews-3", "train_size": 40}
    baseline = record(store, 0.7, "tfidf", **sizes)
    run_id = record(store, 0.5, seed=2, baseline=baseline, fit=0.5, never="neutral", **sizes)
    assert "training macro F1 50.0; never predicts: neutral)" in signs(store, run_id)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({}, id="no-signs"),
        pytest.param({"fit": 0.75}, id="fit-above-the-baseline"),
        pytest.param({"fit": 0.97, "steps": 60, "loss": 0.69}, id="good-fit"),
        pytest.param({"fit": 0.85, "steps": 60}, id="overfitting"),
    ],
)
def test_a_run_that_loses_for_another_reason_is_not_called_under_trained(store, baseline, values):
    assert signs(store, record(store, 0.6, seed=2, baseline=baseline, **values)) is None


def test_a_run_that_helps_is_not_called_under_trained(store, baseline):
    assert signs(store, record(store, 0.9, seed=2, steps=10, baseline=baseline)) is None


def test_only_the_comparison_with_the_best_baseline_states_signs(store, baseline):
    run_id = record(store, 0.6, seed=2, steps=10, baseline=baseline)
    assert signs(store, run_id) is not None
    assert compare_runs(store, run_id, record(store, 0.8, seed=3)).undertraining is None
    assert compare_runs(store, baseline, run_id).undertraining is None


FALLING = [*np.linspace(0.68, 0.30, 50)]
FLAT = [*np.linspace(0.68, 0.31, 25), *np.full(25, 0.3)]


@pytest.mark.parametrize(("losses", "is_falling"), [(FALLING, True), (FLAT, False), (FALLING[:8], False)])
def test_a_falling_loss_is_a_sign(store, baseline, losses, is_falling):
    run_id = record(store, 0.6, seed=2, baseline=baseline)
    log_losses(store, run_id, losses)
    assert bool(signs(store, run_id)) == is_falling


def test_the_noise_of_the_loss_is_no_sign(store, baseline):
    run_id = record(store, 0.6, seed=2, baseline=baseline)
    log_losses(store, run_id, [0.4 + 0.2 * (-1) ** step - 0.045 * (step >= 40) for step in range(50)])
    assert signs(store, run_id) is None


def test_a_run_whose_validation_stopped_improving_has_no_falling_loss(store, baseline):
    run_id = record(store, 0.6, seed=2, baseline=baseline)
    log_losses(store, run_id, FALLING)
    RunWriter.reopen(store, run_id).update(environment={"training_end": "no_improvement"})
    assert signs(store, run_id) is None


def test_a_run_without_a_learning_curve_has_no_signs(store, baseline):
    run_id = record(store, 0.6, seed=2, baseline=baseline, steps=None)
    assert signs(store, run_id) is None
