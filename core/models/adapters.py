"""Create, save and load PEFT adapters."""

import json
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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
from core.models.backbone import Backbone, silence_libraries
from core.models.lora_init import Batches, initialize_adapter, peft_init_fields, prepare_base
from core.models.pooling import MeanPooling
from core.models.targets import TargetModules, choose_targets

_DERIVED_FIELDS = ("target_modules", "modules_to_save", "fan_in_fan_out", "task_type", "peft_type", "inference_mode")
_PROVENANCE_FIELDS = ("auto_mapping", "peft_version", "base_model_name_or_path", "revision")


@dataclass(frozen=True)
class TrainingPlan:
    """The number of training steps and some batches, which an adapter's defaults and initialization depend on."""

    steps: int | None
    batches: Batches


@dataclass(frozen=True)
class AdaptedModel:
    """A model with an adapter.

    ``initial``: a folder with the initial adapter if the initialization changed the base weights; it is needed to save
    an adapter for the unchanged base.
    """

    model: PeftModel
    initial: "tempfile.TemporaryDirectory[str] | None" = None


def peft_config_class(method: str) -> type[PeftConfig]:
    """Return peft's config class for a method."""
    config: type[PeftConfig] = PEFT_TYPE_TO_CONFIG_MAPPING[PeftType(method.upper())]
    return config


def check_peft_fields(config: RunConfig) -> dict[str, Any]:
    """Validate ``--peft`` against the fields and types of the method's peft config; return the parsed values.

    Raises `RequestError` for an unknown field, a field with its own flag, or a value of the wrong type.
    """
    config_class, method = peft_config_class(config.method), METHODS[config.method]
    by_flag = {name: flag(setting) for setting, name in method.peft_fields.items() if name}
    allowed = {field.name for field in fields(config_class)}.difference(_DERIVED_FIELDS, _PROVENANCE_FIELDS, by_flag)
    types = get_type_hints(config_class)
    checked = {}
    for name, value in config.peft.items():
        if name in by_flag:
            raise RequestError(f"--peft {name}: use the flag {by_flag[name]} instead.")
        if name in _DERIVED_FIELDS:
            raise RequestError(f"--peft {name}: it is derived from the model and the task and cannot be set.")
        if name not in allowed:
            hint = did_you_mean(name, {*allowed, *by_flag})
            raise RequestError(
                f"--peft {name}: peft's {config_class.__name__} has no such field.{hint} "
                f"Its fields: {', '.join(sorted(allowed))}."
            )
        try:
            checked[name] = TypeAdapter(types[name]).validate_python(value)
        except ValidationError as error:
            reasons = dict.fromkeys(item["msg"].removeprefix("Input ") for item in error.errors())
            raise RequestError(f"--peft {name}={value} {' or '.join(reasons)}.") from None
    return checked


def parse_layers(layers: str | None, count: int) -> list[int] | None:
    """Return the layer indices of ``first:2``, ``last:4`` or ``0,3,5`` in a model of ``count`` layers.

    Raises `RequestError` for a layer that the model lacks.
    """
    if layers is None:
        return None
    end, _, number = layers.partition(":")
    if number:
        numbers = list(range(int(number))) if end == "first" else list(range(count - int(number), count))
    else:
        numbers = [int(index) for index in layers.split(",")]
    if min(numbers) < 0 or max(numbers) >= count:
        raise RequestError(f"--layers {layers}: the model has {count} layers, 0 to {count - 1}.")
    return numbers


def select_targets(config: RunConfig, model: PreTrainedModel, new_modules: Sequence[str]) -> TargetModules:
    """Select the target modules of the config's method in a model."""
    return choose_targets(model, METHODS[config.method].targets, config.target_modules, config.model, new_modules)


