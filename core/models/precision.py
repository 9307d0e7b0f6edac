"""The dtype of the frozen weights during training."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from peft.tuners.ln_tuning.layer import LNTuningLayer
from torch import Tensor, nn

from core.catalog.capabilities import probe_result
from core.config import RunConfig
from core.models.backbone import device
from core.system.environment import processor_name
from core.system.files import write_atomically

_MATMUL_SHAPE = (960, 384, 1536)  # a batch of 32 sentences through a small model's widest layer
_MIN_SPEEDUP = 1.2


def frozen_dtype(config: RunConfig) -> torch.dtype:
    """Return the dtype of a config's frozen weights during training.

    ``auto`` is float32 if the method does not train on bfloat16 weights, or if the base is quantized, which leaves
    few float weights.
    """
    if config.kind != "adapter":
        return torch.float32
    if config.dtype == "auto" and (config.quantize or not probe_result(config.method, "bfloat16").works):
        return torch.float32
    return training_dtype(config.dtype, device())


def training_dtype(dtype: str, device: str) -> torch.dtype:
    """Return the requested dtype; for ``auto``, bfloat16 if it is faster on this device."""
    if dtype != "auto":
        return torch.bfloat16 if dtype == "bfloat16" else torch.float32
    if device == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return torch.bfloat16 if device == "cpu" and bfloat16_speedup() > _MIN_SPEEDUP else torch.float32


@lru_cache(maxsize=1)
def bfloat16_speedup() -> float:
    """Return the speedup of a bfloat16 matrix product over a float32 one on this CPU.

    It is measured once and cached in the user's cache folder: a second measurement near the threshold could change
    the dtype, and with it the predictions of the same config.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "adapter-bench" / "bfloat16.json"
    key = f"{processor_name()}, torch {torch.__version__}, {torch.get_num_threads()} threads"
    speedups = _read(cache)
    if key not in speedups:
        speedups[key] = _measure_speedup()
        with suppress(OSError):  # a read-only folder: the next process measures again
            cache.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(cache, json.dumps(speedups, indent=1))
    return speedups[key]


def _read(cache: Path) -> dict[str, float]:
    """Return the cached measurements; none if the file is missing or damaged."""
    try:
        speedups = json.loads(cache.read_text(encoding="utf-8"))
        return {str(name): float(speedup) for name, speedup in speedups.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _measure_speedup() -> float:
    """Return the ratio of the minimum times of nine alternating measurements.

    A processor may support bfloat16 instructions and still be slower with them.
    """
    rows, inner, columns = _MATMUL_SHAPE
    operands = {
        dtype: (torch.ones(rows, inner, dtype=dtype), torch.ones(columns, inner, dtype=dtype))
        for dtype in (torch.float32, torch.bfloat16)
    }
    best = dict.fromkeys(operands, float("inf"))
    for _ in range(9):
        for dtype, (a, b) in operands.items():
            start = time.perf_counter()
            nn.functional.linear(a, b)
            best[dtype] = min(best[dtype], time.perf_counter() - start)
    return best[torch.float32] / best[torch.bfloat16]


@contextmanager
def cast_frozen_weights(model: nn.Module, dtype: torch.dtype) -> Iterator[None]:
    """Cast the frozen float32 weights to ``dtype`` within the context, and restore them at its end.

    Trainable parameters stay in float32. The adapter is evaluated on the restored base, as after loading it.
    """
    frozen = [] if dtype == torch.float32 else _frozen_float32(model)
    originals = [parameter.data for parameter in frozen]
    hooks = []
    try:
        for parameter in frozen:
            parameter.data = parameter.data.to(dtype)
        if frozen:
            hooks = [module.register_forward_pre_hook(_match_input) for module in _head_layers(model)]
            norms = [module for module in model.modules() if isinstance(module, LNTuningLayer)]
            hooks += [module.register_forward_hook(_match_output) for module in norms]
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for parameter, original in zip(frozen, originals, strict=True):
            parameter.data = original


def _frozen_float32(model: nn.Module) -> list[nn.Parameter]:
    return [p for p in model.parameters() if not p.requires_grad and p.dtype == torch.float32]


def _head_layers(model: nn.Module) -> list[nn.Module]:
    """Return the layers of the head, whose inputs peft does not cast."""
    return [
        module
        for name, module in model.named_modules()
        if "modules_to_save" in name and any(p.requires_grad for p in module.parameters(recurse=False))
    ]


def _match_output(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
    """Cast the output of a trained norm to the dtype of its input: some return the dtype of their weights."""
    return output.to(inputs[0].dtype)


def _match_input(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    dtype = next(module.parameters(recurse=False)).dtype
    return tuple(x.to(dtype) if isinstance(x, Tensor) and x.is_floating_point() else x for x in inputs)
