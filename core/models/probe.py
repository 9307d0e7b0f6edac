"""Probe every method of the installed peft on two tiny models, to generate the table of `core.catalog.capabilities`."""

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig, PeftModel, PeftType, get_peft_model
from torch import Tensor
from transformers import BertConfig, GPT2Config, PreTrainedModel

from core.catalog.capabilities import ASPECTS, MODELS, PACKAGES, Capabilities, ProbeResult
from core.catalog.lora_init import INITS
from core.catalog.methods import METHODS
from core.config import RunConfig, make_config
from core.errors import RequestError
from core.models.adapters import AdaptedModel, load_adapter, peft_config_class, save_adapter
from core.models.backbone import Backbone, silence_libraries
from core.models.dry_run import load_miniature, miniature, miniature_batch, train_step
from core.models.targets import choose_targets
from core.system.environment import installed_versions

TOLERANCE = 1e-5
"""Largest difference between logits that count as equal."""
_WIDTH = 64
_REQUIRED_FIELDS: dict[str, dict[str, Any]] = {
    "adaption_prompt": {"adapter_len": 4, "adapter_layers": 1},
    "cartridge": {"num_virtual_tokens": 4},
    "multitask_prompt_tuning": {"num_virtual_tokens": 4},
    "trainable_tokens": {"token_indices": [10, 11]},
}
"""Required fields of peft's methods that are not in the catalog."""
_TINY = {
    "encoder": BertConfig(
        vocab_size=1000, hidden_size=_WIDTH, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128
    ),
    "gpt2": GPT2Config(
        vocab_size=1000,
        n_embd=_WIDTH,
        n_layer=2,
        n_head=4,
        n_positions=64,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
    ),
}
VARIANTS: dict[str, dict[str, Any]] = {
    "lora --rslora": {"rslora": True},
    "lora --dora": {"dora": True},
    "lora --layers last:1": {"layers": "last:1"},
    **{f"lora --init {name}": {"init": name} for name, init in INITS.items() if init.quantized != "4bit"},
    **{
        f"lora --init {name} --quantize 4bit": {"init": name, "quantize": "4bit"}
        for name, init in INITS.items()
        if init.quantized == "4bit"
    },
}
"""LoRA's variants, probed like methods, by their flags."""


def methods_to_probe() -> dict[str, dict[str, Any]]:
    """Return the settings of every probe by name: peft's methods in its order, then LoRA's variants."""
    methods = {kind.value.lower(): {"method": kind.value.lower()} for kind in PeftType}
    return methods | {name: {"method": "lora"} | settings for name, settings in VARIANTS.items()}


def probe(on_probed: Callable[[str], None] = lambda name: None) -> Capabilities:
    """Probe every method on every tiny model; ``on_probed`` is called with each method's name."""
    results: dict[str, dict[str, dict[str, ProbeResult]]] = {}
    for name, settings in methods_to_probe().items():
        results[name] = {model: probe_on(model, settings) for model in MODELS}
        on_probed(name)
    return Capabilities(installed_versions(PACKAGES), results)


def probe_on(model: str, settings: Mapping[str, Any]) -> dict[str, ProbeResult]:
    """Probe one method on one tiny model; return a result for each aspect."""
    torch.manual_seed(0)
    tiny = Backbone(f"a tiny {model}", None, "", _TINY[model], _WIDTH, model == "gpt2")
    with miniature(tiny) as small:
        probes: dict[str, Callable[[], None]] = {
            "trains": lambda: _probe_training(small, settings),
            "reloads": lambda: _probe_reloading(small, settings),
            "merges": lambda: _probe_merging(small, settings),
            "shares": lambda: _probe_sharing(small, settings),
            "bfloat16": lambda: _probe_training(small, settings, dtype="bfloat16"),
            "8bit": lambda: _probe_reloading(small, settings, quantize="8bit"),
            "4bit": lambda: _probe_reloading(small, settings, quantize="4bit"),
        }
        results: dict[str, ProbeResult] = {}
        for aspect in ASPECTS:
            training = results.get(ASPECTS[0], ProbeResult(True))
            results[aspect] = _run_probe(probes[aspect]) if training.works else training
        return results


def _run_probe(probe_aspect: Callable[[], None]) -> ProbeResult:
    try:
        with silence_libraries():
            probe_aspect()
    except Exception as error:  # any error is a result
        reason = " ".join(str(error).split()) or type(error).__name__
        return ProbeResult(False, re.sub(r" at 0x[0-9a-f]+", "", reason)[:300])
    return ProbeResult(True)