def add_adapter(
    model: PreTrainedModel,
    config: RunConfig,
    new_modules: Sequence[str],
    targets: TargetModules,
    backbone: Backbone,
    plan: TrainingPlan,
) -> AdaptedModel:
    """Freeze the model and add the config's adapter to the targets; newly initialized modules are trained too."""
    with silence_libraries():
        if config.quantize:
            model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
        adapter = _adapter_config(model, config, new_modules, targets, plan.steps)
        prepare_base(config.init, model, adapter, plan.batches)
        adapted = get_peft_model(model, adapter)
        initialize_adapter(config.init, adapted, plan.batches, backbone)
        mutated = config.init is not None and INITS[config.init].mutates
        return AdaptedModel(adapted, _save_initial(adapted) if mutated else None)


def save_adapter(adapted: AdaptedModel, folder: Path, backbone: Backbone) -> None:
    """Write the adapter and its config, safetensors only.

    The config names the base model by its recorded name and revision, so that it works on any machine. An adapter
    whose initialization changed the base weights is converted for the unchanged base.
    """
    model, initial = adapted.model, adapted.initial
    adapter = model.peft_config["default"]
    adapter.base_model_name_or_path, adapter.revision = backbone.name, backbone.revision
    with silence_libraries():
        model.save_pretrained(folder, safe_serialization=True, save_embedding_layers=False)
    if initial:
        _convert_for_unchanged_base(folder, Path(initial.name))


def load_adapter(base: nn.Module, folder: Path, method: str, backbone: Backbone) -> PeftModel:
    """Load a saved adapter onto a base model with peft.

    Raises `RequestError` if `check_adapter` does, or if weights are missing.
    """
    check_adapter(folder, method, backbone)
    with _refusing_missing_weights(folder):
        return PeftModel.from_pretrained(base, folder).eval()


def load_trainable_adapter(model: PreTrainedModel, config: RunConfig, folder: Path, backbone: Backbone) -> AdaptedModel:
    """Freeze the model and add a saved adapter to it, ready to be trained further.

    Raises `RequestError` as `load_adapter` does.
    """
    check_adapter(folder, config.method, backbone)
    with _refusing_missing_weights(folder):
        if config.quantize:
            model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
        adapter = PeftConfig.from_pretrained(str(folder))
        adapter.inference_mode = False
        # Not PeftModel.from_pretrained, which refuses to train virtual tokens.
        adapted = get_peft_model(model, adapter)
        adapted.load_adapter(str(folder), "default", is_trainable=True)
        return AdaptedModel(adapted)


@contextmanager
def _refusing_missing_weights(folder: Path) -> Iterator[None]:
    """Raise `RequestError` if peft finds that an adapter lacks weights, which it would initialize at random."""
    with silence_libraries():
        warnings.filterwarnings("error", ".*Found missing adapter keys", UserWarning)  # peft only warns
        try:
            yield
        except UserWarning:
            raise RequestError(
                f"The adapter in {folder} lacks some of its weights. Restore its files, or train it again."
            ) from None


def check_adapter(folder: Path, method: str, backbone: Backbone) -> None:
    """Raise `RequestError` for an incomplete adapter or one of another method or base model."""
    for name in (CONFIG_NAME, SAFETENSORS_WEIGHTS_NAME):  # without the second, peft would read pickled weights
        if not (folder / name).is_file():
            raise RequestError(
                f"The adapter in {folder} is incomplete: {name} is missing. Restore its files, or train it again."
            )
    try:
        stored = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise RequestError(
            f"{folder / CONFIG_NAME} is damaged: {error}. Restore it, or train the adapter again."
        ) from None
    peft_type = stored.get("peft_type") if isinstance(stored, dict) else None
    if peft_type != PeftType(method.upper()).value:
        raise RequestError(
            f"The adapter in {folder} has the method {peft_type}, but its run was recorded with {method}."
        )
    base = str(stored.get("base_model_name_or_path"))
    # A local base model may have been moved to another folder of the same name.
    is_moved = all(Path(name).is_absolute() and Path(name).name == Path(base).name for name in (base, backbone.name))
    if base != backbone.name and not is_moved:
        raise RequestError(
            f"The adapter in {folder} belongs to the base model {base}, but its run was trained on {backbone.name}."
        )


