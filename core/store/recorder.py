"""What runs write; what people change stands in `core.store.run_edits`."""

import itertools
import logging
import os
import shutil
import socket
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from threading import Event, Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from core.config import RunConfig
from core.data.splits import DataSet
from core.errors import BenchError, RunError, StoreError
from core.evaluation.intervals import Estimate
from core.evaluation.metrics import Evaluation
from core.store import queries
from core.store.artifact_ownership import delete_adapter_folder, resolve_work_folder
from core.store.datasets import save_dataset
from core.store.engine import Store
from core.store.fallback import open_fallback
from core.store.records import HEARTBEAT_SECONDS, WORK_PREFIX, require_resumable, resolve_adapter_path
from core.store.schema import (
    ClassMetricRow,
    ExampleRow,
    HistoryRow,
    LogRow,
    MetricRow,
    PredictionRow,
    RecheckRow,
    RunRow,
    now,
)
from core.text.redact import redact_json, redact_secrets
from core.text.sanitize import replace_unstorable

NOTICE_SECONDS = 1
"""How soon a run gives a sign of life of the new time when the clock was set, or its machine has slept."""
LONGEST_LINE = 2_000
"""Characters of a line in a run's log."""


class RunWriter:
    """Writes to one run's record while it runs.

    What can't be written into its database goes on in a small one of its own (`core.store.fallback`),
    which `store` then is: ``main`` stays the one that was asked for.

    ``columns``: those of a run at work. A silent process of another machine may have been taken for
    gone, and its run taken up or deleted: once that is so, writing raises `RunError`.
    """

    def __init__(self, store: Store, run_id: int, columns: Mapping[str, Any] | None = None, lines: int = 0) -> None:
        self.main = self.store = store
        self.id = run_id
        self._columns = dict(columns or {})
        self._mark = _mark(columns["created_at"], columns["environment"]) if columns else None
        self._data: DataSet | None = None
        self._lines = itertools.count(lines + 1)

    def _write(self, action: Callable[[Session], Any]) -> None:
        """Do something with the database that the record is in; where it can't be used, go on aside."""
        try:
            self._write_here(action)
        except StoreError as error:
            self.go_aside(str(error))
            self._write_here(action)

    def _write_here(self, action: Callable[[Session], Any]) -> None:
        with self.store.write_session() as session:
            if lost := self._lost(session):
                raise RunError(lost)
            action(session)

    def _lost(self, session: Session) -> str | None:
        """Return why the run's row is not ours to write any more; None while it is."""
        if self._mark is None:
            return None
        query = select(RunRow.created_at, RunRow.environment, RunRow.pid, RunRow.host).where(RunRow.id == self.id)
        row = session.execute(query).one_or_none()
        if row is None or row.created_at != self._mark[0]:  # its number may be another run's by now
            return f"Run {self.id} was deleted while it was at work: nothing more of it is recorded."
        if _mark(row.created_at, row.environment) == self._mark:
            return None
        other = f"process {row.pid} on {row.host}"
        return f"Run {self.id} was taken up by another process ({other}): this one records nothing more of it."

    def go_aside(self, reason: str) -> None:
        """Go on in a database of its own. Raises `StoreError` where that is so already, or can't be had.

        Nor does a writer that knows no columns of the run's row leave: it only adds to a record that is whole.
        """
        if self.store is not self.main or "config" not in self._columns:
            raise StoreError(reason)
        self.store = open_fallback(self.main, {**self._columns, "id": self.id}, self._data, reason)
        self.log_line(f"{reason} The record goes on in {self.store.address}.")

    def update(self, **columns: Any) -> None:
        """Set columns of the run's row."""
        self._columns |= columns
        self._write(lambda session: session.execute(update(RunRow).where(RunRow.id == self.id).values(**columns)))

    def send_heartbeat(self) -> None:
        """Tell that the run is alive, wherever its row is; a miss is made up for by the next."""
        for store in {id(one): one for one in (self.main, self.store)}.values():
            with suppress(StoreError), store.write_session() as session:
                if not self._lost(session):
                    session.execute(update(RunRow).where(RunRow.id == self.id).values(heartbeat_at=now()))

    def enter_phase(self, phase: str, **known: Any) -> None:
        """Record which phase the run is in now, and the columns that are known by then."""
        self.update(phase=phase, heartbeat_at=now(), **known)

    def log_history(self, step: int, epoch: float, values: Mapping[str, float]) -> None:
        """Append logged training values; one that is not finite is kept as NULL."""
        rows = [
            {"run_id": self.id, "step": step, "epoch": epoch, "name": name, "value": _finite(value)}
            for name, value in values.items()
        ]
        self._write(lambda session: session.execute(insert(HistoryRow), rows))

    def delete_history_after(self, step: int) -> None:
        """Take back what an earlier try logged after a step: the training goes on from there."""
        later = (HistoryRow.run_id == self.id, HistoryRow.step > step)
        self._write(lambda session: session.execute(delete(HistoryRow).where(*later)))

    def update_progress(self, step: int, total: int, seconds: float, examples_per_second: float, **known: Any) -> None:
        """Record how far the training is: its time and speed so far stand where the final ones will."""
        speed = {"train_seconds": seconds, "train_examples_per_second": examples_per_second}
        self.update(step=step, total_steps=total, **speed, **known)

    def log_line(self, text: str) -> None:
        """Append a line to the run's log."""
        line = {"run_id": self.id, "line": next(self._lines), "at": now(), "text": _told(text)[:LONGEST_LINE]}
        self._write(lambda session: session.execute(insert(LogRow), [line]))

    def create_work_folder(self) -> Path:
        """Return the folder for what is not whole yet: checkpoints, and files that are being written.

        Its name stands in the row before it is made: none is left that nobody knows of.
        """
        name = self._columns.get("work_path")
        if name is None:
            name = f"adapters/{WORK_PREFIX}{self.id}-{token_hex(4)}"
            self.update(work_path=name)
        folder = resolve_adapter_path(self.store.folder, name)
        assert folder is not None, "the name is our own, or was checked when the run was taken up"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def save_data(self, data: DataSet, group_key: str) -> int:
        """Store the run's data set, where it is not stored yet, and its number in the run's row; return that."""
        self._data = data
        try:
            dataset_id = save_dataset(self.store, data)
        except StoreError as error:
            self.go_aside(str(error))
            dataset_id = save_dataset(self.store, data)
        self.update(dataset_id=dataset_id, group_key=group_key)
        return dataset_id

    def save_metrics(self, split: str, metrics: Mapping[str, Estimate]) -> None:
        """Store figures of one split."""
        rows = [{"run_id": self.id, "split": split, "name": name, **vars(one)} for name, one in metrics.items()]
        self._write(lambda session: session.execute(insert(MetricRow), rows))

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

        def write(session: Session) -> None:
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

        self._write(write)
        self.save_metrics(split, evaluation.metrics)

    def finish(self, status: str, **columns: Any) -> None:
        """Close the run's row, once; what was not whole yet is taken away with a run that is complete.

        A row that is closed stays as it is: a stop may come right after that.
        """
        columns |= {"status": status, "ended_at": now()} | ({"phase": None} if status == "complete" else {})
        still_open = update(RunRow).where(RunRow.id == self.id, RunRow.status == "running")
        self._write(lambda session: session.execute(still_open.values(**columns)))
        self._columns |= columns
        work = self._columns.get("work_path")
        if work is not None and queries.run(self.store, self.id).status == "complete":
            for store in (self.main, self.store):
                folder = resolve_work_folder(store.folder, self.id, work)
                if folder is not None:
                    shutil.rmtree(folder, ignore_errors=True)
            self.update(work_path=None)  # last: until it is gone, the row names it


