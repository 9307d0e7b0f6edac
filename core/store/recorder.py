"""Record a run: begin or resume it, send heartbeats, and close it with its final status."""

import logging
import os
import shutil
import socket
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any

from sqlalchemy import delete, func, select, update

from core.config import RunConfig
from core.errors import BenchError, RunError, StoreError, TrialPruned
from core.store import queries
from core.store.artifact_ownership import delete_adapter_folder, resolve_work_folder
from core.store.engine import Store
from core.store.fallback.writer import ResilientRunStorage, begin_run
from core.store.queries.run_queries import run_from_row
from core.store.records import CLOSED, HEARTBEAT_SECONDS, TrialKey, require_resumable
from core.store.run_storage import clean_text
from core.store.run_writer import RunWriter
from core.store.schema import ClassMetricRow, LogRow, MetricRow, PredictionRow, RunRow, now
from core.text.redact import redact_json

CLOCK_TOLERANCE_SECONDS = 1
"""A heartbeat is sent at once after a clock change, or a suspension of the machine, of more than this."""


@contextmanager
def recording(
    store: Store,
    config: RunConfig,
    name: str,
    environment: Mapping[str, Any],
    resume_id: int | None = None,
    parent_id: int | None = None,
    trial: TrialKey | None = None,
) -> Iterator[RunWriter]:
    """Record a run: insert its row, send heartbeats, and close it as complete, failed or cancelled.

    ``resume_id``: the id of an unfinished run to resume; None begins a new run. ``parent_id``: the run whose weights a
    new run continues to train. ``trial``: the trial of a search that it carries out; it ends as validated or pruned.
    An exception ends the ``with`` block and is recorded, not raised, so that the next run of a grid can begin. A stop
    (Ctrl-C, exit) is recorded and raised. Raises `RunError` if another process has resumed or deleted the run.
    """
    if resume_id is None:
        writer = _begin(store, config, name, environment, parent_id, trial)
    else:
        writer = _resume(store, resume_id, config, environment)
    try:
        with _heartbeat(writer), _logging_warnings(writer):
            yield writer
        # Inside the try: a stop during this write is recorded as well.
        _finish(writer, "validated" if writer.is_trial else "complete")
    except TrialPruned as pruned:
        _finish(writer, "pruned")
        writer.log_line(f"Pruned: {pruned}")
    except Exception as error:
        # An error that the user can fix needs no traceback.
        trace = None if isinstance(error, BenchError) else clean_text(traceback.format_exc())
        error_type, message = type(error).__name__, clean_text(str(error))
        _finish(writer, "failed", error_type=error_type, error_message=message or error_type, traceback=trace)
        writer.log_line(f"{error_type}: {message}")
    except BaseException as stop:
        _finish(writer, "cancelled")
        writer.log_line(f"Stopped: {stop}." if str(stop) else "Stopped.")
        raise


def _begin(
    store: Store,
    config: RunConfig,
    name: str,
    environment: Mapping[str, Any],
    parent_id: int | None,
    trial: TrialKey | None,
) -> RunWriter:
    """Insert the row of a new run."""
    columns = {
        "name": clean_text(name),
        "kind": config.kind,
        "method": config.method,
        "config": config.settings(),
        "seed": config.settings().get("seed"),
        "created_at": now(),
        "parent_id": parent_id,
        "study": trial and trial.study,
        "trial": trial and trial.number,
        "archived": False,
        "tags": [],
        **_columns_at_start(environment),
    }
    return RunWriter(begin_run(store, columns))


