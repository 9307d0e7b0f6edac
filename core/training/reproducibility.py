"""What a training depends on beside its config and its data: the base, what computes, and chance."""

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

_OF_A_MODEL = (WEIGHT_PATTERN, "*.json", "*.txt", "*.model", "*.py")
"""The files of a model's folder that say what it does: weights, config, tokenizer and code."""


def base_fingerprint(backbone: Backbone) -> str:
    """Return what tells a base model from all others: its revision on the Hub, else the SHA-256 of its files."""
    return backbone.read_revision or compute_checksum(Path(backbone.path), *_OF_A_MODEL)


def machine() -> dict[str, Any]:
    """Return with what a training is computed here: with anything else its sums differ in their last digits."""
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
    """Return the state of all random generators, as tensors and as JSON values."""
    kind, keys, *rest = np.random.get_state(legacy=True)
    values = {"python": random.getstate(), "numpy": [kind, np.asarray(keys).tolist(), *rest]}
    return {name: get() for name, (get, _) in _generators().items()}, values


def restore_rng_state(tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
    """Put back what `chance` returned, as far as this machine has the same generators."""
    for name, (_, put) in _generators().items():
        if name in tensors:
            put(tensors[name])
    version, state, gauss = values["python"]
    random.setstate((version, tuple(state), gauss))
    kind, keys, *rest = values["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))


_Generator = tuple[Callable[[], Tensor], Callable[[Tensor], None]]


def _generators() -> dict[str, _Generator]:
    """Return how torch's random generators are read and set, by name: the CPU's and those of each GPU."""
    found: dict[str, _Generator] = {"torch": (torch.get_rng_state, torch.set_rng_state)}
    if torch.backends.mps.is_available():
        found["mps"] = (torch.mps.get_rng_state, torch.mps.set_rng_state)
    for number in range(torch.cuda.device_count()):
        put = partial(torch.cuda.set_rng_state, device=number)
        found[f"cuda{number}"] = (partial(torch.cuda.get_rng_state, number), put)
    return found