@contextmanager
def recording(
    store: Store, config: RunConfig, name: str, environment: Mapping[str, Any], resume_id: int | None = None
) -> Iterator[RunWriter]:
    """Write the run's row, keep it alive, and close it: complete, failed or cancelled.

    ``resume_id``: the number of a run that ended early and is taken up; none begins a new one. An error
    ends the ``with`` and stands in the record; it is not raised again, so that the next run of a
    grid can begin. Being stopped (Ctrl-C, exit) is recorded and raised again. Raises `RunError` for a
    run that was taken up by another process, or deleted: its record is not ours to close.
    """
    writer = _begin(store, config, name, environment) if resume_id is None else _take_up(store, resume_id, environment)
    try:
        with _heartbeat(writer), _warnings_logged(writer):
            yield writer
        writer.finish("complete")  # in here: a stop that comes meanwhile is recorded too
    except Exception as error:
        # An error that a user can mend needs no traceback to be understood.
        trace = None if isinstance(error, BenchError) else _told(traceback.format_exc())
        kind, text = type(error).__name__, _told(str(error))
        writer.finish("failed", error_type=kind, error_message=text or kind, traceback=trace)
        writer.log_line(f"{kind}: {text}")
    except BaseException as stop:
        writer.finish("cancelled")
        writer.log_line(f"Stopped: {stop}." if str(stop) else "Stopped.")
        raise


