"""How LoRA begins, where it begins as something: what each way has to see before or after it is put on."""

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
"""Gives some batches of training examples, with their labels, on the model's device."""


def init_fields(init: str | None) -> dict[str, Any]:
    """Return the fields of peft's `LoraConfig` that an init asks for."""
    if init is None or INITS[init].quantized == "4bit":  # put in when the adapter is on
        return {}
    return {"init_lora_weights": init} | {key: make() for key, make in _SETTINGS.get(init, {}).items()}


def before(init: str | None, model: nn.Module, adapter: Any, batches: Batches) -> None:
    """Let an init look at the base and at training examples before the adapter is put on."""
    if init in _BEFORE:
        _BEFORE[init](model, adapter, batches)


def after(init: str | None, model: PeftModel, batches: Batches, backbone: Backbone) -> None:
    """Let an init look at the adapted model, at training examples, or at the base's exact weights."""
    if init in _AFTER:
        _AFTER[init](model, batches, backbone)


def _corda(model: nn.Module, adapter: LoraConfig, batches: Batches) -> None:
    preprocess_corda(model, adapter, run_model=lambda: _run_one_by_one(model, batches))


def _lora_ga(model: nn.Module, adapter: LoraConfig, batches: Batches) -> None:
    preprocess_loraga(model, adapter, train_step=lambda: _learn(model, batches))


def _eva(model: PeftModel, batches: Batches, backbone: Backbone) -> None:
    inputs = [{key: value for key, value in batch.items() if key != "labels"} for batch in batches()]
    initialize_lora_eva_weights(model, inputs, show_progress_bar=False)


def _loftq(model: PeftModel, batches: Batches, backbone: Backbone) -> None:
    local = Path(backbone.path).is_dir()
    replace_lora_weights_loftq(model, model_path=backbone.path if local else None)  # None: the Hub's own copy


def _learn(model: nn.Module, batches: Batches) -> None:
    for batch in batches():
        model(**batch).loss.backward()


def _run_one_by_one(model: nn.Module, batches: Batches) -> None:
    """Run each text alone, without padding: CorDA measures the inputs of one text at a time."""
    with torch.no_grad():
        for batch in batches():
            for row, mask in enumerate(batch["attention_mask"].bool()):
                model(**{key: value[row, mask][None] for key, value in batch.items() if key != "labels"})


_SETTINGS: dict[str, dict[str, Callable[[], Any]]] = {
    "corda": {"corda_config": CordaConfig},
    "lora_ga": {"lora_ga_config": LoraGAConfig},
    "eva": {"eva_config": EvaConfig},
}
_BEFORE: dict[str | None, Callable[[nn.Module, LoraConfig, Batches], None]] = {"corda": _corda, "lora_ga": _lora_ga}
_AFTER: dict[str | None, Callable[[PeftModel, Batches, Backbone], None]] = {"eva": _eva, "loftq": _loftq}
