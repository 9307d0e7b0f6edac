"""Runs recorded without training, with a chosen accuracy, for tests of comparisons and verdicts."""

from functools import cache

import numpy as np

from core.catalog.figures import TRAINING_MACRO_F1
from core.config import make_config
from core.data import load_data
from core.data.splits import DataSet
from core.evaluation.intervals import Estimate
from core.evaluation.metrics import evaluate
from core.store.datasets import save_dataset
from core.store.engine import Store
from core.store.recorder import recording

SIZES = {"train_size": 40, "validation_size": 20, "test_size": 200}


def record_run_with_accuracy(
    store: Store,
    accuracy: float,
    method: str = "lora",
    *,
    seed: int = 1,
    packages: dict[str, str] | None = None,
    steps: int | None = 200,
    loss: float = 0.3,
    fit: float | None = None,
    never: str | None = None,
    baseline: int | None = None,
    hidden_size: int | None = 384,
    **values: object,
) -> int:
    """Record a run whose predictions are correct with this probability; return its id.

    ``fit``: its macro F1 on training examples. ``never``: a label that it never predicts.
    """
    config = make_config({"method": method, "seed": seed, "lr": 3e-3, **SIZES, **values})
    data = _load_data(config.dataset, config.test_size)
    rng = np.random.default_rng(seed)
    others = (data.test.labels + 1) % len(data.labels)
    predicted = np.where(rng.random(len(data.test)) < accuracy, data.test.labels, others)
    if never is not None:
        excluded = data.labels.index(never)
        predicted[predicted == excluded] = (excluded + 1) % len(data.labels)
    probabilities = np.where(np.eye(len(data.labels))[predicted] == 1, 0.8, 0.2 / (len(data.labels) - 1))
    environment = {"packages": packages or {"torch": "2.13.0"}, "hidden_size": hidden_size}
    with recording(store, config, method, environment) as run:
        dataset_id = save_dataset(store, data)
        run.update(dataset_id=dataset_id, group_key=config.group_key(data.fingerprint), baseline_id=baseline)
        rows = probabilities.astype(np.float32)
        run.save_predictions(data, "test", dataset_id, rows, evaluate(data.test.labels, rows, data.labels))
        if fit is not None:
            run.save_metrics("train", {TRAINING_MACRO_F1: Estimate(fit)})
        if method == "lora" and steps is not None:
            run.log_history(steps, 2.0, {"loss": loss})
    return run.id


@cache
def _load_data(dataset: str, test_size: int) -> DataSet:
    return load_data(make_config({**SIZES, "dataset": dataset, "test_size": test_size}))


def record_run_without_predictions(store: Store) -> int:
    """Record a complete run that has no stored predictions; return its id."""
    config = make_config({"method": "tfidf", **SIZES})
    with recording(store, config, "without predictions", {}) as run:
        run.update(dataset_id=save_dataset(store, _load_data(config.dataset, config.test_size)))
    return run.id
