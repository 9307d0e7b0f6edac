"""What the store gives out: frozen records, free of any session."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

HEARTBEAT_SECONDS = 10
SILENT_AFTER = timedelta(seconds=60)
"""A running run whose heartbeat is older than this has crashed."""


ANNOTATED = ("tag", "note", "proposed_label")
"""What a person may note on a text: the columns of an annotation."""


@dataclass(frozen=True)
class Run:
    """One row of ``runs``. `state` is its status as of now: a run that fell silent reads as crashed."""

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
        return state(self.status, self.heartbeat_at)

    def folder(self, store_folder: Path) -> Path | None:
        """Return where the run's files lie; None where it has none or they'd lie outside ``adapters``."""
        if self.adapter_path is None:
            return None
        root = (store_folder / "adapters").resolve()
        folder = (store_folder / self.adapter_path).resolve()
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


def state(status: str, heartbeat_at: datetime | None) -> str:
    """Return a run's status as of now; derived when read, so that reading never writes."""
    silent = heartbeat_at is None or datetime.now(UTC) - heartbeat_at > SILENT_AFTER
    return "crashed" if status == "running" and silent else status
