"""What runs write; what people change stands in `core.store.curator`."""

import itertools
import logging
import os
import socket
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert, select, update

from core.config import RunConfig
from core.data.splits import DataSet, Split
from core.errors import BenchError
from core.evaluation.intervals import Estimate
from core.evaluation.metrics import Evaluation
from core.store.engine import Store
from core.store.records import HEARTBEAT_SECONDS
from core.store.schema import (
    ClassBalanceRow,
    ClassMetricRow,
    DatasetRow,
    ExampleRow,
    HistoryRow,
    LogRow,
    MetricRow,
    PredictionRow,
    RecheckRow,
    RunRow,
    now,
)

LONGEST_LINE = 2_000
"""Characters of a line in a run's log."""


class RunWriter:
    """Writes to one run's record while it runs."""

    def __init__(self, store: Store, run_id: int) -> None:
        self.store = store
        self.id = run_id
        self._lines = itertools.count(1)

    def update(self, **columns: Any) -> None:
        """Set columns of the run's row."""
        with self.store.session.begin() as session:
            session.execute(update(RunRow).where(RunRow.id == self.id).values(**columns))

    def enter(self, phase: str) -> None:
        """Record which phase the run is in now."""
        self.update(phase=phase, heartbeat_at=now())

    def log(self, step: int, epoch: float, values: Mapping[str, float]) -> None:
        """Append logged training values; one that is not finite is kept as NULL."""
        rows = [
            {"run_id": self.id, "step": step, "epoch": epoch, "name": name, "value": _finite(value)}
            for name, value in values.items()
        ]
        with self.store.session.begin() as session:
            session.execute(insert(HistoryRow), rows)

    def step(self, step: int, total: int, seconds: float, examples_per_second: float) -> None:
        """Record how far the training is: its time and speed so far stand where the final ones will."""
        self.update(step=step, total_steps=total, train_seconds=seconds, train_examples_per_second=examples_per_second)

    def say(self, text: str) -> None:
        """Append a line to the run's log."""
        with self.store.session.begin() as session:
            session.add(LogRow(run_id=self.id, line=next(self._lines), at=now(), text=text[:LONGEST_LINE]))

    def save_metrics(self, split: str, metrics: Mapping[str, Estimate]) -> None:
        """Store figures of one split."""
        rows = [MetricRow(run_id=self.id, split=split, name=name, **vars(one)) for name, one in metrics.items()]
        with self.store.session.begin() as session:
            session.add_all(rows)

    def save_predictions(
        self,
        data: DataSet,
        split: str,
        dataset_id: int,
        probabilities: NDArray[np.float32],
        evaluation: Evaluation,
        truncated: NDArray[np.bool_] | None = None,
    ) -> None:
        """Store the predictions on a split, [n, k] in its order, with all that they say.

        ``truncated``: [n], of which texts only the beginning was read; None where that is not known.
        """
        with self.store.session.begin() as session:
            ids = session.scalars(
                select(ExampleRow.id)
                .where(ExampleRow.dataset_id == dataset_id, ExampleRow.split == split)
                .order_by(ExampleRow.position)
            ).all()
            rows = _prediction_rows(self.id, ids, data.splits[split].labels, probabilities, data.labels)
            known = [None] * len(rows) if truncated is None else truncated.tolist()
            session.execute(
                insert(PredictionRow), [row | {"truncated": one} for row, one in zip(rows, known, strict=True)]
            )
            session.execute(insert(ClassMetricRow), _class_rows(self.id, split, evaluation))
        self.save_metrics(split, evaluation.metrics)


@contextmanager
def recording(store: Store, config: RunConfig, name: str, environment: Mapping[str, Any]) -> Iterator[RunWriter]:
    """Write the run's row, keep it alive, and close it: complete, failed or cancelled.

    An error ends the ``with`` and stands in the record; it is not raised again, so that the next
    run of a grid can begin. Being stopped (Ctrl-C, exit) is recorded and raised again.
    """
    writer = RunWriter(store, _begin(store, config, name, environment))
    try:
        with _heartbeat(writer), _warnings_logged(writer):
            yield writer
    except Exception as error:
        # An error that a user can mend needs no traceback to be understood.
        trace = None if isinstance(error, BenchError) else traceback.format_exc()
        writer.update(
            status="failed",
            ended_at=now(),
            error_type=type(error).__name__,
            error_message=str(error) or type(error).__name__,
            traceback=trace,
        )
        writer.say(f"{type(error).__name__}: {error}")
    except BaseException:
        writer.update(status="cancelled", ended_at=now())
        writer.say("Stopped.")
        raise
    else:
        writer.update(status="complete", phase=None, ended_at=now())


