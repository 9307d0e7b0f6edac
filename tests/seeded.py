"""A small database of recorded runs, written by the store itself; the adapters' predictions are made up."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.config import RunConfig
from core.data import load_data
from core.data.splits import DataSet, Split
from core.evaluation.intervals import Estimate
from core.evaluation.metrics import evaluate
from core.evaluation.predictions import leaked_positions
from core.models.baselines import fit_majority, fit_tfidf
from core.models.classifier import probabilities
from core.runs.baseline_link import link_to_baseline
from core.runs.job import Job
from core.store.datasets import save_dataset
from core.store.engine import Store, open_store
from core.store.recorder import recording
from core.store.run_writer import RunWriter, save_recheck

SIZES = {"train_size": 80, "validation_size": 20, "test_size": 100}
ENVIRONMENT = {"python": "3.11", "packages": {"torch": "2.13"}, "git_commit": "0123456789ab", "git_dirty": False}
OTHER = ENVIRONMENT | {"packages": {"torch": "2.12"}, "truncated": {"train": 0.2, "test": 0.25}}
TEMPERATURE = 1.5
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
    seeds: tuple[int, ...]
    flawed: int


def seed(folder: Path) -> Seeded:
    """Record two baselines, two adapters, a failed run, runs on other test sets, and more seeds of an adapter."""
    database = folder / "runs.db"
    store = open_store(str(database), create=True)
    data = load_data(RunConfig(**SIZES))
    known = {
        "majority": _baseline(store, data, "majority", fit_majority),
        "tfidf": _baseline(store, data, "tfidf", fit_tfidf),
        "lora": _adapter(store, data, RunConfig(**SIZES), "lora-r8", right=0.9),
        "odd": _adapter(store, data, RunConfig(**SIZES, r=4, epochs=3), ODD_NAME, right=0.8, environment=OTHER),
        "failed": record_failure(store, data),
        "other_test_set": _of_other_test_set(store),
        "flawed": _of_flawed_data(store),
    }
    more = [_adapter(store, data, RunConfig(**SIZES, seed=other), "lora-r8", right=0.8) for other in (43, 44)]
    save_recheck(store, known["lora"], 2, 0.05, True, {"packages": {"torch": "2.14"}})
    return Seeded(database, **known, seeds=(known["lora"], *more))


def _of_other_test_set(store: Store) -> int:
    config = RunConfig(dataset="movie-reviews-3", **SIZES)
    return _adapter(store, load_data(config), config, "lora-r8", right=0.7)


def _of_flawed_data(store: Store) -> int:
    """Record a run on data with a leak, a near duplicate, a conflict, a repeated text and a rare class."""
    data = flawed_data()
    return _adapter(store, data, RunConfig(dataset=data.source, **SIZES), "lora-r8", right=0.8)


def flawed_data() -> DataSet:
    """Return films that are good, bad or rarely odd, and what is wrong with them put there on purpose."""
    rng = np.random.default_rng(0)
    words = ("slow", "warm", "loud", "sharp", "dull", "brave", "grey", "kind", "odd", "late", "young", "old")

    def drawn(size: int, first: int) -> list[str]:
        return [f"Film {first + i}, {' and '.join(rng.choice(words, 4, replace=False))}." for i in range(size)]

    texts = {"train": drawn(80, 1000), "validation": drawn(20, 2000), "test": drawn(100, 3000)}
    labels = {name: np.array([i % 2 for i in range(len(part))]) for name, part in texts.items()}
    for part in labels.values():
        part[:4] = 2  # four examples of the rare class
    texts["test"][10] = texts["train"][20].upper()  # a leak
    texts["test"][12] = texts["train"][22] + "."  # a near duplicate
    texts["test"][14] = texts["test"][16]  # stands twice
    texts["test"][18] = texts["train"][19]  # a leak with another label
    splits = {
        name: Split(tuple(part), labels[name], tuple({"rating_deviation": 0.5 + i % 3} for i in range(len(part))))
        for name, part in texts.items()
    }
    return DataSet(
        "films", "file:films.csv", None, "text", "label", ("bad", "good", "odd"), splits, {"without text": 2}
    )


def _baseline(store: Store, data: DataSet, method: str, fit) -> int:
    config = RunConfig(method=method, **SIZES)
    with recording(store, config, method, ENVIRONMENT) as run:
        fitted = fit(Job(config, data, backbone=None))
        dataset_id = _save(run, data, config, fitted.classifier.logits(data.test.texts))
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


def _adapter(store: Store, data: DataSet, config: RunConfig, name: str, right: float, environment=ENVIRONMENT) -> int:
    rng = np.random.default_rng(int(right * 100) + config.seed)
    with recording(store, config, name, environment) as run:
        dataset_id = _save(run, data, config, _logits(data.test, len(data.labels), right, rng))
        validation = _logits(data.validation, len(data.labels), right, rng)
        _save_validation(run, data, dataset_id, validation)
        for epoch in range(1, config.epochs + 1):
            run.log_history(10 * epoch - 5, epoch - 0.5, {"loss": 0.7 / epoch})
            run.log_history(
                10 * epoch, epoch, {"validation_loss": 0.7 / epoch, "validation_macro_f1": 0.7 + 0.05 * epoch}
            )
        run.save_metrics(
            "validation", {"best_epoch": Estimate(float(config.epochs)), "temperature": Estimate(TEMPERATURE)}
        )
        link_to_baseline(run, dataset_id, data.labels, config.seed)
        run.update(
            model="sentence-transformers/all-MiniLM-L6-v2",
            train_seconds=60.0 * right,
            trainable_parameters=74_498,
            total_parameters=22_788_484,
        )
    return run.id


def _logits(split: Split, labels: int, right: float, rng: np.random.Generator):
    """Make up logits that are right about this often."""
    said = np.where(rng.random(len(split)) < right, split.labels, rng.integers(labels, size=len(split)))
    return (rng.normal(size=(len(split), labels)) + 3 * np.eye(labels)[said]).astype(np.float32)


def _save_validation(run: RunWriter, data: DataSet, dataset_id: int, logits) -> None:
    shares = probabilities(logits)
    evaluation = evaluate(data.validation.labels, shares, data.labels)
    run.save_predictions(data, "validation", dataset_id, shares, evaluation)


def record_weak_adapter(store: Store, data: DataSet) -> int:
    """Record a baseline and an adapter that learnt less; return the adapter's number."""
    _baseline(store, data, "tfidf", fit_tfidf)
    return _adapter(store, data, RunConfig(**SIZES), "lora-r8", right=0.2)


