"""The frozen base in 8 or 4 bits (Dettmers et al. 2022, 2023): how it is loaded, and what it needs."""

import logging
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn
from transformers import BitsAndBytesConfig

from core.errors import RequestError
from core.system.environment import release_memory

PACKAGE = "bitsandbytes"


def require_package() -> None:
    """Refuse, with the command that mends it, where the package that quantises is not installed."""
    if find_spec(PACKAGE) is None:
        raise RequestError(
            f"--quantize needs the package {PACKAGE}, which is not installed. "
            "Install it with: pip install 'adapter-bench[quantization]'"
        )


def quantization(bits: str | None, head: Sequence[str], device: str) -> dict[str, Any]:
    """Return what `from_pretrained` has to be told to load a base in ``8bit`` or ``4bit``; nothing for None.

    4 bits are nf4 with double quantisation, as in QLoRA. The modules of the head stay as they are.
    """
    if bits is None:
        return {}
    require_package()
    logging.getLogger(PACKAGE).setLevel(logging.ERROR)  # it tells of every layer's casts, at every step
    compute = torch.bfloat16 if device == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
    four = {"bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True, "bnb_4bit_compute_dtype": compute}
    chosen = {"load_in_4bit": True, **four} if bits == "4bit" else {"load_in_8bit": True}
    return {
        "quantization_config": BitsAndBytesConfig(**chosen, llm_int8_skip_modules=list(head)),
        "device_map": {"": device},
    }


def keep_format(model: nn.Module) -> None:
    """Keep bitsandbytes from repacking 4-bit weights on a CPU when they are first evaluated.

    It would round their scales to bfloat16 then, on some processors only, and go on training with
    what it rounded.
    """
    for module in model.modules():
        if type(module).__name__ == "Linear4bit":
            setattr(module, "support_avx512bf16_for_cpu", False)  # noqa: B010 (unknown to nn.Module)


def let_go_of_exact_weights(model: nn.Module) -> None:
    """Free what was read only to be quantised.

    The weights that stay exact, such as the embeddings, lie in the file's memory map: they are
    copied out of it, so that it need not stay.
    """
    for parameter in model.parameters():
        if parameter.is_floating_point():
            parameter.data = parameter.data.clone()
    release_memory()


def bytes_of(model: nn.Module) -> int:
    """Return how much memory a model's weights and buffers take."""
    tensors = [*model.parameters(), *model.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