def _begin(store: Store, config: RunConfig, name: str, environment: Mapping[str, Any]) -> int:
    """Write the row of a run that begins now; return its id."""
    row = RunRow(
        name=name,
        kind=config.kind,
        method=config.method,
        status="running",
        phase="start",
        config=config.settings(),
        seed=config.settings().get("seed"),
        created_at=now(),
        started_at=now(),
        heartbeat_at=now(),
        host=socket.gethostname(),
        pid=os.getpid(),
        environment=dict(environment),
    )
    with store.session.begin() as session:
        session.add(row)
        session.flush()
        return row.id


@contextmanager
def _heartbeat(writer: RunWriter) -> Iterator[None]:
    stop = Event()

    def beat() -> None:
        while not stop.wait(HEARTBEAT_SECONDS):
            writer.update(heartbeat_at=now())

    thread = Thread(target=beat, name=f"heartbeat-{writer.id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class _Lines(logging.Handler):
    """Appends what libraries warn of to a run's log."""

    def __init__(self, writer: RunWriter) -> None:
        super().__init__(logging.WARNING)
        self.writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.writer.say(f"{record.name}: {record.getMessage()}")
        except Exception:  # a log line is no reason to end a run; `handleError` tells of it
            self.handleError(record)


@contextmanager
def _warnings_logged(writer: RunWriter) -> Iterator[None]:
    handler = _Lines(writer)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


def save_dataset(store: Store, data: DataSet) -> int:
    """Store a data set with its examples and class balance, once; return its id."""
    with store.session.begin() as session:
        known = session.scalar(select(DatasetRow.id).where(DatasetRow.fingerprint == data.fingerprint))
        if known is not None:
            return known
        row = DatasetRow(
            name=data.name,
            source=data.source,
            revision=data.revision,
            fingerprint=data.fingerprint,
            evaluation_fingerprint=data.evaluation_fingerprint,
            text_column=data.text_column,
            label_column=data.label_column,
            labels=list(data.labels),
            checks=data.checks,
        )
        session.add(row)
        session.flush()
        for name, split in data.splits.items():
            session.execute(insert(ExampleRow), list(_example_rows(row.id, name, split, data.labels)))
            session.execute(insert(ClassBalanceRow), list(_balance_rows(row.id, name, split, data.labels)))
        return row.id


def save_recheck(
    store: Store, run_id: int, changed_labels: int, max_difference: float, drifted: bool, environment: dict[str, Any]
) -> None:
    """Store what predicting a run's test set again gave."""
    with store.session.begin() as session:
        session.add(
            RecheckRow(
                run_id=run_id,
                created_at=now(),
                changed_labels=changed_labels,
                max_difference=max_difference,
                drifted=drifted,
                environment=environment,
            )
        )


def make_publishable(store: Store) -> None:
    """Remove host names and process numbers from all runs, and pack an SQLite database into its one file."""
    with store.session.begin() as session:
        session.execute(update(RunRow).values(host=None, pid=None))
    if store.engine.dialect.name == "sqlite":
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _example_rows(dataset_id: int, name: str, split: Split, labels: Sequence[str]) -> Iterable[dict[str, Any]]:
    for position, (text, code, extra) in enumerate(zip(split.texts, split.labels, split.extra, strict=True)):
        yield {
            "dataset_id": dataset_id,
            "split": name,
            "position": position,
            "text": text,
            "label": labels[code],
            "extra": extra,
        }


def _balance_rows(dataset_id: int, name: str, split: Split, labels: Sequence[str]) -> Iterable[dict[str, Any]]:
    counts = np.bincount(split.labels, minlength=len(labels))
    for label, count in zip(labels, counts, strict=True):
        yield {
            "dataset_id": dataset_id,
            "split": name,
            "label": label,
            "count": int(count),
            "share": float(count / len(split)),
        }


def _prediction_rows(
    run_id: int,
    ids: Sequence[int],
    true: NDArray[np.int64],
    probabilities: NDArray[np.float32],
    labels: Sequence[str],
) -> list[dict[str, Any]]:
    little_endian = probabilities.astype("<f4")
    return [
        {
            "run_id": run_id,
            "example_id": example_id,
            "predicted": labels[int(row.argmax())],
            "confidence": float(row.max()),
            "true_probability": float(row[code]),
            "probabilities": row.tobytes(),
        }
        for example_id, code, row in zip(ids, true, little_endian, strict=True)
    ]


def _class_rows(run_id: int, split: str, evaluation: Evaluation) -> list[dict[str, Any]]:
    rows = []
    for one in evaluation.classes:
        row: dict[str, Any] = {"run_id": run_id, "split": split, "label": one.label, "support": one.support}
        for name in ("precision", "recall", "f1"):
            estimate: Estimate = getattr(one, name)
            row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
        rows.append(row)
    return rows
