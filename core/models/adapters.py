"""PEFT adapters on a backbone: made, saved and loaded again, with plain peft."""

from collections.abc import Sequence
from pathlib import Path

from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as PEFT_TARGETS
from torch import nn
from transformers.pytorch_utils import Conv1D

from core.config import RunConfig
from core.errors import RequestError, did_you_mean
from core.models.backbone import Backbone, quiet

ALL_LINEAR = "all-linear"
_OWN_TARGETS = {"distilbert": ["q_lin", "v_lin"]}  # peft's own table lacks it


def choose_targets(model: nn.Module, config: RunConfig) -> tuple[list[str] | str, str]:
    """Return the modules to adapt and, in words, why these.

    Raises `RequestError` where a named module is not in the model.
    """
    kinds = {
        name.rsplit(".", 1)[-1] for name, module in model.named_modules() if isinstance(module, nn.Linear | Conv1D)
    }
    if config.target_modules:
        for name in config.target_modules:
            if name != ALL_LINEAR and name not in kinds:
                known = ", ".join(sorted(kinds))
                raise RequestError(
                    f"--target-modules '{name}' is not in {config.model}. Its linear modules: {known}."
                    f"{did_you_mean(name, kinds)}"
                )
        named = list(config.target_modules)
        return (ALL_LINEAR if ALL_LINEAR in named else named), "as asked"
    architecture = str(getattr(model.config, "model_type", ""))
    if architecture in _OWN_TARGETS:
        return _OWN_TARGETS[architecture], f"query and value of {architecture}"
    usual = PEFT_TARGETS.get(architecture)
    if isinstance(usual, list) and kinds.issuperset(usual):
        return list(usual), f"peft's own choice for {architecture}"
    return ALL_LINEAR, f"every linear layer but the head: peft names none for {architecture or 'this architecture'}"


def add_adapter(model: nn.Module, config: RunConfig, new_modules: Sequence[str]) -> PeftModel:
    """Freeze the model and put the config's adapter on it; newly initialised modules train along."""
    targets, _ = choose_targets(model, config)
    adapter = LoraConfig(
        task_type="SEQ_CLS",
        r=config.r,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules=targets,
        modules_to_save=list(new_modules) or None,
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
    )
    with quiet():
        return get_peft_model(model, adapter)


def save_adapter(model: PeftModel, folder: Path, backbone: Backbone) -> None:
    """Write the adapter with its config; safetensors only.

    The config names the base by its recorded name and revision, so that it works on any machine.
    """
    adapter = model.peft_config["default"]
    adapter.base_model_name_or_path, adapter.revision = backbone.name, backbone.revision
    model.save_pretrained(folder, safe_serialization=True, save_embedding_layers=False)


def load_adapter(base: nn.Module, folder: Path) -> PeftModel:
    """Put a saved adapter on a fresh base, with plain peft."""
    with quiet():
        return PeftModel.from_pretrained(base, folder).eval()
