"""Training with ``epochs="auto"`` lasts as long as validation improves, and keeps the average of the weights."""

import numpy as np
import pytest

from core.config import make_config
from core.runs.progress import Progress
from core.training.checkpoints import CheckpointManager
from core.training.early_stopping import MIN_STEPS
from core.training.fine_tuning import fine_tune
from tests.small_runs import SIZES, job_for, write_films

HOURS = 36_000.0


class Curves(Progress):
    """Records the logged values by step, and stops the training after a step if ``stop_after`` is set."""

    def __init__(self, stop_after=None):
        self.stop_after, self.step, self.values, self.messages = stop_after, 0, {}, []

    def on_step_end(self, step, total, epoch):
        self.step = step

    def should_stop(self):
        return self.stop_after is not None and self.step >= self.stop_after

    def on_log(self, step, epoch, values):
        for name, value in values.items():
            self.values.setdefault(name, {})[step] = value

    def on_message(self, text):
        self.messages.append(text)


@pytest.fixture(scope="module")
def train(tiny_bert, tmp_path_factory):
    """A function that trains with early stopping and returns the fit, the curves and the test logits."""
    data = write_films(tmp_path_factory.mktemp("early-stopping"))

    def run(curves=None, checkpoints=None, **settings):
        values = {"dataset": data, "model": str(tiny_bert), "lr": 3e-3, **SIZES, "epochs": "auto", "batch_size": 8}
        job, curves = job_for(make_config({**values, **settings})), curves or Curves()
        fit = fine_tune(job, curves, *([checkpoints] if checkpoints else []))
        return fit, curves, fit.classifier.logits(job.data.test.texts)

    return run


@pytest.fixture(scope="module")
def stalled(train):
    """A training that ends because validation stops improving."""
    return train(patience=1)


def test_training_ends_when_validation_stalls(stalled):
    fit, curves, _ = stalled
    steps = fit.environment["training_steps"]
    assert fit.environment["training_end"] == "no_improvement"
    assert steps >= MIN_STEPS and max(curves.values["validation_loss"]) == steps
    assert any(f"after {steps:,} steps" in message for message in curves.messages)


def test_learning_rate_is_constant_after_the_warmup(stalled):
    _, curves, _ = stalled
    rates = curves.values["learning_rate"]
    assert {rate for step, rate in rates.items() if step > 12} == {3e-3}


def test_weights_of_the_best_evaluation_are_kept(stalled):
    fit, curves, _ = stalled
    losses, scores = curves.values["validation_loss"], curves.values["validation_macro_f1"]
    best = max(losses, key=lambda step: scores[step] - losses[step] / 10)
    assert fit.best_epoch == pytest.approx(best / 6)  # 48 examples in batches of 8


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ({"max_steps": 30}, "max_steps"),
        ({"max_steps": 2}, "max_steps"),
        ({"max_steps": 1}, "max_steps"),
        ({"time_budget": 0.001}, "time_budget"),
    ],
)
def test_limits_end_the_training_with_an_evaluation(train, limit, reason):
    fit, curves, _ = train(**limit)
    steps = fit.environment["training_steps"]
    assert fit.environment["training_end"] == reason
    assert steps <= limit.get("max_steps", 2) and max(curves.values["validation_loss"]) == steps


def test_batch_may_be_larger_than_the_training_split(train):
    fit, curves, logits = train(train_size=8, validation_size=4, test_size=4, batch_size=64, max_steps=40)
    assert fit.environment["training_steps"] == 40 and fit.best_epoch in curves.values["validation_loss"]
    assert np.isfinite(logits).all()


def test_resumed_training_equals_an_uninterrupted_one(train, stalled, tmp_path):
    fit, _, expected = stalled
    with pytest.raises(KeyboardInterrupt):
        train(Curves(stop_after=45), CheckpointManager(tmp_path, HOURS), patience=1)
    resumed, _, logits = train(None, CheckpointManager(tmp_path, HOURS), patience=1)
    assert np.array_equal(logits, expected)
    assert resumed.environment["training_steps"] == fit.environment["training_steps"]
