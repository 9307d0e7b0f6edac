"""PEFT adapters on a backbone: made, saved and loaded again, with plain peft."""

import json
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

import torch
from peft import LoraConfig, PeftConfig, PeftModel, PeftType, get_peft_model, prepare_model_for_kbit_training
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
from peft.utils import CONFIG_NAME, SAFETENSORS_WEIGHTS_NAME
from pydantic import TypeAdapter, ValidationError
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from core.catalog.derived_defaults import DefaultsContext, DerivedDefault
from core.catalog.lora_init import INITS
from core.catalog.methods import METHODS
from core.config import RunConfig, flag
from core.errors import RequestError, did_you_mean
from core.models.backbone import Backbone, quiet
from core.models.lora_init import Batches, after, before, init_fields
from core.models.targets import Chosen, choose_targets

_GIVEN = ("target_modules", "modules_to_save", "fan_in_fan_out", "task_type", "peft_type", "inference_mode")
_NAMING = ("auto_mapping", "peft_version", "base_model_name_or_path", "revision")


@dataclass(frozen=True)
class Plan:
    """What the training will be, as far as an adapter depends on it: its steps, and some of its batches."""

    steps: int
    batches: Batches


@dataclass(frozen=True)
class Adapted:
    """A model with an adapter on it.

    ``initial`` holds the adapter as it began where its base was changed to begin so: it is needed
    to save it as an adapter of the unchanged base.
    """

    model: PeftModel
    initial: "tempfile.TemporaryDirectory[str] | None" = None


def config_class(method: str) -> type[PeftConfig]:
    """Return peft's config class for a method."""
    found: type[PeftConfig] = PEFT_TYPE_TO_CONFIG_MAPPING[PeftType(method.upper())]
    return found


def check_fields(config: RunConfig) -> dict[str, Any]:
    """Check ``--peft`` against the fields and types of the method's own config; return the values, read.

    Raises `RequestError` for a field that the config lacks, that a flag of ours sets, or whose
    value has the wrong type.
    """
    kind, method = config_class(config.method), METHODS[config.method]
    by_flag = {name: flag(setting) for setting, name in method.takes.items() if name}
    known = {field.name for field in fields(kind)}.difference(_GIVEN, _NAMING, by_flag)
    types = get_type_hints(kind)
    checked = {}
    for name, value in config.peft.items():
        if name in by_flag:
            raise RequestError(f"--peft {name}: {by_flag[name]} sets it. Use that flag.")
        if name in _GIVEN:
            raise RequestError(f"--peft {name}: it follows from the model and the task, and is set here.")
        if name not in known:
            hint = did_you_mean(name, {*known, *by_flag})
            raise RequestError(
                f"--peft {name}: peft's {kind.__name__} has no such field.{hint} "
                f"Its fields: {', '.join(sorted(known))}."
            )
        try:
            checked[name] = TypeAdapter(types[name]).validate_python(value)
        except ValidationError as error:
            reasons = dict.fromkeys(item["msg"].removeprefix("Input ") for item in error.errors())
            raise RequestError(f"--peft {name}={value} {' or '.join(reasons)}.") from None
    return checked


def layer_numbers(layers: str | None, count: int) -> list[int] | None:
    """Return the numbers of the layers that ``first:2``, ``last:4`` or ``0,3,5`` means in a model of so many.

    Raises `RequestError` where the model has fewer.
    """
    if layers is None:
        return None
    which, _, number = layers.partition(":")
    if number:
        numbers = list(range(int(number))) if which == "first" else list(range(count - int(number), count))
    else:
        numbers = [int(one) for one in layers.split(",")]
    if min(numbers) < 0 or max(numbers) >= count:
        raise RequestError(f"--layers {layers}: the model has {count} layers, 0 to {count - 1}.")
    return numbers


def targets_of(config: RunConfig, model: PreTrainedModel, new_modules: Sequence[str]) -> Chosen:
    """Choose the modules that the config's adapter sits on, for this model."""
    return choose_targets(model, METHODS[config.method].targets, config.target_modules, config.model, new_modules)


def add_adapter(
    model: PreTrainedModel,
    config: RunConfig,
    new_modules: Sequence[str],
    targets: Chosen,
    backbone: Backbone,
    plan: Plan,
) -> Adapted:
    """Freeze the model and put the config's adapter on the targets; newly initialised modules train along."""
    with quiet():
        if config.quantize:
            model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
        adapter = _adapter_config(model, config, new_modules, targets, plan.steps)
        before(config.init, model, adapter, plan.batches)
        adapted = get_peft_model(model, adapter)
        after(config.init, adapted, plan.batches, backbone)
        mutated = config.init is not None and INITS[config.init].mutates
        return Adapted(adapted, _saved_aside(adapted) if mutated else None)


def save_adapter(adapted: Adapted, folder: Path, backbone: Backbone) -> None:
    """Write the adapter with its config; safetensors only.

    The config names the base by its recorded name and revision, so that it works on any machine.
    An adapter that began by changing the base is written as one of the base as it was.
    """
    model, initial = adapted.model, adapted.initial
    adapter = model.peft_config["default"]
    adapter.base_model_name_or_path, adapter.revision = backbone.name, backbone.revision
    with quiet():
        model.save_pretrained(folder, safe_serialization=True, save_embedding_layers=False)
    if initial:
        _of_the_unchanged_base(folder, Path(initial.name))


