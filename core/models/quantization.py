"""Quantize the frozen base model to 8 or 4 bits (Dettmers et al. 2022, 2023)."""

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


def require_bitsandbytes() -> None:
    """Raise `RequestError` with the install command if bitsandbytes is missing."""
    if find_spec(PACKAGE) is None:
        raise RequestError(
            f"--quantize needs the package {PACKAGE}, which is not installed. "
            "Install it with: pip install 'adapter-bench[quantization]'"
        )


def quantization_options(bits: str | None, head: Sequence[str], device: str) -> dict[str, Any]:
    """Return the arguments of ``from_pretrained`` for ``8bit`` or ``4bit``; none for None.

    4 bits are nf4 with double quantization, as in QLoRA. The head is not quantized.
    """
    if bits is None:
        return {}
    require_bitsandbytes()
    logging.getLogger(PACKAGE).setLevel(logging.ERROR)  # it logs the casts of every layer at every step
    compute_dtype = torch.bfloat16 if device == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
    four_bit = {
        "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_use_double_quant": True,
        "bnb_4bit_compute_dtype": compute_dtype,
    }
    options = {"load_in_4bit": True, **four_bit} if bits == "4bit" else {"load_in_8bit": True}
    return {
        "quantization_config": BitsAndBytesConfig(**options, llm_int8_skip_modules=list(head)),
        "device_map": {"": device},
    }


def prevent_repacking(model: nn.Module) -> None:
    """Prevent bitsandbytes from repacking 4-bit weights on a CPU at the first evaluation.

    On some processors repacking rounds their scales to bfloat16, and training would continue with the rounded ones.
    """
    for module in model.modules():
        if type(module).__name__ == "Linear4bit":
            setattr(module, "support_avx512bf16_for_cpu", False)  # noqa: B010 (unknown to nn.Module)


def release_full_precision_weights(model: nn.Module) -> None:
    """Free the full-precision weights that were read only to be quantized.

    Weights that are not quantized, such as embeddings, are copied out of the file's memory map so that it can be freed.
    """
    for parameter in model.parameters():
        if parameter.is_floating_point():
            parameter.data = parameter.data.clone()
    release_memory()


def model_bytes(model: nn.Module) -> int:
    """Return the bytes of a model's parameters and buffers."""
    tensors = [*model.parameters(), *model.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
