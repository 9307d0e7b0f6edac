"""A small database of recorded runs, written by the store; the adapters' predictions are random."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.config import RunConfig
from core.data import load_data
from core.data.splits import DataSet, Split
from core.evaluation.intervals import Estimate
from core.evaluation.metrics import evaluate
from core.evaluation.predictions import leaked_positions
from core.models.baselines import fit_majority, fit_tfidf
from core.models.classifier import FitResult, probabilities
from core.runs.baseline_link import link_to_baseline
from core.runs.job import Job
from core.store.engine import Store, open_store
from core.store.recorder import recording
from core.store.run_writer import RunWriter, save_recheck

SIZES = {"train_size": 80, "validation_size": 20, "test_size": 100}
ENVIRONMENT = {"python": "3.11", "packages": {"torch": "2.13"}, "git_commit": "0123456789ab", "git_dirty": False}
OTHER_ENVIRONMENT = ENVIRONMENT | {"packages": {"torch": "2.12"}, "truncated": {"train": 0.2, "test": 0.25}}
TEMPERATURE = 1.5
ODD_NAME = "lora *r4* <b>bold</b>"


@dataclass(frozen=True)
class Seeded:
    """The database and the ids of its runs."""

    database: Path
    majority: int
    tfidf: int
    lora: int
    odd: int
    failed: int
    other_test_set: int
    seeds: tuple[int, ...]
    flawed: int


def seed(folder: Path) -> Seeded:
    """Record two baselines, two adapters, a failed run, runs on other test sets, and more seeds of an adapter."""
    database = folder / "runs.db"
    store = open_store(str(database), create=True)
    data = load_data(RunConfig(**SIZES))
    runs = {
        "majority": _record_baseline(store, data, "majority", fit_majority),
        "tfidf": _record_baseline(store, data, "tfidf", fit_tfidf),
        "lora": _record_adapter(store, data, RunConfig(**SIZES), "lora-r8", 0.9),
        "odd": _record_adapter(store, data, RunConfig(**SIZES, r=4, epochs=3), ODD_NAME, 0.8, OTHER_ENVIRONMENT),
        "failed": record_failure(store, data),
        "other_test_set": _record_on_other_test_set(store),
        "flawed": _record_on_flawed_data(store),
    }
    seeds = [_record_adapter(store, data, RunConfig(**SIZES, seed=seed), "lora-r8", 0.8) for seed in (43, 44)]
    save_recheck(store, runs["lora"], 2, 0.05, True, {"packages": {"torch": "2.14"}})
    return Seeded(database, **runs, seeds=(runs["lora"], *seeds))


def _record_on_other_test_set(store: Store) -> int:
    config = RunConfig(dataset="movie-reviews-3", **SIZES)
    return _record_adapter(store, load_data(config), config, "lora-r8", 0.7)


def _record_on_flawed_data(store: Store) -> int:
    """Record a run on data with a leak, a near duplicate, a conflict, a repeated text and a rare class."""
    data = flawed_data()
    return _record_adapter(store, data, RunConfig(dataset=data.source, **SIZES), "lora-r8", 0.8)


def flawed_data() -> DataSet:
    """Return a data set with three labels and one example of each flaw that the data quality checks find."""
    rng = np.random.default_rng(0)
    words = ("slow", "warm", "loud", "sharp", "dull", "brave", "grey", "kind", "odd", "late", "young", "old")

    def draw_texts(size: int, first: int) -> list[str]:
        return [f"Film {first + i}, {' and '.join(rng.choice(words, 4, replace=False))}." for i in range(size)]

    texts = {"train": draw_texts(80, 1000), "validation": draw_texts(20, 2000), "test": draw_texts(100, 3000)}
    labels = {name: np.array([i % 2 for i in range(len(split))]) for name, split in texts.items()}
    for codes in labels.values():
        codes[:4] = 2  # four examples of the rare class
    texts["test"][10] = texts["train"][20].upper()  # a leak
    texts["test"][12] = texts["train"][22] + "."  # a near duplicate
    texts["test"][14] = texts["test"][16]  # a duplicate
    texts["test"][18] = texts["train"][19]  # a leak with another label
    splits = {
        name: Split(tuple(split), labels[name], tuple({"rating_deviation": 0.5 + i % 3} for i in range(len(split))))
        for name, split in texts.items()
    }
    return DataSet(
        "films", "file:films.csv", None, "text", "label", ("bad", "good", "odd"), splits, {"without text": 2}
    )


def _record_baseline(store: Store, data: DataSet, method: str, fit: Callable[[Job], FitResult]) -> int:
    config = RunConfig(method=method, **SIZES)
    with recording(store, config, method, ENVIRONMENT) as run:
        fitted = fit(Job(config, data, backbone=None))
        dataset_id = _save_test(run, data, config, fitted.classifier.logits(data.test.texts))
        _save_validation(run, data, dataset_id, fitted.classifier.logits(data.validation.texts))
        run.save_metrics("validation", {"temperature": Estimate(TEMPERATURE)})
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


def _record_adapter(
    store: Store,
    data: DataSet,
    config: RunConfig,
    name: str,
    accuracy: float,
    environment: Mapping[str, Any] = ENVIRONMENT,
) -> int:
    rng = np.random.default_rng(int(accuracy * 100) + config.seed)
    epochs = 2 if config.epochs == "auto" else config.epochs
    with recording(store, config, name, environment) as run:
        dataset_id = _save_test(run, data, config, _draw_logits(data.test, len(data.labels), accuracy, rng))
        _save_validation(run, data, dataset_id, _draw_logits(data.validation, len(data.labels), accuracy, rng))
        for epoch in range(1, epochs + 1):
            run.log_history(10 * epoch - 5, epoch - 0.5, {"loss": 0.7 / epoch})
            values = {"validation_loss": 0.7 / epoch, "validation_macro_f1": 0.7 + 0.05 * epoch}
            run.log_history(10 * epoch, epoch, values)
        chosen = {"best_epoch": Estimate(float(epochs)), "temperature": Estimate(TEMPERATURE)}
        run.save_metrics("validation", chosen)
        link_to_baseline(run, dataset_id, data.labels, config.seed)
        run.update(
            model="sentence-transformers/all-MiniLM-L6-v2",
            train_seconds=60.0 * accuracy,
            trainable_parameters=74_498,
            total_parameters=22_788_484,
        )
    return run.id


def _draw_logits(split: Split, labels: int, accuracy: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return random logits, [n, k], that predict about this share of the labels."""
    predicted = np.where(rng.random(len(split)) < accuracy, split.labels, rng.integers(labels, size=len(split)))
    return (rng.normal(size=(len(split), labels)) + 3 * np.eye(labels)[predicted]).astype(np.float32)