def _columns_at_start(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a run that begins or resumes in this process."""
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


_COLUMNS_CLEARED_ON_RESUME = (
    *("ended_at", "error_type", "error_message", "traceback", "baseline_id", "reload_max_difference"),
    *("adapter_path", "adapter_bytes", "adapter_sha256"),
)


def _resume(store: Store, run_id: int, config: RunConfig, environment: Mapping[str, Any]) -> RunWriter:
    """Mark an unfinished run as running again, and delete its evaluation and its saved adapter.

    Raises `RequestError` as `require_resumable` does.
    """
    with store.write_session() as session:
        row = session.get(RunRow, run_id)
        require_resumable(run_id, None if row is None else run_from_row(row))
        assert row is not None, "require_resumable raises for a missing run"
        previous = run_from_row(row)
        if resolve_work_folder(store.folder, run_id, row.work_path) is None:
            row.work_path = None
        times_resumed = row.environment.get("resumed", 0) + 1
        columns_at_start = _columns_at_start({**row.environment, **environment, "resumed": times_resumed})
        cleared = dict.fromkeys(_COLUMNS_CLEARED_ON_RESUME)
        row.config = config.settings()  # an earlier version may have recorded fewer
        for name, value in (cleared | columns_at_start | {"started_at": row.started_at}).items():
            setattr(row, name, value)
        for table in (PredictionRow, ClassMetricRow, MetricRow):
            session.execute(delete(table).where(table.run_id == run_id))
        last_line = session.scalar(select(func.max(LogRow.line)).where(LogRow.run_id == run_id)) or 0
        columns = {column.name: getattr(row, column.name) for column in RunRow.__table__.columns}
    writer = RunWriter(ResilientRunStorage(store, run_id, columns, last_line + 1))
    with suppress(OSError, StoreError):  # a folder that cannot be deleted is kept
        if kept := delete_adapter_folder(store, previous):
            writer.log_line(kept)
    return writer


def _finish(writer: RunWriter, status: str, **columns: Any) -> None:
    """Close the run's row, once, and delete the work folder of a run that cannot be resumed.

    A closed row is not changed: a stop may arrive right after it was closed.
    """
    columns |= {"status": status, "ended_at": now()} | ({"phase": None} if status in ("complete", "validated") else {})
    is_open = update(RunRow).where(RunRow.id == writer.id, RunRow.status == "running")
    writer.storage.write(lambda session: session.execute(is_open.values(**columns)))
    writer.storage.columns |= columns
    work_path = writer.storage.columns.get("work_path")
    if work_path is not None and queries.run(writer.store, writer.id).status in CLOSED:
        for store in writer.storage.stores:
            folder = resolve_work_folder(store.folder, writer.id, work_path)
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
        writer.update(work_path=None)  # last: the row names the folder until it is gone


@contextmanager
def _heartbeat(writer: RunWriter) -> Iterator[None]:
    """Send heartbeats from a background thread."""
    stop = Event()

    def send_heartbeats() -> None:
        clock_offset, sent_at = _clock_offset(), time.monotonic()
        while not stop.wait(min(HEARTBEAT_SECONDS, CLOCK_TOLERANCE_SECONDS)):
            is_due = time.monotonic() - sent_at >= HEARTBEAT_SECONDS
            if is_due or abs(_clock_offset() - clock_offset) > CLOCK_TOLERANCE_SECONDS:
                writer.storage.send_heartbeat()
                clock_offset, sent_at = _clock_offset(), time.monotonic()

    thread = Thread(target=send_heartbeats, name=f"heartbeat-{writer.id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _clock_offset() -> float:
    """Return the seconds between wall clock and monotonic clock, which change when the wall clock is set."""
    return time.time() - time.monotonic()


class _RunLogHandler(logging.Handler):
    """Appends library warnings to a run's log."""

    def __init__(self, writer: RunWriter) -> None:
        super().__init__(logging.WARNING)
        self.writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            with suppress(RunError):  # the run belongs to another process now; the next write reports it
                self.writer.log_line(f"{record.name}: {record.getMessage()}")
        except Exception:  # a log line must not end a run
            self.handleError(record)


@contextmanager
def _logging_warnings(writer: RunWriter) -> Iterator[None]:
    handler = _RunLogHandler(writer)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
