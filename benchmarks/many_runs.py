"""Create a database of many synthetic runs with SQL, to measure the dashboard.

Predictions are drawn from a list of precomputed answers, so that ten million complete rows take minutes.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, insert, text

from core.config import make_config
from core.data import load_data
from core.data.splits import DataSet
from core.evaluation.metrics import Evaluation, evaluate
from core.store.datasets import save_dataset
from core.store.engine import Store, open_store
from core.store.schema import Base, ClassMetricRow, HistoryRow, MetricRow, RunRow

ANSWERS = 20_011  # precomputed answers per label; a prime, so that they vary over runs and examples
START = datetime(2026, 1, 1, tzinfo=UTC)
METHODS = ("lora", "lora", "lora", "frozen", "tfidf", "majority")
RANKS = (1, 2, 4, 8, 16, 32, 64)
STATES = ("complete",) * 19 + ("failed",)
DISTINCT_EVALUATIONS = 20  # instead of one per run


def make_database(path: Path, runs: int, test_size: int = 1_000) -> Store:
    """Create a database of runs with predictions on test examples, and return its store."""
    store = open_store(str(path), create=True)
    config = make_config({"test_size": test_size, "train_size": 2_000, "validation_size": 500})
    data = load_data(config)
    dataset_id = save_dataset(store, data)
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for pragma in ("synchronous = OFF", "cache_size = -400000", "temp_store = MEMORY"):
            connection.exec_driver_sql(f"PRAGMA {pragma}")  # outside a transaction
    with store.engine.begin() as connection:
        connection.execute(insert(RunRow), [_run(number, dataset_id) for number in range(1, runs + 1)])
        _write_figures(connection, data, runs)
        _write_predictions(connection, data, dataset_id)
    with store.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()
    return store


def _run(number: int, dataset_id: int) -> dict[str, Any]:
    method = METHODS[number % len(METHODS)]
    rank, seed = RANKS[number % len(RANKS)], number // len(RANKS) % 5
    config = make_config({"method": method, "seed": seed} | ({"r": rank} if method == "lora" else {}))
    adapter, start = config.kind != "baseline", START + timedelta(minutes=number)
    return {
        "id": number,
        "name": config.default_name(),
        "kind": config.kind,
        "method": method,
        "status": STATES[number % len(STATES)],
        "seed": config.settings().get("seed"),
        "model": "sentence-transformers/all-MiniLM-L6-v2" if adapter else None,
        "dataset_id": dataset_id,
        "baseline_id": 4 if adapter and number > 4 else None,
        "group_key": f"{method}-{rank}-{number // 35}",
        "config": config.settings(),
        "created_at": start,
        "started_at": start,
        "ended_at": start + timedelta(seconds=60),
        "heartbeat_at": start + timedelta(seconds=60),
        "trainable_parameters": 9_000 * rank if adapter else 0,
        "total_parameters": 22_700_000,
        "adapter_bytes": 36_000 * rank,
        "train_seconds": 40.0 + number % 60,
        "evaluation_seconds": 1.0,
        "peak_memory_bytes": 900_000_000,
        "environment": {"python": "3.11", "packages": {"torch": "2.13.0"}, "device": "cpu"},
        "tags": ["paper"] if number % 50 == 0 else [],
    }


def _evaluations(data: DataSet) -> list[Evaluation]:
    rng = np.random.default_rng(0)
    probabilities = [
        _draw_probabilities(rng, data.test.labels, len(data.labels), accuracy=0.6 + 0.015 * number)
        for number in range(DISTINCT_EVALUATIONS)
    ]
    return [evaluate(data.test.labels, predicted, data.labels, temperature=1.2) for predicted in probabilities]


def _draw_probabilities(rng: np.random.Generator, true: Any, classes: int, accuracy: float) -> Any:
    predicted = np.where(rng.random(len(true)) < accuracy, true, rng.integers(classes, size=len(true)))
    logits = rng.normal(size=(len(true), classes)) + 2.5 * np.eye(classes)[predicted]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return probabilities.astype("<f4")


def _write_figures(connection: Connection, data: DataSet, runs: int) -> None:
    evaluations = _evaluations(data)
    metrics, classes, history = [], [], []
    for number in range(1, runs + 1):
        evaluation = evaluations[number * 7 % DISTINCT_EVALUATIONS]
        gap = {"macro_f1_over_baseline": (0.02, 0.001, 0.04), "macro_f1_over_baseline_p": (0.03, None, None)}
        figures = {name: tuple(vars(estimate).values()) for name, estimate in evaluation.metrics.items()}
        rows = (figures | gap).items()
        for split in ("test", "validation"):
            metrics += [
                {"run_id": number, "split": split, "name": n, "value": v, "low": lo, "high": hi}
                for n, (v, lo, hi) in rows
            ]
        metrics.append(
            {"run_id": number, "split": "validation", "name": "temperature", "value": 1.2, "low": None, "high": None}
        )
        for of_class in evaluation.classes:
            row: dict[str, Any] = {"run_id": number, "split": "test"}
            row |= {"label": of_class.label, "support": of_class.support}
            for name in ("precision", "recall", "f1"):
                estimate = getattr(of_class, name)
                row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
            classes.append(row)
        if METHODS[number % len(METHODS)] == "lora":
            for step in range(1, 26):
                history.append(
                    {"run_id": number, "step": 5 * step, "epoch": step / 12, "name": "loss", "value": 0.7 - 0.01 * step}
                )
            for epoch in (1, 2):
                history.append(
                    {
                        "run_id": number,
                        "step": 60 * epoch,
                        "epoch": epoch,
                        "name": "validation_macro_f1",
                        "value": 0.75 + 0.01 * epoch,
                    }
                )
    for table, rows_ in ((MetricRow, metrics), (ClassMetricRow, classes), (HistoryRow, history)):
        connection.execute(insert(table), rows_)


def _write_predictions(connection: Connection, data: DataSet, dataset_id: int) -> None:
    """Write a prediction of every run for every test example, picked from the answers of its label."""
    rng = np.random.default_rng(1)
    connection.exec_driver_sql(
        "CREATE TEMP TABLE answer (label TEXT, k INTEGER, predicted TEXT, confidence REAL, true_probability REAL,"
        " probabilities BLOB, PRIMARY KEY (label, k)) WITHOUT ROWID"
    )
    for code, label in enumerate(data.labels):
        probabilities = _draw_probabilities(rng, np.full(ANSWERS, code), len(data.labels), accuracy=0.8)
        rows = [
            (label, k, data.labels[int(row.argmax())], float(row.max()), float(row[code]), row.tobytes())
            for k, row in enumerate(probabilities)
        ]
        connection.exec_driver_sql("INSERT INTO answer VALUES (?, ?, ?, ?, ?, ?)", rows)
    (index,) = Base.metadata.tables["predictions"].indexes  # recreated at the end, which is much faster
    index.drop(connection)
    connection.execute(
        text(
            "INSERT INTO predictions (run_id, example_id, predicted, confidence, true_probability, probabilities,"
            " truncated) SELECT r.id, e.id, a.predicted, a.confidence, a.true_probability, a.probabilities, 0"
            " FROM runs r CROSS JOIN examples e CROSS JOIN answer a"
            " WHERE r.status = 'complete' AND e.dataset_id = :dataset AND e.split = 'test' AND a.label = e.label"
            " AND a.k = (r.id * 7919 + e.position * 104729) % :answers ORDER BY r.id, e.id"
        ),
        {"dataset": dataset_id, "answers": ANSWERS},
    )
    index.create(connection)
