"""A small database of recorded runs, written by the store itself; the adapters' predictions are made up."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.config import RunConfig
from core.data import load_data
from core.data.splits import DataSet
from core.evaluation.intervals import Estimate
from core.evaluation.metrics import evaluate
from core.models.baselines import fit_majority, fit_tfidf
from core.models.classifier import probabilities
from core.store import queries
from core.store.engine import Store, open_store
from core.store.recorder import RunWriter, recording, save_dataset

SIZES = {"train_size": 80, "validation_size": 20, "test_size": 100}
ENVIRONMENT = {"python": "3.11", "packages": {"torch": "2.13"}, "git_commit": "0123456789ab", "git_dirty": False}
ODD_NAME = "lora *r4* <b>bold</b>"


@dataclass(frozen=True)
class Seeded:
    """The database and its runs' numbers."""

    database: Path
    majority: int
    tfidf: int
    lora: int
    odd: int
    failed: int
    other_test_set: int


def seed(folder: Path) -> Seeded:
    """Record two baselines, two adapters, a failed run, and a run on another test set."""
    database = folder / "runs.db"
    store = open_store(str(database), create=True)
    data = load_data(RunConfig(**SIZES))
    return Seeded(
        database,
        majority=_baseline(store, data, "majority", fit_majority),
        tfidf=_baseline(store, data, "tfidf", fit_tfidf),
        lora=_adapter(store, data, RunConfig(**SIZES), "lora-r8", right=0.9),
        odd=_adapter(store, data, RunConfig(**SIZES, r=4, epochs=3), ODD_NAME, right=0.8),
        failed=record_failure(store, data),
        other_test_set=_of_other_test_set(store),
    )


def _of_other_test_set(store: Store) -> int:
    config = RunConfig(dataset="movie-reviews-3", **SIZES)
    return _adapter(store, load_data(config), config, "lora-r8", right=0.7)


def _baseline(store: Store, data: DataSet, method: str, fit) -> int:
    config = RunConfig(method=method, **SIZES)
    with recording(store, config, method, ENVIRONMENT) as run:
        fitted = fit(config, data)
        _save(run, data, config, fitted.classifier.logits(data.test.texts))
        folder = store.folder / "adapters" / f"{run.id}-{method}"
        folder.mkdir(parents=True)
        fitted.classifier.save(folder)
        (folder / "README.md").write_text("# A card\n\n<script>alert(1)</script>\n")
        run.update(
            adapter_path=f"adapters/{folder.name}",
            adapter_bytes=1234,
            train_seconds=0.5,
            trainable_parameters=fitted.trainable_parameters,
            total_parameters=fitted.total_parameters,
        )
    return run.id


def _adapter(store: Store, data: DataSet, config: RunConfig, name: str, right: float) -> int:
    rng = np.random.default_rng(int(right * 100))
    true, labels = data.test.labels, len(data.labels)
    said = np.where(rng.random(len(true)) < right, true, rng.integers(labels, size=len(true)))
    logits = rng.normal(size=(len(true), labels)) * 0.3 + 2 * np.eye(labels)[said]
    with recording(store, config, name, ENVIRONMENT) as run:
        dataset_id = _save(run, data, config, logits.astype(np.float32))
        for epoch in range(1, config.epochs + 1):
            run.log(10 * epoch - 5, epoch - 0.5, {"loss": 0.7 / epoch})
            run.log(10 * epoch, epoch, {"validation_loss": 0.7 / epoch, "validation_macro_f1": 0.7 + 0.05 * epoch})
        run.save_metrics("validation", {"best_epoch": Estimate(float(config.epochs))})
        run.update(
            baseline_id=queries.best_baseline(store, dataset_id, config.seed),
            model="sentence-transformers/all-MiniLM-L6-v2",
            train_seconds=60.0 * right,
            trainable_parameters=74_498,
            total_parameters=22_788_484,
        )
    return run.id


def record_failure(store: Store, data: DataSet) -> int:
    """Record a run that failed while training."""
    with recording(store, RunConfig(**SIZES, lr=9.0), "lora-r8", ENVIRONMENT) as run:
        run.update(dataset_id=save_dataset(store, data))
        run.enter("training")
        raise ValueError("the loss is *not* a number")
    return run.id


def _save(run: RunWriter, data: DataSet, config: RunConfig, logits) -> int:
    dataset_id = save_dataset(run.store, data)
    run.update(dataset_id=dataset_id, group_key=config.group_key(data.fingerprint))
    shares = probabilities(logits)
    run.save_predictions(data, "test", dataset_id, shares, evaluate(data.test.labels, shares, data.labels))
    return dataset_id
