"""What the store gives out: frozen records, free of any session."""

import itertools
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from core.errors import RequestError, RunError
from core.system.processes import is_alive

HEARTBEAT_SECONDS = 10
HEARTBEAT_TIMEOUT = timedelta(seconds=60)
"""A run of another machine whose heartbeat is older than this has crashed."""
WORK_PREFIX = ".unfinished-"
"""How the folders of runs that are not complete begin, beside the adapters."""

ANNOTATION_FIELDS = ("tag", "note", "proposed_label")
"""What a person may note on a text: the columns of an annotation."""


@dataclass(frozen=True)
class Run:
    """One row of ``runs``. `state` is its status as of now: a run whose process is gone reads as crashed."""

    id: int
    name: str
    kind: str
    method: str
    status: str
    phase: str | None
    seed: int | None
    model: str | None
    model_revision: str | None
    dataset_id: int | None
    baseline_id: int | None
    group_key: str | None
    config: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    heartbeat_at: datetime | None
    host: str | None
    pid: int | None
    trainable_parameters: int | None
    total_parameters: int | None
    adapter_path: str | None
    work_path: str | None
    adapter_bytes: int | None
    adapter_sha256: str | None
    reload_max_difference: float | None
    train_seconds: float | None
    evaluation_seconds: float | None
    train_examples_per_second: float | None
    peak_memory_bytes: int | None
    base_memory_bytes: int | None
    environment: dict[str, Any]
    error_type: str | None
    error_message: str | None
    traceback: str | None
    notes: str | None
    archived: bool
    tags: list[str]
    deleted_at: datetime | None
    step: int | None
    total_steps: int | None
    changed_at: datetime

    @property
    def state(self) -> str:
        """running, complete, failed, cancelled or crashed."""
        return derive_state(self.status, self.heartbeat_at, self.host, self.pid)

    def adapter_folder(self, store_folder: Path) -> Path | None:
        """Return where the run's files lie; None where it has none or they'd lie outside ``adapters``."""
        return resolve_adapter_path(store_folder, self.adapter_path)

    def work_folder(self, store_folder: Path) -> Path | None:
        """Return where what is not whole yet lies; None where there is nothing such, or outside ``adapters``."""
        return resolve_adapter_path(store_folder, self.work_path)


def resolve_adapter_path(store_folder: Path, path: str | None) -> Path | None:
    """Return the folder that a recorded path names; None for no path, and for one that leaves ``adapters``.

    A record may come from anybody: no path in it leads to other files.
    """
    if path is None or "\0" in path:
        return None
    root = (store_folder / "adapters").resolve()
    folder = (store_folder / path).resolve()
    return folder if folder.is_relative_to(root) and folder != root else None


@dataclass(frozen=True)
class Dataset:
    """One row of ``datasets``."""

    id: int
    name: str
    source: str
    revision: str | None
    fingerprint: str
    evaluation_fingerprint: str
    text_column: str
    label_column: str
    labels: list[str]
    checks: dict[str, Any]


def content_hash(text: str) -> str:
    """Return the hash by which a text is known wherever it stands."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def derive_state(status: str, heartbeat_at: datetime | None, host: str | None = None, pid: float | None = None) -> str:
    """Return a run's status as of now; derived when read, so that reading never writes."""
    return "crashed" if status == "running" and not _goes_on(heartbeat_at, host, pid) else status


def _goes_on(heartbeat_at: datetime | None, host: str | None, pid: float | None) -> bool:
    """Tell whether a run's process is there: on this machine that is seen, of another its heartbeat tells.

    A process of this machine may be silent and there all the same: stopped, or waiting for a database
    that is locked. A heartbeat that is still to come is no sign of life: since then the clock was set back.
    """
    if heartbeat_at is None or heartbeat_at != heartbeat_at:  # NaT, where a table lacks it
        return False
    if pid is not None and host == socket.gethostname():
        return is_alive(pid, heartbeat_at)
    return abs(datetime.now(UTC) - heartbeat_at) <= HEARTBEAT_TIMEOUT


def is_running(run: Run) -> bool:
    """Tell whether a run goes on, as far as that is to be seen."""
    return run.state == "running"


def require_not_running(run: Run) -> None:
    """Raise `RequestError` for a run that goes on."""
    if is_running(run):
        raise RequestError(f"Run {run.id} is still running (process {run.pid} on {run.host}). Stop it first.")


def is_resumable(state: str, error_type: str | None) -> bool:
    """Tell whether taking up a run from its last checkpoint may end better than it did.

    It may not where the run itself is wrong, as with one that diverged: it would fail at the same step again.
    """
    return state in ("crashed", "cancelled") or (state == "failed" and error_type != RunError.__name__)


def require_resumable(run_id: int, run: Run | None) -> None:
    """Raise `RequestError` for a run that is not there, goes on, is complete, or lies in the trash."""
    if run is None:
        raise RequestError(f"There is no run {run_id}. See: python runner.py list")
    require_not_running(run)
    if run.status == "complete":
        raise RequestError(f"Run {run_id} is complete: there is nothing to resume. See: python runner.py show {run_id}")
    if run.deleted_at is not None:
        raise RequestError(
            f"Run {run_id} is in the trash. Take it out on the dashboard's page Runs, and resume it then."
        )


def unused_adapter_folder(store_folder: Path, run_id: int, name: str) -> Path:
    """Return ``adapters/12-lora-r8``; with a counter where another database's run has that name."""
    stem = f"{run_id}-{name}"
    adapters = store_folder / "adapters"
    candidates = (adapters / (stem if count == 1 else f"{stem}-{count}") for count in itertools.count(1))
    return next(path for path in candidates if not path.exists())