def _save_test(run: RunWriter, data: DataSet, config: RunConfig, logits: NDArray[np.float32]) -> int:
    dataset_id = run.save_dataset(data, config.group_key(data.fingerprint))
    shares = probabilities(logits)
    leaked = leaked_positions(data.checks, len(data.test))
    evaluation = evaluate(data.test.labels, shares, data.labels, temperature=TEMPERATURE, leaked=leaked)
    run.save_predictions(data, "test", dataset_id, shares, evaluation)
    return dataset_id


def _save_validation(run: RunWriter, data: DataSet, dataset_id: int, logits: NDArray[np.float32]) -> None:
    shares = probabilities(logits)
    evaluation = evaluate(data.validation.labels, shares, data.labels)
    run.save_predictions(data, "validation", dataset_id, shares, evaluation)


def record_weak_adapter(store: Store, data: DataSet) -> int:
    """Record a baseline and an adapter that is worse; return the adapter's run id."""
    _record_baseline(store, data, "tfidf", fit_tfidf)
    return _record_adapter(store, data, RunConfig(**SIZES), "lora-r8", 0.2)


def record_adapters(store: Store, labels: int, *accuracies: float) -> list[int]:
    """Record adapters of these approximate accuracies on generated data with many labels; return their run ids."""
    names = tuple(f"intent: {number}, 'x'" for number in range(labels))
    sizes = {"train": 2 * labels + 20, "validation": labels + 20, "test": 2 * labels + 100}
    splits = {
        name: Split(tuple(f"{name} {place}" for place in range(size)), np.arange(size) % labels, ({},) * size)
        for name, size in sizes.items()
    }
    data = DataSet("intents", "file:intents.csv", None, "text", "label", names, splits, {})
    return [
        _record_adapter(store, data, RunConfig(**SIZES, r=place + 1), f"lora-{place}", accuracy)
        for place, accuracy in enumerate(accuracies)
    ]


def record_quantized(store: Store) -> tuple[int, int]:
    """Record an adapter, and the same adapter on a 4-bit base; return their run ids."""
    data = load_data(RunConfig(**SIZES))
    exact = _record_adapter(store, data, RunConfig(**SIZES), "lora-r8", 0.8)
    quantized = _record_adapter(store, data, RunConfig(**SIZES, quantize="4bit"), "lora-r8-4bit", 0.7)
    for run_id, base, peak in ((exact, 90_000_000, 900_000_000), (quantized, 53_000_000, 800_000_000)):
        RunWriter.reopen(store, run_id).update(base_memory_bytes=base, peak_memory_bytes=peak)
    return exact, quantized


def record_failure(store: Store, data: DataSet) -> int:
    """Record a run that failed during training."""
    with recording(store, RunConfig(**SIZES, lr=9.0), "lora-r8", ENVIRONMENT) as run:
        run.update(dataset_id=run.storage.save_dataset(data))
        run.enter_phase("training")
        raise ValueError("the loss is *not* a number")
    return run.id