def _told(text: str) -> str:
    """Return a text as a record may hold it: without passwords, and without what databases refuse."""
    return replace_unstorable(redact_secrets(text))


def _mark(created_at: datetime, environment: Mapping[str, Any]) -> tuple[datetime, int]:
    """Return what tells a run at work from one of the same number, and from itself once it is taken up again."""
    return created_at, environment.get("resumed", 0)


def _begin(store: Store, config: RunConfig, name: str, environment: Mapping[str, Any]) -> RunWriter:
    """Write the row of a run that begins now."""
    columns = {
        "name": _told(name),
        "kind": config.kind,
        "method": config.method,
        "config": config.settings(),
        "seed": config.settings().get("seed"),
        "created_at": now(),
        "archived": False,
        "tags": [],
        **_at_work(environment),
    }
    try:
        with store.write_session() as session:
            row = RunRow(**columns)
            session.add(row)
            session.flush()
            return RunWriter(store, row.id, columns)
    except StoreError as error:
        writer = RunWriter(store, 1, columns)
        writer.go_aside(str(error))
        return writer


def _at_work(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a run that begins, or goes on, here and now."""
    moment = now()
    return {
        "status": "running",
        "phase": "start",
        "started_at": moment,
        "heartbeat_at": moment,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "environment": redact_json(dict(environment)),
    }


_OF_THE_END = ("ended_at", "error_type", "error_message", "traceback", "baseline_id", "reload_max_difference")
_OF_THE_FILES = ("adapter_path", "adapter_bytes", "adapter_sha256")


def _take_up(store: Store, run_id: int, environment: Mapping[str, Any]) -> RunWriter:
    """Make the row of a run that ended early that of one at work; what it had evaluated and saved is taken back.

    Raises `RequestError` where it is at work or complete.
    """
    with store.write_session() as session:
        row = session.get(RunRow, run_id)
        require_resumable(run_id, None if row is None else queries.run_from_row(row))
        assert row is not None
        known_run = queries.run_from_row(row)
        if resolve_work_folder(store.folder, run_id, row.work_path) is None:
            row.work_path = None
        cleared = dict.fromkeys((*_OF_THE_END, *_OF_THE_FILES))
        known = {**row.environment, **environment, "resumed": row.environment.get("resumed", 0) + 1}
        for name, value in (cleared | _at_work(known) | {"started_at": row.started_at}).items():
            setattr(row, name, value)
        for table in (PredictionRow, ClassMetricRow, MetricRow):
            session.execute(delete(table).where(table.run_id == run_id))
        lines = session.scalar(select(func.max(LogRow.line)).where(LogRow.run_id == run_id)) or 0
        columns = {column.name: getattr(row, column.name) for column in RunRow.__table__.columns}
    writer = RunWriter(store, run_id, columns, lines)
    with suppress(OSError, StoreError):  # what can't be deleted is left
        if left := delete_adapter_folder(store, known_run):
            writer.log_line(left)
    return writer


@contextmanager
def _heartbeat(writer: RunWriter) -> Iterator[None]:
    stop = Event()

    def heartbeat() -> None:
        ahead, beaten = _ahead(), time.monotonic()
        while not stop.wait(min(HEARTBEAT_SECONDS, NOTICE_SECONDS)):
            if time.monotonic() - beaten >= HEARTBEAT_SECONDS or abs(_ahead() - ahead) > NOTICE_SECONDS:
                writer.send_heartbeat()
                ahead, beaten = _ahead(), time.monotonic()

    thread = Thread(target=heartbeat, name=f"heartbeat-{writer.id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _ahead() -> float:
    """Return by how many seconds the clock is ahead of the time that only runs on: it moves where the clock is set."""
    return time.time() - time.monotonic()


class _Lines(logging.Handler):
    """Appends what libraries warn of to a run's log."""

    def __init__(self, writer: RunWriter) -> None:
        super().__init__(logging.WARNING)
        self.writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            with suppress(RunError):  # the run is another's by now: whoever writes next is told so
                self.writer.log_line(f"{record.name}: {record.getMessage()}")
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


def save_recheck(
    store: Store, run_id: int, changed_labels: int, max_difference: float, drifted: bool, environment: dict[str, Any]
) -> None:
    """Store what predicting a run's test set again gave."""
    with store.write_session() as session:
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
    with store.write_session() as session:
        session.execute(update(RunRow).values(host=None, pid=None))
    if store.engine.dialect.name == "sqlite":
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


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