def _adapter_config(
    model: PreTrainedModel, config: RunConfig, new_modules: Sequence[str], targets: TargetModules, steps: int | None
) -> PeftConfig:
    method, config_class = METHODS[config.method], peft_config_class(config.method)
    adapted = _adapted_layers(model, targets)
    context = DefaultsContext(config.r or 0, steps, _widths(adapted), targets.feedforward)
    derived = {
        "modules_to_save": list(new_modules) or None,
        "fan_in_fan_out": any(isinstance(layer, Conv1D) for layer in adapted),
    }
    available = {field.name for field in fields(config_class)}
    values = {name: value for name, value in derived.items() if name in available}
    values |= {name: _derive_default(value, context) for name, value in method.defaults.items()}
    values |= _peft_values(model, config, method.peft_fields, targets)
    task = "TOKEN_CLS" if isinstance(model, MeanPooling) else "SEQ_CLS"
    return config_class(task_type=task, **values | check_peft_fields(config))


def _peft_values(
    model: PreTrainedModel, config: RunConfig, peft_fields: Mapping[str, str], targets: TargetModules
) -> dict[str, Any]:
    """Return the peft fields that the config's adapter settings set."""
    layers = getattr(model.config.get_text_config(), "num_hidden_layers", 0)
    special = {
        "target_modules": list(targets.modules),
        "layers": parse_layers(config.layers, layers),
    }
    settings = {name: special.get(name, getattr(config, name)) for name in peft_fields}
    init = peft_init_fields(config.init) if "init" in peft_fields else {}
    return {peft_fields[name]: value for name, value in settings.items() if peft_fields[name] and name != "init"} | init


def _derive_default(value: Any, context: DefaultsContext) -> Any:
    return value.derive(context) if isinstance(value, DerivedDefault) else value


def _adapted_layers(model: nn.Module, targets: TargetModules) -> list[nn.Module]:
    """Return the layers whose names end in one of the targets."""
    suffixes = tuple(f".{name}" for name in targets.modules)
    return [module for name, module in model.named_modules() if f".{name}".endswith(suffixes)]


def _widths(layers: Sequence[nn.Module]) -> list[int]:
    """Return the input and output sizes of the layers."""
    linear = {
        size for layer in layers if isinstance(layer, nn.Linear) for size in (layer.in_features, layer.out_features)
    }
    return sorted(linear | {size for layer in layers if isinstance(layer, Conv1D) for size in layer.weight.shape})


def _save_initial(model: PeftModel) -> "tempfile.TemporaryDirectory[str]":
    folder = tempfile.TemporaryDirectory(prefix="adapter-bench-")
    model.save_pretrained(folder.name, save_embedding_layers=False)
    return folder


def _convert_for_unchanged_base(folder: Path, initial: Path) -> None:
    """Rewrite a saved LoRA whose initialization subtracted B₀A₀ from the base as a LoRA of the unchanged base.

    The update BA - B₀A₀ is a LoRA of twice the rank, [B | -B₀][A ; A₀]. peft converts on saving too, but omits the
    trained head (0.21).
    """
    final, start = (load_file(path / SAFETENSORS_WEIGHTS_NAME) for path in (folder, initial))
    for name in final:
        if "lora_A" in name:
            final[name] = torch.cat([final[name], start[name]], dim=0).contiguous()
        elif "lora_B" in name:
            final[name] = torch.cat([final[name], -start[name]], dim=1).contiguous()
    save_file(final, folder / SAFETENSORS_WEIGHTS_NAME, metadata={"format": "pt"})
    config = LoraConfig.from_pretrained(folder)
    config.init_lora_weights, config.corda_config, config.lora_ga_config = True, None, None
    scale = 2**0.5 if config.use_rslora else 2
    config.r, config.lora_alpha = 2 * config.r, scale * config.lora_alpha
    config.rank_pattern = {name: 2 * rank for name, rank in config.rank_pattern.items()}
    config.alpha_pattern = {name: scale * alpha for name, alpha in config.alpha_pattern.items()}
    config.save_pretrained(folder)
