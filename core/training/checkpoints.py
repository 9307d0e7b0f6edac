"""What a training needs to go on where it was stopped: written aside, renamed when whole, and checked when read."""

import json
import logging
import random
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from core.files import digest_of, rename_whole

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

    def part(self, name: str) -> dict[str, Tensor]:
        """Return the tensors whose names begin so, without that beginning."""
        return {key.removeprefix(name): value for key, value in self.tensors.items() if key.startswith(name)}


class Checkpoints:
    """The checkpoints of one training: folders ``step-12``, at least ``seconds`` apart; 0: after every step.

    Without a folder none are written.
    """

    def __init__(self, folder: Path | None, seconds: float) -> None:
        self.folder, self.seconds = folder, seconds
        self._written, self._took = time.monotonic(), 0.0

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
        for old in _by_step(self.folder)[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
        self._written = time.monotonic()
        self._took = self._written - began

    def newest(self) -> Path | None:
        """Return the newest one that is whole; None where there is none."""
        found = _by_step(self.folder) if self.folder is not None else []
        return next((folder for folder in found if _is_whole(folder)), None)


def read(folder: Path) -> Snapshot:
    """Return what a checkpoint holds; it has to be whole."""
    with safe_open(folder / _STATE, framework="pt") as file:
        return Snapshot({name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["values"]))  # noqa: SIM118 - no mapping


def _write(folder: Path, step: int, snapshot: Snapshot, trainer_state: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    aside, target = folder / f".step-{step}", folder / f"step-{step}"
    for left_over in (aside, target):
        shutil.rmtree(left_over, ignore_errors=True)
    aside.mkdir()
    tensors = {name: one.detach().cpu().contiguous() for name, one in snapshot.tensors.items()}
    save_file(tensors, aside / _STATE, metadata={"values": json.dumps(snapshot.values)})
    (aside / "trainer_state.json").write_text(trainer_state, encoding="utf-8")
    (aside / _SUM).write_text(digest_of(aside, "*.*"), encoding="utf-8")
    rename_whole(aside, target)


def _by_step(folder: Path) -> list[Path]:
    """Return the checkpoints' folders, the newest first."""
    return sorted(folder.glob("step-[0-9]*"), key=step_of, reverse=True)


def step_of(folder: Path) -> int:
    """Return after which step a checkpoint was written."""
    return int(folder.name.removeprefix("step-"))


def _is_whole(folder: Path) -> bool:
    try:
        return (folder / _SUM).read_text(encoding="utf-8") == digest_of(folder, "*.*")
    except (OSError, UnicodeDecodeError):
        return False


def chance() -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the state of all random generators, as tensors and as JSON values."""
    tensors = {"torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors |= {f"cuda{number}": one for number, one in enumerate(torch.cuda.get_rng_state_all())}
    kind, keys, *rest = np.random.get_state(legacy=True)
    return tensors, {"python": random.getstate(), "numpy": [kind, np.asarray(keys).tolist(), *rest]}


def set_chance(tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
    """Put back what `chance` returned."""
    torch.set_rng_state(tensors["torch"])
    if torch.cuda.is_available():
        torch.cuda.set_rng_state_all([tensors[f"cuda{number}"] for number in range(torch.cuda.device_count())])
    version, state, gauss = values["python"]
    random.setstate((version, tuple(state), gauss))
    kind, keys, *rest = values["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))
