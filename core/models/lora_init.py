"""LoRA initializations that need data or the base weights."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import EvaConfig, LoraConfig, LoraGAConfig, PeftModel, initialize_lora_eva_weights, replace_lora_weights_loftq
from peft.tuners.lora.config import CordaConfig
from peft.tuners.lora.corda import preprocess_corda
from peft.tuners.lora.loraga import preprocess_loraga
from torch import nn
from transformers import BatchEncoding

from core.catalog.lora_init import INITS
from core.models.backbone import Backbone

Batches = Callable[[], Sequence[BatchEncoding]]
"""A function that returns some training batches with labels, on the model's device."""


def peft_init_fields(init: str | None) -> dict[str, Any]:
    """Return the fields of peft's `LoraConfig` for an initialization."""
    if init is None or INITS[init].quantized == "4bit":  # applied after the adapter is added
        return {}
    return {"init_lora_weights": init} | {key: make() for key, make in _CONFIG_FIELDS.get(init, {}).items()}


def prepare_base(init: str | None, model: nn.Module, adapter: Any, batches: Batches) -> None:
    """Run the part of an initialization that needs the base model before the adapter is added."""
    if init in _PREPARATIONS:
        _PREPARATIONS[init](model, adapter, batches)


def initialize_adapter(init: str | None, model: PeftModel, batches: Batches, backbone: Backbone) -> None:
    """Run the part of an initialization that needs the adapted model."""
    if init in _INITIALIZATIONS:
        _INITIALIZATIONS[init](model, batches, backbone)


def _preprocess_corda(model: nn.Module, adapter: LoraConfig, batches: Batches) -> None:
    preprocess_corda(model, adapter, run_model=lambda: _run_unpadded(model, batches))


def _preprocess_lora_ga(model: nn.Module, adapter: LoraConfig, batches: Batches) -> None:
    preprocess_loraga(model, adapter, train_step=lambda: _accumulate_gradients(model, batches))


def _initialize_eva(model: PeftModel, batches: Batches, backbone: Backbone) -> None:
    inputs = [{key: value for key, value in batch.items() if key != "labels"} for batch in batches()]
    initialize_lora_eva_weights(model, inputs, show_progress_bar=False)


def _initialize_loftq(model: PeftModel, batches: Batches, backbone: Backbone) -> None:
    local = Path(backbone.path).is_dir()
    replace_lora_weights_loftq(model, model_path=backbone.path if local else None)  # None: the copy on the Hub


def _accumulate_gradients(model: nn.Module, batches: Batches) -> None:
    for batch in batches():
        model(**batch).loss.backward()


def _run_unpadded(model: nn.Module, batches: Batches) -> None:
    """Run each text alone, without padding: CorDA measures the inputs of one text at a time."""
    with torch.no_grad():
        for batch in batches():
            for row, mask in enumerate(batch["attention_mask"].bool()):
                model(**{key: value[row, mask][None] for key, value in batch.items() if key != "labels"})


_CONFIG_FIELDS: dict[str, dict[str, Callable[[], Any]]] = {
    "corda": {"corda_config": CordaConfig},
    "lora_ga": {"lora_ga_config": LoraGAConfig},
    "eva": {"eva_config": EvaConfig},
}
_PREPARATIONS: dict[str | None, Callable[[nn.Module, LoraConfig, Batches], None]] = {
    "corda": _preprocess_corda,
    "lora_ga": _preprocess_lora_ga,
}
_INITIALIZATIONS: dict[str | None, Callable[[PeftModel, Batches, Backbone], None]] = {
    "eva": _initialize_eva,
    "loftq": _initialize_loftq,
}