def record_adapters(store: Store, labels: int, *rights: float) -> list[int]:
    """Record adapters that are right this often, on made-up data with so many labels; return their numbers."""
    names = tuple(f"intent: {number}, 'x'" for number in range(labels))
    splits = {
        name: Split(tuple(f"{name} {place}" for place in range(size)), np.arange(size) % labels, ({},) * size)
        for name, size in {"train": 2 * labels + 20, "validation": labels + 20, "test": 2 * labels + 100}.items()
    }
    data = DataSet("intents", "file:intents.csv", None, "text", "label", names, splits, {})
    return [
        _adapter(store, data, RunConfig(**SIZES, r=place + 1), f"lora-{place}", right)
        for place, right in enumerate(rights)
    ]


def record_quantized(store: Store) -> tuple[int, int]:
    """Record an adapter, and the same on a base in 4 bits; return their numbers."""
    data = load_data(RunConfig(**SIZES))
    exact = _adapter(store, data, RunConfig(**SIZES), "lora-r8", right=0.8)
    quantised = _adapter(store, data, RunConfig(**SIZES, quantize="4bit"), "lora-r8-4bit", right=0.7)
    for run_id, base, peak in ((exact, 90_000_000, 900_000_000), (quantised, 53_000_000, 800_000_000)):
        RunWriter.reopen(store, run_id).update(base_memory_bytes=base, peak_memory_bytes=peak)
    return exact, quantised


def record_failure(store: Store, data: DataSet) -> int:
    """Record a run that failed while training."""
    with recording(store, RunConfig(**SIZES, lr=9.0), "lora-r8", ENVIRONMENT) as run:
        run.update(dataset_id=save_dataset(store, data))
        run.enter_phase("training")
        raise ValueError("the loss is *not* a number")
    return run.id


def _save(run: RunWriter, data: DataSet, config: RunConfig, logits) -> int:
    dataset_id = save_dataset(run.store, data)
    run.update(dataset_id=dataset_id, group_key=config.group_key(data.fingerprint))
    shares = probabilities(logits)
    leaked = leaked_positions(data.checks, len(data.test))
    evaluation = evaluate(data.test.labels, shares, data.labels, temperature=TEMPERATURE, leaked=leaked)
    run.save_predictions(data, "test", dataset_id, shares, evaluation)
    return dataset_id
