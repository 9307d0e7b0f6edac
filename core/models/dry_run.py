"""Try a method on a miniature of its model before the run starts."""

import logging
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, BatchEncoding, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from core.catalog.capabilities import load_capabilities, probe_result
from core.catalog.methods import METHODS
from core.config import RunConfig
from core.errors import BenchError, RequestError
from core.models.adapters import TrainingPlan, add_adapter, check_peft_fields, parse_layers, select_targets
from core.models.backbone import Backbone, build_empty_model, device, load_with_head, silence_libraries
from core.models.precision import cast_frozen_weights, frozen_dtype
from core.models.quantization import require_bitsandbytes

_LOGGER = logging.getLogger(__name__)
_MAX_LAYERS = 2
_MAX_VOCABULARY = 1000
_LAYER_COUNT_FIELDS = ("num_hidden_layers", "num_layers", "num_decoder_layers", "encoder_layers", "decoder_layers")

_LAYER_INDEX_FIELDS = {"layer_replication"}
"""Fields that name layers by their index, which a miniature cannot test."""


def dry_run_adapter(config: RunConfig, backbone: Backbone) -> None:
    """Train the config's adapter for two steps on a miniature of its backbone: same widths, two layers.

    peft reports invalid fields, sizes and dtypes here. A model that cannot be made smaller is skipped. Raises
    `RequestError` with the reason and the methods that work.
    """
    if config.quantize:
        require_bitsandbytes()
    check_peft_fields(config)
    parse_layers(config.layers, int(backbone.config.get_text_config().num_hidden_layers))
    if config.target_modules:
        select_targets(config, build_empty_model(backbone), ())
    if backbone.trusts_remote_code or _LAYER_INDEX_FIELDS.intersection(config.peft):
        return
    with ExitStack() as stack:
        try:
            small = stack.enter_context(miniature(backbone))
            model, new_modules = load_miniature(small, config.quantize)
        except Exception:  # not every kind of model can be made smaller
            _LOGGER.info("Cannot build a miniature of %s; the dry run is skipped.", config.model, exc_info=True)
            return
        has_conv1d = any(isinstance(module, Conv1D) for module in model.modules())
        try:
            train_step(_without_layers(config), small, model, new_modules)
        except BenchError:
            raise
        except Exception as error:  # peft raises many types of errors
            raise RequestError(_refusal_message(config, error, "gpt2" if has_conv1d else "encoder")) from error


def _without_layers(config: RunConfig) -> RunConfig:
    """Return the config without layer indices: the miniature has two layers."""
    modules = tuple(name for name in config.target_modules or () if not re.search(r"(^|\.)\d+\.", name))
    return config.model_copy(update={"layers": None, "target_modules": modules or None})


@contextmanager
def miniature(backbone: Backbone) -> Iterator[Backbone]:
    """Write a model like the backbone, with two layers and a small vocabulary, to a temporary folder.

    Its weights are random. It has no head.
    """
    config: Any = backbone.config
    small = type(config).from_dict(config.to_dict())
    text = small.get_text_config()
    for name in _LAYER_COUNT_FIELDS:
        if isinstance(getattr(text, name, None), int):
            setattr(text, name, min(_MAX_LAYERS, getattr(text, name)))
    for name, value in text.to_dict().items():
        if isinstance(value, list) and len(value) == config.get_text_config().num_hidden_layers:  # one entry per layer
            setattr(text, name, value[:_MAX_LAYERS])
    text.vocab_size = min(_MAX_VOCABULARY, text.vocab_size)
    for name, value in text.to_dict().items():
        if name.endswith("_token_id") and isinstance(value, int) and value >= text.vocab_size:
            setattr(text, name, 1)
    with tempfile.TemporaryDirectory(prefix="adapter-bench-") as folder:
        with silence_libraries():
            AutoModel.from_config(small).save_pretrained(folder)
        yield backbone.saved_in(Path(folder))


def load_miniature(small: Backbone, quantize: str | None = None) -> tuple[PreTrainedModel, tuple[str, ...]]:
    """Load a miniature with a head for two labels; return it and the names of its new modules."""
    pad = small.config.get_text_config().pad_token_id
    model, new_modules = load_with_head(small, pad if pad is not None else 0, ("a", "b"), quantize)
    return model, new_modules


def train_step(config: RunConfig, small: Backbone, model: PreTrainedModel, new_modules: tuple[str, ...]) -> Any:
    """Add the config's adapter to a miniature and train it for two steps; return the adapted model.

    Raises any error of peft, and `RequestError` if no parameter gets a gradient.
    """
    batch = miniature_batch(model)
    plan = TrainingPlan(steps=10, batches=lambda: [batch])
    adapted = add_adapter(model, config, new_modules, select_targets(config, model, new_modules), small, plan)
    dtype = frozen_dtype(config)
    with cast_frozen_weights(adapted.model, dtype), silence_libraries():
        trainable = [parameter for parameter in adapted.model.parameters() if parameter.requires_grad]
        adapted.model.train()
        for _ in range(2):  # some parameters get a gradient only after the first step
            adapted.model(**batch).loss.backward()
            torch.optim.AdamW(trainable, lr=1e-2).step()
        has_gradient = any(parameter.grad is not None for parameter in trainable)
        adapted.model.zero_grad()
    if not has_gradient:
        raise RequestError("no parameter gets a gradient")
    return adapted


def miniature_batch(model: PreTrainedModel) -> BatchEncoding:
    """Return four short synthetic texts with labels; two of them are padded."""
    text = model.config.get_text_config()
    ids = torch.arange(4 * 8).reshape(4, 8) % min(50, text.vocab_size - 10) + 10
    mask = torch.ones_like(ids)
    ids[:2, 6:], mask[:2, 6:] = text.pad_token_id, 0
    if model.config.is_encoder_decoder:  # their heads read the hidden state of the end token
        ids[:2, 5] = ids[2:, 7] = text.eos_token_id
    return BatchEncoding({"input_ids": ids, "attention_mask": mask, "labels": torch.tensor([0, 1, 0, 1])}).to(device())


def _refusal_message(config: RunConfig, error: Exception, probed_model: str) -> str:
    """Return a message with peft's reason and, if the method fails on such models, the methods that work."""
    aspect = config.quantize or "trains"
    usable = [
        name
        for name in load_capabilities().usable_methods(probed_model)
        if name in METHODS and probe_result(name, aspect, probed_model).works
    ]
    others = f" These methods work on such a model: {', '.join(usable)}." if config.method not in usable else ""
    dtype_hint = "" if frozen_dtype(config) == torch.float32 else " It may work with --dtype float32."
    quantized = f" in {config.quantize}" if config.quantize else ""
    reason = " ".join(str(error).split()) or type(error).__name__
    return (
        f"--method {config.method} cannot train {config.model}{quantized} with these settings. peft: {reason}"
        f"{'' if reason.endswith('.') else '.'}{dtype_hint}{others} See: python runner.py methods"
    )
