"""A method tried on a miniature of the model that it is meant for, before anything of the run begins."""

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

from core.catalog.capabilities import probed, verdict
from core.catalog.methods import METHODS
from core.config import RunConfig
from core.errors import BenchError, RequestError
from core.models.adapters import Plan, add_adapter, check_fields, layer_numbers, targets_of
from core.models.backbone import Backbone, device, load_with_head, quiet, without_weights
from core.models.precision import frozen_dtype, frozen_weights_in
from core.models.quantization import require_package

_LOGGER = logging.getLogger(__name__)
LAYERS = 2
VOCABULARY = 1000
_COUNTS = ("num_hidden_layers", "num_layers", "num_decoder_layers", "encoder_layers", "decoder_layers")

_NAMING_LAYERS = {"layer_replication"}
"""Fields that name layers by their numbers, and that a run tries itself."""


def dry_run_adapter(config: RunConfig, backbone: Backbone) -> None:
    """Train one step of the config's adapter on a miniature of its backbone: same widths, two layers.

    peft reports errors in fields, sizes and number formats here. A model that can't be made smaller
    is skipped. Raises `RequestError` with the reason, and with the methods that would work.
    """
    if config.quantize:
        require_package()
    check_fields(config)
    layer_numbers(config.layers, int(backbone.config.get_text_config().num_hidden_layers))
    if config.target_modules:
        targets_of(config, without_weights(backbone), ())
    if backbone.remote_code or _NAMING_LAYERS.intersection(config.peft):
        return
    with ExitStack() as stack:
        try:
            small = stack.enter_context(miniature(backbone))
            model, new_modules = load_small(small, config.quantize)
        except Exception:  # not every kind of model can be cut down
            _LOGGER.info("No miniature of %s can be made: its method is not tried.", config.model, exc_info=True)
            return
        gpt2 = any(isinstance(module, Conv1D) for module in model.modules())
        try:
            step(_without_layers(config), small, model, new_modules)
        except BenchError:
            raise
        except Exception as error:  # peft raises a different type for each of a dozen causes
            raise RequestError(_refusal(config, error, "gpt2" if gpt2 else "encoder")) from error


def _without_layers(config: RunConfig) -> RunConfig:
    """Return the config without what names layers by their numbers: the miniature has two."""
    modules = tuple(name for name in config.target_modules or () if not re.search(r"(^|\.)\d+\.", name))
    return config.model_copy(update={"layers": None, "target_modules": modules or None})


@contextmanager
def miniature(backbone: Backbone) -> Iterator[Backbone]:
    """Write a model like the backbone, with two layers and a small vocabulary, to a temporary folder.

    Its weights are random, and it has no head, as a checkpoint to be fine-tuned has none.
    """
    config: Any = backbone.config
    small = type(config).from_dict(config.to_dict())
    text = small.get_text_config()
    for name in _COUNTS:
        if isinstance(getattr(text, name, None), int):
            setattr(text, name, min(LAYERS, getattr(text, name)))
    for name, value in text.to_dict().items():
        if isinstance(value, list) and len(value) == config.get_text_config().num_hidden_layers:  # one entry a layer
            setattr(text, name, value[:LAYERS])
    text.vocab_size = min(VOCABULARY, text.vocab_size)
    for name, value in text.to_dict().items():
        if name.endswith("_token_id") and isinstance(value, int) and value >= text.vocab_size:
            setattr(text, name, 1)
    with tempfile.TemporaryDirectory(prefix="adapter-bench-") as folder:
        with quiet():
            AutoModel.from_config(small).save_pretrained(folder)
        yield backbone.saved_in(Path(folder))


def load_small(small: Backbone, quantize: str | None = None) -> tuple[PreTrainedModel, tuple[str, ...]]:
    """Load a miniature with a head for two labels, as a run loads its model; and the names of what is new."""
    pad = small.config.get_text_config().pad_token_id
    model, new_modules = load_with_head(small, pad if pad is not None else 0, ("a", "b"), quantize)
    return model, new_modules


def step(config: RunConfig, small: Backbone, model: PreTrainedModel, new_modules: tuple[str, ...]) -> Any:
    """Put the config's adapter on a miniature and train one step; return the adapted model.

    Raises whatever peft raises, and `RequestError` where the step leaves something without a gradient.
    """
    batch = small_batch(model)
    plan = Plan(steps=10, batches=lambda: [batch])
    adapted = add_adapter(model, config, new_modules, targets_of(config, model, new_modules), small, plan)
    dtype = frozen_dtype(config)
    with frozen_weights_in(adapted.model, dtype), quiet():
        trained = [parameter for parameter in adapted.model.parameters() if parameter.requires_grad]
        adapted.model.train()
        for _ in range(2):  # some have a gradient only when the first step has moved their partner
            adapted.model(**batch).loss.backward()
            torch.optim.AdamW(trained, lr=1e-2).step()
        reached = [parameter.grad is not None for parameter in trained]
        adapted.model.zero_grad()
    if not any(reached):
        raise RequestError("no weight gets a gradient")
    return adapted


def small_batch(model: PreTrainedModel) -> BatchEncoding:
    """Return four short made-up texts with their labels; two of them are padded."""
    text = model.config.get_text_config()
    ids = torch.arange(4 * 8).reshape(4, 8) % min(50, text.vocab_size - 10) + 10
    mask = torch.ones_like(ids)
    ids[:2, 6:], mask[:2, 6:] = text.pad_token_id, 0
    if model.config.is_encoder_decoder:  # their heads read the end of the text, and have to find it
        ids[:2, 5] = ids[2:, 7] = text.eos_token_id
    return BatchEncoding({"input_ids": ids, "attention_mask": mask, "labels": torch.tensor([0, 1, 0, 1])}).to(device())


def _refusal(config: RunConfig, error: Exception, kind: str) -> str:
    """Say what peft said; and where the method as such does not work, which ones the probe found to."""
    aspect = config.quantize or "trains"
    usable = [name for name in probed().usable_on(kind) if name in METHODS and verdict(name, aspect, kind).works]
    others = f" On such a model these work: {', '.join(usable)}." if config.method not in usable else ""
    lowered = "" if frozen_dtype(config) == torch.float32 else " With --dtype float32 it may."
    quantized = f" in {config.quantize}" if config.quantize else ""
    reason = " ".join(str(error).split()) or type(error).__name__
    return (
        f"--method {config.method} can't train {config.model}{quantized} like this. peft says: {reason}"
        f"{'' if reason.endswith('.') else '.'}{lowered}{others} See: python runner.py methods"
    )
