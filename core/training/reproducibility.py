"""The base model, compute environment and random state that a training run depends on."""

import random
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.models.backbone import Backbone, device
from core.system.environment import package_versions, processor_name
from core.system.files import WEIGHT_PATTERN, compute_checksum

_MODEL_FILES = (WEIGHT_PATTERN, "*.json", "*.txt", "*.model", "*.py")
"""Patterns of the files that determine a model's outputs: weights, config, tokenizer and code."""


def base_fingerprint(backbone: Backbone) -> str:
    """Return the revision of a base model on the Hub, or the SHA-256 of its local files."""
    return backbone.read_revision or compute_checksum(Path(backbone.path), *_MODEL_FILES)


def compute_info() -> dict[str, Any]:
    """Return the hardware and package versions that affect rounding errors."""
    versions = {name: package_versions()[name] for name in ("torch", "transformers", "peft")}
    gpus = torch.cuda.device_count()
    return {
        **versions,
        "device": device(),
        "processor": processor_name(),
        "GPUs": gpus,
        "threads": torch.get_num_threads(),
    }


def rng_state() -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the states of torch's random number generators as tensors, and of Python's and NumPy's as JSON values."""
    kind, keys, *rest = np.random.get_state(legacy=True)
    values = {"python": random.getstate(), "numpy": [kind, np.asarray(keys).tolist(), *rest]}
    return {name: get_state() for name, (get_state, _) in _torch_generators().items()}, values


def restore_rng_state(tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
    """Restore the states that `rng_state` returned; generators that this machine lacks are ignored."""
    for name, (_, set_state) in _torch_generators().items():
        if name in tensors:
            set_state(tensors[name])
    version, state, gauss = values["python"]
    random.setstate((version, tuple(state), gauss))
    kind, keys, *rest = values["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))


_GetAndSet = tuple[Callable[[], Tensor], Callable[[Tensor], None]]


def _torch_generators() -> dict[str, _GetAndSet]:
    """Return the functions that get and set the state of torch's generator on the CPU and on each GPU."""
    generators: dict[str, _GetAndSet] = {"torch": (torch.get_rng_state, torch.set_rng_state)}
    if torch.backends.mps.is_available():
        generators["mps"] = (torch.mps.get_rng_state, torch.mps.set_rng_state)
    for number in range(torch.cuda.device_count()):
        set_state = partial(torch.cuda.set_rng_state, device=number)
        generators[f"cuda{number}"] = (partial(torch.cuda.get_rng_state, number), set_state)
    return generators
