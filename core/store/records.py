"""Frozen records of runs and data sets, detached from any session, and the rules on a run's state."""

import itertools
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from core.config import complete_settings
from core.errors import RequestError, RunError
from core.system.processes import is_alive

HEARTBEAT_SECONDS = 10
HEARTBEAT_TIMEOUT = timedelta(seconds=60)
"""A run on another machine whose last heartbeat is older than this has crashed."""
WORK_PREFIX = ".unfinished-"
"""The prefix of the names of work folders, which are in ``adapters`` too."""

PARENT_GROUP_KEY = "parent_group_key"
"""The entry of a run's environment with the group key of its parent, which remains if the parent is deleted."""

ANNOTATION_FIELDS = ("tag", "note", "proposed_label")
"""The columns of an annotation that a person fills in."""


CLOSED = ("complete", "validated", "pruned")
"""The statuses of runs that ended as planned and cannot be resumed.

A trial of a search ends as validated, because it is evaluated on the validation split only, or as pruned.
"""


@dataclass(frozen=True)
class TrialKey:
    """The Optuna study, by name, and the number of the trial that a run carries out."""

    study: str
    number: int


@dataclass(frozen=True)
class Run:
    """One row of ``runs``. `state` is its current status: crashed if it is running without a process."""

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
    parent_id: int | None
    study: str | None
    trial: int | None
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
        """running, complete, failed, cancelled or crashed; of a trial also validated or pruned."""
        return derive_state(self.status, self.heartbeat_at, self.host, self.pid)

    @property
    def settings(self) -> dict[str, Any]:
        """The recorded ``config`` with the settings that its version lacked."""
        return complete_settings(self.config, self.environment)

    def adapter_folder(self, store_folder: Path) -> Path | None:
        """Return the folder of the run's saved files; None if it has none, or its path leaves ``adapters``."""
        return resolve_adapter_path(store_folder, self.adapter_path)

    def work_folder(self, store_folder: Path) -> Path | None:
        """Return the folder of unfinished work; None if it has none, or its path leaves ``adapters``."""
        return resolve_adapter_path(store_folder, self.work_path)


def resolve_adapter_path(store_folder: Path, path: str | None) -> Path | None:
    """Return the folder that a recorded path refers to; None for no path, and for one that leaves ``adapters``.

    Recorded paths are untrusted: none may lead to other files.
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


@dataclass(frozen=True)
class SavedView:
    """A named view of a dashboard page; ``parameters``: the values of each URL parameter."""

    page: str
    name: str
    parameters: dict[str, list[str]]


def content_hash(text: str) -> str:
    """Return the SHA-256 of a text, which identifies it across data sets."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def derive_state(status: str, heartbeat_at: datetime | None, host: str | None = None, pid: float | None = None) -> str:
    """Return a run's current status; it is derived at each read, so that reading never writes."""
    return "crashed" if status == "running" and not _is_process_alive(heartbeat_at, host, pid) else status


def _is_process_alive(heartbeat_at: datetime | None, host: str | None, pid: float | None) -> bool:
    """Return whether a run's process exists: looked up on this machine, inferred from the heartbeat elsewhere.

    A process on this machine may exist without a recent heartbeat: suspended, or waiting for a locked
    database. A heartbeat in the future does not count either: the clock was set back since.
    """
    if heartbeat_at is None or heartbeat_at != heartbeat_at:  # NaT in a DataFrame
        return False
    if pid is not None and host == socket.gethostname():
        return is_alive(pid, heartbeat_at)
    return abs(datetime.now(UTC) - heartbeat_at) <= HEARTBEAT_TIMEOUT


def is_running(run: Run) -> bool:
    """Return whether a run is in progress."""
    return run.state == "running"


def require_not_running(run: Run) -> None:
    """Raise `RequestError` if a run is in progress."""
    if is_running(run):
        raise RequestError(
            f"Run {run.id} is still running (process {run.pid} on {run.host}). Stop it first.", code="run_is_running"
        )


def is_resumable(state: str, error_type: str | None) -> bool:
    """Return whether resuming a run from its last checkpoint may succeed.

    A run that failed with a `RunError`, such as divergence, would fail at the same step again.
    """
    return state in ("crashed", "cancelled") or (state == "failed" and error_type != RunError.__name__)


def require_resumable(run_id: int, run: Run | None) -> None:
    """Raise `RequestError` for a run that does not exist, is running or complete, or is in the trash."""
    if run is None:
        raise RequestError(f"There is no run {run_id}. List all runs: python runner.py list", code="no_run")
    require_not_running(run)
    if run.status in ("validated", "pruned"):
        raise RequestError(
            f"Run {run_id} is trial {run.trial} of the search {run.study}, which has ended ({run.status}): there is "
            "nothing to resume.",
            code="run_is_complete",
        )
    if run.status == "complete":
        raise RequestError(
            f"Run {run_id} is complete: there is nothing to resume. To train it for more epochs, pass --epochs: "
            f"python runner.py resume {run_id} --epochs auto",
            code="run_is_complete",
        )
    if run.deleted_at is not None:
        raise RequestError(
            f"Run {run_id} is in the trash. Restore it on the dashboard's Runs page, then resume it.",
            code="run_in_trash",
        )


def unused_adapter_folder(store_folder: Path, run_id: int, name: str) -> Path:
    """Return ``adapters/12-lora-r8``, with a counter if another database's run has that name."""
    stem = f"{run_id}-{name}"
    adapters = store_folder / "adapters"
    candidates = (adapters / (stem if count == 1 else f"{stem}-{count}") for count in itertools.count(1))
    return next(path for path in candidates if not path.exists())