def load_adapter(base: nn.Module, folder: Path, method: str, backbone: Backbone) -> PeftModel:
    """Put a saved adapter on a fresh base, with plain peft; see `check_adapter`."""
    check_adapter(folder, method, backbone)
    with quiet():
        # Weights that are missing are random ones to peft, and worth no more than a warning.
        warnings.filterwarnings("error", ".*Found missing adapter keys", UserWarning)
        try:
            return PeftModel.from_pretrained(base, folder).eval()
        except UserWarning:
            raise RequestError(f"The adapter in {folder} lacks some of its weights: the file is another's.") from None


def check_adapter(folder: Path, method: str, backbone: Backbone) -> None:
    """Raise `RequestError` where a folder holds no whole adapter, or one of another method or base."""
    for name in (CONFIG_NAME, SAFETENSORS_WEIGHTS_NAME):  # without the second, peft would read pickled weights
        if not (folder / name).is_file():
            raise RequestError(f"{folder} holds no whole adapter: {name} is missing.")
    try:
        named = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise RequestError(f"{folder / CONFIG_NAME} is damaged: {error}.") from None
    kind = named.get("peft_type") if isinstance(named, dict) else None
    if kind != PeftType(method.upper()).value:
        raise RequestError(f"The adapter in {folder} is one of {kind}, and not of {method}, as its run was recorded.")
    base = str(named.get("base_model_name_or_path"))
    moved = all(Path(name).is_absolute() and Path(name).name == Path(base).name for name in (base, backbone.name))
    if base != backbone.name and not moved:  # a folder may lie elsewhere by now
        raise RequestError(
            f"The adapter in {folder} is one of {base}, and not of {backbone.name}, which its run was trained on."
        )


def _adapter_config(
    model: PreTrainedModel, config: RunConfig, new_modules: Sequence[str], targets: Chosen, steps: int
) -> PeftConfig:
    method, kind = METHODS[config.method], config_class(config.method)
    adapted = _adapted_layers(model, targets)
    facts = DefaultsContext(config.r or 0, steps, _widths(adapted), targets.feedforward)
    given = {
        "modules_to_save": list(new_modules) or None,
        "fan_in_fan_out": any(isinstance(layer, Conv1D) for layer in adapted),
    }
    available = {field.name for field in fields(kind)}
    values = {name: value for name, value in given.items() if name in available}
    values |= {name: _settled(value, facts) for name, value in method.defaults.items()}
    values |= _own_settings(model, config, method.takes, targets)
    return kind(task_type="SEQ_CLS", **values | check_fields(config))


def _own_settings(
    model: PreTrainedModel, config: RunConfig, takes: Mapping[str, str], targets: Chosen
) -> dict[str, Any]:
    """Return the fields that settings of ours stand for."""
    layers = getattr(model.config.get_text_config(), "num_hidden_layers", 0)
    special = {
        "target_modules": list(targets.modules),
        "layers": layer_numbers(config.layers, layers),
    }
    settings = {name: special.get(name, getattr(config, name)) for name in takes}
    init = init_fields(config.init) if "init" in takes else {}
    return {takes[name]: value for name, value in settings.items() if takes[name] and name != "init"} | init


def _settled(value: Any, facts: DefaultsContext) -> Any:
    return value.value(facts) if isinstance(value, DerivedDefault) else value


def _adapted_layers(model: nn.Module, targets: Chosen) -> list[nn.Module]:
    """Return the layers whose name ends in one of the targets."""
    ends = tuple(f".{name}" for name in targets.modules)
    return [module for name, module in model.named_modules() if f".{name}".endswith(ends)]


def _widths(layers: Sequence[nn.Module]) -> list[int]:
    """Return the sizes that the layers take and give."""
    linear = {size for one in layers if isinstance(one, nn.Linear) for size in (one.in_features, one.out_features)}
    return sorted(linear | {size for one in layers if isinstance(one, Conv1D) for size in one.weight.shape})


def _saved_aside(model: PeftModel) -> "tempfile.TemporaryDirectory[str]":
    folder = tempfile.TemporaryDirectory(prefix="adapter-bench-")
    model.save_pretrained(folder.name, save_embedding_layers=False)
    return folder


def _of_the_unchanged_base(folder: Path, initial: Path) -> None:
    """Rewrite a saved LoRA of a base that lost B₀A₀ when it began as one of the whole base: BA - B₀A₀.

    That is a LoRA of twice the rank, [B | -B₀][A ; A₀]. peft can do this on saving, but leaves the
    trained head out (0.21).
    """
    now, then = (load_file(path / SAFETENSORS_WEIGHTS_NAME) for path in (folder, initial))
    for name in now:
        if "lora_A" in name:
            now[name] = torch.cat([now[name], then[name]], dim=0).contiguous()
        elif "lora_B" in name:
            now[name] = torch.cat([now[name], -then[name]], dim=1).contiguous()
    save_file(now, folder / SAFETENSORS_WEIGHTS_NAME, metadata={"format": "pt"})
    config = LoraConfig.from_pretrained(folder)
    config.init_lora_weights, config.corda_config, config.lora_ga_config = True, None, None
    scale = 2**0.5 if config.use_rslora else 2
    config.r, config.lora_alpha = 2 * config.r, scale * config.lora_alpha
    config.rank_pattern = {name: 2 * rank for name, rank in config.rank_pattern.items()}
    config.alpha_pattern = {name: scale * alpha for name, alpha in config.alpha_pattern.items()}
    config.save_pretrained(folder)