def _probe_training(small: Backbone, settings: Mapping[str, Any], **overrides: Any) -> None:
    if settings["method"] not in METHODS:
        _train_uncataloged(small, settings["method"])
    else:
        _train_adapter(small, settings, **overrides)


def _train_uncataloged(small: Backbone, method: str) -> None:
    """Train a method that is not in the catalog with its default config, to record why it fails."""
    model, new_modules = load_miniature(small)
    kind = peft_config_class(method)
    attention = choose_targets(model, "attention", None, small.name, new_modules).modules
    adapted = get_peft_model(
        model, kind(task_type="SEQ_CLS", **_REQUIRED_FIELDS.get(method) or _target_modules_field(kind, attention))
    )
    adapted(**miniature_batch(model)).loss.backward()
    head = [parameter.requires_grad for name, parameter in adapted.named_parameters() if new_modules[0] in name]
    if not any(head):
        raise RequestError(f"{kind.__name__} has no modules_to_save: a new head is not trained.")


def _train_adapter(
    small: Backbone, settings: Mapping[str, Any], seed: int = 0, **overrides: Any
) -> tuple[RunConfig, AdaptedModel]:
    config = make_config({"dtype": "float32", **settings, **overrides})
    torch.manual_seed(0)  # the same head for every adapter
    model, new_modules = load_miniature(small, config.quantize)
    torch.manual_seed(seed)
    return config, train_step(config, small, model, new_modules)


def _logits(model: Any, batch: Mapping[str, Tensor]) -> Tensor:
    with torch.inference_mode():
        logits: Tensor = model.eval()(**{key: value for key, value in batch.items() if key != "labels"}).logits
    return logits.clone()


@contextmanager
def _saved_adapter(small: Backbone, adapted: AdaptedModel) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="adapter-bench-") as folder:
        save_adapter(adapted, Path(folder), small)
        yield Path(folder)


def _reload_base(small: Backbone, config: RunConfig) -> PreTrainedModel:
    """Load the base with another random head, to detect a head that was not saved."""
    torch.manual_seed(99)
    return load_miniature(small, config.quantize)[0]


def _probe_reloading(small: Backbone, settings: Mapping[str, Any], **overrides: Any) -> None:
    config, adapted = _train_adapter(small, settings, **overrides)
    batch = miniature_batch(adapted.model)
    expected = _logits(adapted.model, batch)
    with _saved_adapter(small, adapted) as folder:
        _check_equal(_logits(load_adapter(_reload_base(small, config), folder, config.method, small), batch), expected)


def _probe_merging(small: Backbone, settings: Mapping[str, Any]) -> None:
    config, adapted = _train_adapter(small, settings)
    batch = miniature_batch(adapted.model)
    expected = _logits(adapted.model, batch)
    with _saved_adapter(small, adapted) as folder:
        loaded = load_adapter(_reload_base(small, config), folder, config.method, small)
    if not hasattr(loaded.base_model, "merge_and_unload"):
        raise RequestError("it has no weights that can be merged.")
    _check_equal(_logits(loaded.base_model.merge_and_unload(), batch), expected)


def _probe_sharing(small: Backbone, settings: Mapping[str, Any]) -> None:
    """Load two adapters onto one base: each must give its own logits, in any order."""
    config, first = _train_adapter(small, settings, seed=1)
    _, second = _train_adapter(small, settings, seed=2)
    batch = miniature_batch(first.model)
    expected = {"first": _logits(first.model, batch), "second": _logits(second.model, batch)}
    with _saved_adapter(small, first) as first_folder, _saved_adapter(small, second) as second_folder:
        shared = PeftModel.from_pretrained(_reload_base(small, config), first_folder, adapter_name="first")
        shared.load_adapter(second_folder, adapter_name="second")
    for name in ("first", "second", "first"):
        shared.set_adapter(name)
        _check_equal(_logits(shared, batch), expected[name])


def _check_equal(logits: Tensor, expected: Tensor) -> None:
    difference = float((logits - expected).abs().max())
    if not difference <= TOLERANCE:
        raise RequestError(f"its logits differ by {difference:.2g}.")


def _target_modules_field(kind: type[PeftConfig], attention: Sequence[str]) -> dict[str, Any]:
    has_field = any(field.name == "target_modules" for field in fields(kind))
    return {"target_modules": list(attention)} if has_field else {}
