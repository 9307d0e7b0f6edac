"""Every method of the installed peft, tried on two tiny models: what `core.catalog.capabilities` ships is made here."""

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

from core.catalog.capabilities import ASPECTS, MODELS, PACKAGES, Probed, Verdict
from core.catalog.lora_init import INITS
from core.catalog.methods import METHODS
from core.config import RunConfig, make_config
from core.errors import RequestError
from core.models.adapters import Adapted, config_class, load_adapter, save_adapter, targets_of
from core.models.backbone import Backbone, quiet
from core.models.dry_run import load_small, miniature, small_batch, step
from core.system.environment import installed_versions

TOLERANCE = 1e-5
"""Largest difference between logits that are to be the same."""
_WIDTH = 64
_BARE: dict[str, dict[str, Any]] = {
    "adaption_prompt": {"adapter_len": 4, "adapter_layers": 1},
    "cartridge": {"num_virtual_tokens": 4},
    "multitask_prompt_tuning": {"num_virtual_tokens": 4},
    "trainable_tokens": {"token_indices": [10, 11]},
}
"""What the methods that are not in our table can't be made without."""
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
"""LoRA's variants, tried like methods, by the flags that ask for them."""


def methods_to_probe() -> dict[str, dict[str, Any]]:
    """Return the settings of all that is tried, by name: peft's methods in its own order, then LoRA's variants."""
    methods = {kind.value.lower(): {"method": kind.value.lower()} for kind in PeftType}
    return methods | {name: {"method": "lora"} | settings for name, settings in VARIANTS.items()}


def probe(tried: Callable[[str], None] = lambda name: None) -> Probed:
    """Try everything on every tiny model; ``tried`` hears of each method when it is done."""
    verdicts: dict[str, dict[str, dict[str, Verdict]]] = {}
    for name, settings in methods_to_probe().items():
        verdicts[name] = {model: probe_on(model, settings) for model in MODELS}
        tried(name)
    return Probed(installed_versions(PACKAGES), verdicts)


def probe_on(model: str, settings: Mapping[str, Any]) -> dict[str, Verdict]:
    """Try one method on one tiny model: a verdict for each of `core.catalog.capabilities.ASPECTS`."""
    torch.manual_seed(0)
    tiny = Backbone(f"a tiny {model}", None, "", _TINY[model], _WIDTH, model == "gpt2")
    with miniature(tiny) as small:
        tries: dict[str, Callable[[], None]] = {
            "trains": lambda: _train(small, settings),
            "reloads": lambda: _reload(small, settings),
            "merges": lambda: _merge(small, settings),
            "shares": lambda: _share(small, settings),
            "bfloat16": lambda: _train(small, settings, dtype="bfloat16"),
            "8bit": lambda: _reload(small, settings, quantize="8bit"),
            "4bit": lambda: _reload(small, settings, quantize="4bit"),
        }
        found: dict[str, Verdict] = {}
        for aspect in ASPECTS:
            first = found.get(ASPECTS[0], Verdict(True))
            found[aspect] = _verdict(tries[aspect]) if first.works else first
        return found


def _verdict(attempt: Callable[[], None]) -> Verdict:
    try:
        with quiet():
            attempt()
    except Exception as error:  # whatever it is, it is the finding
        reason = " ".join(str(error).split()) or type(error).__name__
        return Verdict(False, re.sub(r" at 0x[0-9a-f]+", "", reason)[:300])
    return Verdict(True)


def _train(small: Backbone, settings: Mapping[str, Any], **more: Any) -> None:
    if settings["method"] not in METHODS:
        _train_bare(small, settings["method"])
    else:
        _trained(small, settings, **more)


def _train_bare(small: Backbone, method: str) -> None:
    """Let peft say why a method that is not in our table can't be used: with its config as it comes."""
    model, new_modules = load_small(small)
    kind = config_class(method)
    attention = targets_of(make_config({}), model, new_modules).modules
    adapted = get_peft_model(model, kind(task_type="SEQ_CLS", **_BARE.get(method) or _modules(kind, attention)))
    adapted(**small_batch(model)).loss.backward()
    head = [parameter.requires_grad for name, parameter in adapted.named_parameters() if new_modules[0] in name]
    if not any(head):
        raise RequestError(f"{kind.__name__} has no modules_to_save: a new head stays untrained.")


def _trained(small: Backbone, settings: Mapping[str, Any], seed: int = 0, **more: Any) -> tuple[RunConfig, Adapted]:
    config = make_config({"dtype": "float32", **settings, **more})
    torch.manual_seed(0)  # the same head, whichever adapter
    model, new_modules = load_small(small, config.quantize)
    torch.manual_seed(seed)
    return config, step(config, small, model, new_modules)


def _logits(model: Any, batch: Mapping[str, Tensor]) -> Tensor:
    with torch.inference_mode():
        logits: Tensor = model.eval()(**{key: value for key, value in batch.items() if key != "labels"}).logits
    return logits.clone()


@contextmanager
def _saved(small: Backbone, adapted: Adapted) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="adapter-bench-") as folder:
        save_adapter(adapted, Path(folder), small)
        yield Path(folder)


def _fresh(small: Backbone, config: RunConfig) -> PreTrainedModel:
    """Load the base again; its head is another one, so that a head which was not saved shows."""
    torch.manual_seed(99)
    return load_small(small, config.quantize)[0]


def _reload(small: Backbone, settings: Mapping[str, Any], **more: Any) -> None:
    config, adapted = _trained(small, settings, **more)
    batch = small_batch(adapted.model)
    expected = _logits(adapted.model, batch)
    with _saved(small, adapted) as folder:
        _same(_logits(load_adapter(_fresh(small, config), folder, config.method, small), batch), expected)


def _merge(small: Backbone, settings: Mapping[str, Any]) -> None:
    config, adapted = _trained(small, settings)
    batch = small_batch(adapted.model)
    expected = _logits(adapted.model, batch)
    with _saved(small, adapted) as folder:
        loaded = load_adapter(_fresh(small, config), folder, config.method, small)
    if not hasattr(loaded.base_model, "merge_and_unload"):
        raise RequestError("it adds no weights that could be merged.")
    _same(_logits(loaded.base_model.merge_and_unload(), batch), expected)


def _share(small: Backbone, settings: Mapping[str, Any]) -> None:
    """Load two adapters onto one base: each has to answer as it does alone, in any order."""
    config, first = _trained(small, settings, seed=1)
    _, second = _trained(small, settings, seed=2)
    batch = small_batch(first.model)
    expected = {"first": _logits(first.model, batch), "second": _logits(second.model, batch)}
    with _saved(small, first) as one, _saved(small, second) as other:
        both = PeftModel.from_pretrained(_fresh(small, config), one, adapter_name="first")
        both.load_adapter(other, adapter_name="second")
    for name in ("first", "second", "first"):
        both.set_adapter(name)
        _same(_logits(both, batch), expected[name])


def _same(logits: Tensor, expected: Tensor) -> None:
    difference = float((logits - expected).abs().max())
    if not difference <= TOLERANCE:
        raise RequestError(f"its logits differ by {difference:.2g}.")


def _modules(kind: type[PeftConfig], attention: Sequence[str]) -> dict[str, Any]:
    takes_modules = any(field.name == "target_modules" for field in fields(kind))
    return {"target_modules": list(attention)} if takes_modules else {}
