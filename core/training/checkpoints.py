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

FORMAT = 2
"""The version of the names of tensors and values; checkpoints of other versions are not read."""
KEPT = 2
"""How many of the newest checkpoints are kept, in case one is damaged."""
_MAX_TIME_SHARE = 1 / 50
"""The largest share of the training time that is spent on writing checkpoints."""
_STATE, _CHECKSUM = "state.safetensors", "sha256"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Snapshot:
    """The state of a training after a step: tensors by name, and JSON values."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]


@dataclass(frozen=True)
class Checkpoint:
    """A verified snapshot on disk; its values are in memory, its tensors are read in parts."""

    folder: Path
    values: dict[str, Any]

    @property
    def step(self) -> int:
        """The step after which it was written."""
        return _step_of(self.folder)

    def read_tensors(self, prefix: str) -> dict[str, Tensor]:
        """Read the tensors whose names start with a prefix; return them without it."""
        with _open_state(self.folder) as file:
            names = [key for key in file.keys() if key.startswith(prefix)]  # noqa: SIM118 - no mapping
            # Clones: a tensor that is mapped from the file would keep all of it in memory.
            return {key.removeprefix(prefix): file.get_tensor(key).clone() for key in names}


class Checkpoints:
    """The checkpoints of one training, in folders ``step-12``; without a folder, none are written.

    ``interval``: the least number of seconds between two of them; 0 writes one after every step.
    ``start``: the checkpoint that training resumes from.
    """

    def __init__(self, folder: Path | None, interval: float) -> None:
        self.folder, self.interval = folder, interval
        self.start: Checkpoint | None = None
        self._last_written, self._write_seconds = time.monotonic(), 0.0

    def resume(self) -> bool:
        """Set ``start`` to the newest intact checkpoint, and delete damaged, unfinished and later ones.

        Returns whether intact checkpoints of another format were found, which can't be resumed from.
        """
        if self.folder is None:
            return False
        self.start = self.newest()
        intact = filter(None, map(_read, _by_step(self.folder)))
        unsupported = self.start is None and any(not _is_supported(checkpoint) for checkpoint in intact)
        first = 0 if self.start is None else self.start.step + 1
        _remove(*_unfinished(self.folder), *(path for path in _by_step(self.folder) if _step_of(path) >= first))
        return unsupported

    def is_due(self) -> bool:
        """Return whether the next checkpoint should be written; slow ones are written less often."""
        interval = max(self.interval, self._write_seconds / _MAX_TIME_SHARE) if self.interval else 0
        return self.folder is not None and time.monotonic() - self._last_written >= interval

    def write(self, step: int, snapshot: Snapshot, trainer_state: str) -> None:
        """Write a checkpoint and delete all but the newest; training continues where it can't be written."""
        if self.folder is None:
            return
        start = time.monotonic()
        try:
            _write(self.folder, step, snapshot, trainer_state)
        except (OSError, SafetensorError) as error:
            log.warning("The checkpoint of step %d could not be written: %s", step, error)
        finally:
            _remove(*_unfinished(self.folder))
        _remove(*_by_step(self.folder)[KEPT:])
        self._last_written = time.monotonic()
        self._write_seconds = self._last_written - start

    def newest(self) -> Checkpoint | None:
        """Return the newest intact checkpoint of the current format; None where there is none."""
        folders = _by_step(self.folder) if self.folder is not None else []
        return next(filter(_is_supported, filter(None, map(_read, folders))), None)


def _is_supported(checkpoint: Checkpoint) -> bool:
    return checkpoint.values.get("format") == FORMAT


def _read(folder: Path) -> Checkpoint | None:
    """Return the checkpoint in a folder; None where its files do not match their checksum."""
    try:
        if (folder / _CHECKSUM).read_text(encoding="utf-8") != compute_checksum(folder, "*.*"):
            return None
        with _open_state(folder) as file:
            values = json.loads((file.metadata() or {}).get("values", ""))
    except (OSError, ValueError, SafetensorError):
        return None
    return Checkpoint(folder, values) if isinstance(values, dict) else None


def _open_state(folder: Path) -> Any:
    return safe_open(folder / _STATE, framework="pt")


def _write(folder: Path, step: int, snapshot: Snapshot, trainer_state: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    unfinished, target = folder / f".step-{step}", folder / f"step-{step}"
    _remove(unfinished, target)
    unfinished.mkdir()
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in snapshot.tensors.items()}
    values = {**snapshot.values, "format": FORMAT}
    save_file(tensors, unfinished / _STATE, metadata={"values": json.dumps(values)})
    (unfinished / "trainer_state.json").write_text(trainer_state, encoding="utf-8")
    (unfinished / _CHECKSUM).write_text(compute_checksum(unfinished, "*.*"), encoding="utf-8")
    publish_atomically(unfinished, target)


def _by_step(folder: Path) -> list[Path]:
    """Return the folders of the checkpoints, newest first."""
    steps = (path for path in folder.glob("step-*") if path.name.removeprefix("step-").isdecimal() and path.is_dir())
    return sorted(steps, key=_step_of, reverse=True)


def _step_of(folder: Path) -> int:
    return int(folder.name.removeprefix("step-"))


def _unfinished(folder: Path) -> list[Path]:
    """Return the folders of checkpoints whose writing was interrupted."""
    return list(folder.glob(".step-*"))


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
