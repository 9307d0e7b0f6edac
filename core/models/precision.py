"""In which number format the frozen weights are while an adapter is trained."""

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

from core.catalog.capabilities import verdict
from core.config import RunConfig
from core.models.backbone import device
from core.system.environment import processor_name
from core.system.files import write_atomically

_SHAPE = (960, 384, 1536)  # a batch of 32 sentences through a small model's widest layer
_WORTH_IT = 1.2


def frozen_dtype(config: RunConfig) -> torch.dtype:
    """Return the format that a config's frozen weights have while it trains.

    With ``auto``, exact where the probe found that the method can't train on others, and where the
    base is quantised: what that leaves is little.
    """
    if config.kind != "adapter":
        return torch.float32
    if config.dtype == "auto" and (config.quantize or not verdict(config.method, "bfloat16").works):
        return torch.float32
    return training_dtype(config.dtype, device())


def training_dtype(asked: str, device: str) -> torch.dtype:
    """Return the format asked for; for ``auto`` bfloat16 where it is faster, measured on a CPU."""
    if asked != "auto":
        return torch.bfloat16 if asked == "bfloat16" else torch.float32
    if device == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return torch.bfloat16 if device == "cpu" and bfloat16_speedup() > _WORTH_IT else torch.float32


@lru_cache(maxsize=1)
def bfloat16_speedup() -> float:
    """Return how many times as fast a bfloat16 matrix product is as a float32 one on this CPU.

    Measured once on a machine and then kept in the user's cache: near the border another try could
    go the other way, and the same config would no longer give the same predictions.
    """
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "adapter-bench" / "bfloat16.json"
    here = f"{processor_name()}, torch {torch.__version__}, {torch.get_num_threads()} threads"
    known = _read(kept)
    if here not in known:
        known[here] = _measured_speedup()
        with suppress(OSError):  # a home that takes no files: the next process measures again
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(kept, json.dumps(known, indent=1))
    return known[here]


def _read(kept: Path) -> dict[str, float]:
    """Return what was measured before; nothing of it where the file is not there or damaged."""
    try:
        known = json.loads(kept.read_text(encoding="utf-8"))
        return {str(name): float(ratio) for name, ratio in known.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _measured_speedup() -> float:
    """Measure it, because a processor may list the instructions and still be slower with them.

    The two formats alternate, and each counts by its best of nine.
    """
    rows, inner, columns = _SHAPE
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
def frozen_weights_in(model: nn.Module, dtype: torch.dtype) -> Iterator[None]:
    """Hold the frozen float32 weights in ``dtype``; give the exact ones back at the end.

    What trains stays in float32, and so does the adapter that is saved: it is then evaluated on the
    exact base, which is what anyone who loads it gets.
    """
    frozen = [] if dtype == torch.float32 else _frozen_float32(model)
    exact = [parameter.data for parameter in frozen]
    hooks = []
    try:
        for parameter in frozen:
            parameter.data = parameter.data.to(dtype)
        if frozen:
            hooks = [module.register_forward_pre_hook(_match_input) for module in _trained_whole(model)]
            norms = [module for module in model.modules() if isinstance(module, LNTuningLayer)]
            hooks += [module.register_forward_hook(_match_output) for module in norms]
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for parameter, data in zip(frozen, exact, strict=True):
            parameter.data = data


def _frozen_float32(model: nn.Module) -> list[nn.Parameter]:
    return [p for p in model.parameters() if not p.requires_grad and p.dtype == torch.float32]


def _trained_whole(model: nn.Module) -> list[nn.Module]:
    """Return the layers of the head: peft casts the input of its own layers, but not of these."""
    return [
        module
        for name, module in model.named_modules()
        if "modules_to_save" in name and any(p.requires_grad for p in module.parameters(recurse=False))
    ]


def _match_output(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
    """Give what a trained norm returns the format of what it was given: some give their weights' own."""
    return output.to(inputs[0].dtype)


def _match_input(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    wanted = next(module.parameters(recurse=False)).dtype
    return tuple(x.to(wanted) if isinstance(x, Tensor) and x.is_floating_point() else x for x in inputs)
