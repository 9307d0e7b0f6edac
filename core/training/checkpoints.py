"""Training checkpoints: written atomically, verified by checksum when read."""

import json
import logging
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from core.system.files import compute_checksum, publish_atomically

FORMAT_VERSION = 5
"""Version of the checkpoint format; checkpoints of other versions are not read."""
MAX_KEPT = 2
"""Number of checkpoints to keep, newest first, in case one is damaged."""
_MAX_TIME_SHARE = 1 / 50
"""Maximum share of the training time to spend on writing checkpoints."""
_STATE_FILE, _CHECKSUM_FILE = "state.safetensors", "sha256"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Snapshot:
    """The state of a training run after an optimizer step: tensors by name, and JSON values."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]


@dataclass(frozen=True)
class Checkpoint:
    """A snapshot on disk that matches its checksum; ``values`` are in memory, tensors are read on request."""

    folder: Path
    values: dict[str, Any]

    @property
    def step(self) -> int:
        """The optimizer step after which it was written."""
        return _step_of(self.folder)

    def read_tensors(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose names start with ``prefix``, by their names without it."""
        with _open_state(self.folder) as file:
            names = [key for key in file.keys() if key.startswith(prefix)]  # noqa: SIM118 - no mapping
            # Clone: a memory-mapped tensor would keep the whole file in memory.
            return {key.removeprefix(prefix): file.get_tensor(key).clone() for key in names}


class CheckpointManager:
    """Write, find and delete the checkpoints of one training run: folders such as ``step-12``.

    ``folder``: their parent folder; None writes no checkpoints. ``interval``: the minimum number of seconds between
    two checkpoints; 0 writes one after every step. ``resume_from``: the checkpoint that training resumes from.
    """

    def __init__(self, folder: Path | None, interval: float) -> None:
        self.folder, self.interval = folder, interval
        self.resume_from: Checkpoint | None = None
        self._last_written, self._write_seconds = time.monotonic(), 0.0

    def resume(self) -> bool:
        """Set ``resume_from`` to the newest intact checkpoint, and delete later, damaged and unfinished ones.

        Returns True if there are only checkpoints of another format version, which cannot be resumed from.
        """
        if self.folder is None:
            return False
        self.resume_from = self.newest()
        intact = filter(None, map(_read, _list_newest_first(self.folder)))
        only_unsupported = self.resume_from is None and any(not _is_supported(checkpoint) for checkpoint in intact)
        last_step = -1 if self.resume_from is None else self.resume_from.step
        later = [path for path in _list_newest_first(self.folder) if _step_of(path) > last_step]
        _remove(*_list_unfinished(self.folder), *later)
        return only_unsupported

    def is_due(self) -> bool:
        """Return whether a checkpoint is due; the interval is longer if writing is slow."""
        interval = max(self.interval, self._write_seconds / _MAX_TIME_SHARE) if self.interval else 0
        return self.folder is not None and time.monotonic() - self._last_written >= interval

    def write(self, step: int, snapshot: Snapshot, trainer_state: str) -> None:
        """Write a checkpoint and delete old ones. If it cannot be written, log a warning, and training continues."""
        if self.folder is None:
            return
        start = time.monotonic()
        try:
            _write(self.folder, step, snapshot, trainer_state)
        except (OSError, SafetensorError) as error:
            log.warning("The checkpoint of step %d could not be written: %s", step, error)
        finally:
            _remove(*_list_unfinished(self.folder))
        _remove(*_list_newest_first(self.folder)[MAX_KEPT:])
        self._last_written = time.monotonic()
        self._write_seconds = self._last_written - start

    def newest(self) -> Checkpoint | None:
        """Return the newest intact checkpoint of the current format version; None if there is none."""
        folders = _list_newest_first(self.folder) if self.folder is not None else []
        return next(filter(_is_supported, filter(None, map(_read, folders))), None)


def _is_supported(checkpoint: Checkpoint) -> bool:
    return checkpoint.values.get("format") == FORMAT_VERSION


def _read(folder: Path) -> Checkpoint | None:
    """Return the checkpoint in a folder; None if its files are damaged or do not match their checksum."""
    try:
        if (folder / _CHECKSUM_FILE).read_text(encoding="utf-8") != compute_checksum(folder, "*.*"):
            return None
        with _open_state(folder) as file:
            values = json.loads((file.metadata() or {}).get("values", ""))
    except (OSError, ValueError, SafetensorError):
        return None
    return Checkpoint(folder, values) if isinstance(values, dict) else None


def _open_state(folder: Path) -> Any:
    return safe_open(folder / _STATE_FILE, framework="pt")


def _write(folder: Path, step: int, snapshot: Snapshot, trainer_state: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    unfinished, target = folder / f".step-{step}", folder / f"step-{step}"
    _remove(unfinished, target)
    unfinished.mkdir()
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in snapshot.tensors.items()}
    values = {**snapshot.values, "format": FORMAT_VERSION}
    save_file(tensors, unfinished / _STATE_FILE, metadata={"values": json.dumps(values)})
    (unfinished / "trainer_state.json").write_text(trainer_state, encoding="utf-8")
    (unfinished / _CHECKSUM_FILE).write_text(compute_checksum(unfinished, "*.*"), encoding="utf-8")
    publish_atomically(unfinished, target)


def _list_newest_first(folder: Path) -> list[Path]:
    """Return the folders of the checkpoints, newest first."""
    folders = (path for path in folder.glob("step-*") if path.name.removeprefix("step-").isdecimal() and path.is_dir())
    return sorted(folders, key=_step_of, reverse=True)


def _step_of(folder: Path) -> int:
    return int(folder.name.removeprefix("step-"))


def _list_unfinished(folder: Path) -> list[Path]:
    """Return the folders of checkpoints whose writing was interrupted."""
    return list(folder.glob(".step-*"))


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
