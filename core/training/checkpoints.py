"""What a training needs to go on where it was stopped: written aside, renamed when whole, and checked when read."""

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

KEPT = 2
"""So many of the newest checkpoints are kept: one may be damaged."""
_SHARE = 1 / 50
"""The share of the time, at most, that a training spends on checkpoints."""
_STATE, _SUM = "state.safetensors", "sha256"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Snapshot:
    """A training as it was after a step: its tensors by name, and all else as JSON values."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]


@dataclass(frozen=True)
class Checkpoint:
    """A snapshot on the disk, whole when it was found: its values are at hand, its tensors are read in parts."""

    folder: Path
    values: dict[str, Any]

    @property
    def step(self) -> int:
        """After which step it was written."""
        return _step_of(self.folder)

    def part(self, name: str) -> dict[str, Tensor]:
        """Read the tensors whose names begin so; return them without that beginning."""
        with _opened(self.folder) as file:
            named = [key for key in file.keys() if key.startswith(name)]  # noqa: SIM118 - no mapping
            # Copies: else each is a window on the file, and all of it is held as long as one of them.
            return {key.removeprefix(name): file.get_tensor(key).clone() for key in named}


class Checkpoints:
    """The checkpoints of one training: folders ``step-12``, at least ``seconds`` apart; 0: after every step.

    ``start`` is the one that the training goes on from. Without a folder none are written.
    """

    def __init__(self, folder: Path | None, seconds: float) -> None:
        self.folder, self.seconds = folder, seconds
        self.start: Checkpoint | None = None
        self._written, self._took = time.monotonic(), 0.0

    def take_up(self) -> None:
        """Settle where the training starts: with the newest checkpoint. What is newer, or half, is damage: it goes."""
        self.start = self.newest()
        if self.folder is not None:
            _remove(*_halves(self.folder))
            _remove(*(one for one in _by_step(self.folder) if self.start is None or _step_of(one) > self.start.step))

    def due(self) -> bool:
        """Tell whether it is time for the next one; what takes long is done more rarely."""
        pause = max(self.seconds, self._took / _SHARE) if self.seconds else 0
        return self.folder is not None and time.monotonic() - self._written >= pause

    def write(self, step: int, snapshot: Snapshot, trainer_state: str) -> None:
        """Write one, and delete all but the newest; one that can't be written does not end the training."""
        if self.folder is None:
            return
        began = time.monotonic()
        try:
            _write(self.folder, step, snapshot, trainer_state)
        except (OSError, SafetensorError) as error:
            log.warning("The checkpoint of step %d could not be written: %s", step, error)
        finally:
            _remove(*_halves(self.folder))
        _remove(*_by_step(self.folder)[KEPT:])
        self._written = time.monotonic()
        self._took = self._written - began

    def newest(self) -> Checkpoint | None:
        """Return the newest one that is whole; None where there is none."""
        found = _by_step(self.folder) if self.folder is not None else []
        return next(filter(None, map(_whole, found)), None)


def _whole(folder: Path) -> Checkpoint | None:
    """Return the checkpoint in a folder; None where it is not as it was written."""
    try:
        if (folder / _SUM).read_text(encoding="utf-8") != compute_checksum(folder, "*.*"):
            return None
        with _opened(folder) as file:
            return Checkpoint(folder, json.loads((file.metadata() or {}).get("values", "")))
    except (OSError, ValueError, SafetensorError):
        return None


def _opened(folder: Path) -> Any:
    return safe_open(folder / _STATE, framework="pt")


def _write(folder: Path, step: int, snapshot: Snapshot, trainer_state: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    aside, target = folder / f".step-{step}", folder / f"step-{step}"
    _remove(aside, target)
    aside.mkdir()
    tensors = {name: one.detach().cpu().contiguous() for name, one in snapshot.tensors.items()}
    save_file(tensors, aside / _STATE, metadata={"values": json.dumps(snapshot.values)})
    (aside / "trainer_state.json").write_text(trainer_state, encoding="utf-8")
    (aside / _SUM).write_text(compute_checksum(aside, "*.*"), encoding="utf-8")
    publish_atomically(aside, target)


def _by_step(folder: Path) -> list[Path]:
    """Return the checkpoints' folders, the newest first."""
    ours = (one for one in folder.glob("step-*") if one.name.removeprefix("step-").isdecimal() and one.is_dir())
    return sorted(ours, key=_step_of, reverse=True)


def _step_of(folder: Path) -> int:
    return int(folder.name.removeprefix("step-"))


def _halves(folder: Path) -> list[Path]:
    """Return what was left of checkpoints in whose middle the disk was full, or the process was killed."""
    return list(folder.glob(".step-*"))


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
