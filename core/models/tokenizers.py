"""Load tokenizers and choose the maximum length of a text."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Literal

import numpy as np
from transformers import AutoTokenizer
from transformers.tokenization_utils_base import PreTrainedTokenizerBase
from transformers.utils import cached_file

from core.catalog.methods import METHODS
from core.config import RunConfig
from core.errors import RequestError, first_line
from core.models.backbone import Backbone, device, silence_libraries

DEFAULT_MAX_LENGTH = 512
"""Maximum number of tokens if neither the model, the tokenizer nor the config sets one."""
MIN_LENGTH = 16
"""Minimum of `suggest_max_length`: fewer tokens save no time."""
MAX_AUTO_LENGTH = {"cpu": 256, "cuda": 512, "mps": 512}
"""Maximum of `suggest_max_length`, by device: the cost of a step is about proportional to the length.

On 20 Newsgroups, the macro F1 of frozen features was .728 with 64 tokens, .747 with 128 and .784 with 256.
"""
_SAMPLED_TEXTS = 10_000


def load_tokenizer(backbone: Backbone, max_length: int | Literal["auto"]) -> PreTrainedTokenizerBase:
    """Load the tokenizer; without a pad token, the end-of-text token is used.

    Its ``model_max_length`` is the minimum of ``max_length`` (``auto``: no limit, or 512 if neither model nor
    tokenizer sets one) and what model and tokenizer support. It returns only the inputs that the model accepts.
    Raises `RequestError` if it cannot be loaded or does not belong to the model.
    """
    try:
        with silence_libraries():
            tokenizer = AutoTokenizer.from_pretrained(backbone.path, **backbone.load_options)
    except Exception as error:  # the Rust library raises bare exceptions
        raise RequestError(_missing_tokenizer_message(backbone, error)) from None
    _refuse_mismatched(backbone, tokenizer)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    tokenizer.padding_side = backbone.padding_side
    tokenizer.truncation_side = "right"
    tokenizer.split_special_tokens = True  # "</s>" within a text is text: some heads fail on a second end token
    tokenizer.model_input_names = [name for name in tokenizer.model_input_names if name in backbone.inputs]
    supported = min(tokenizer.model_max_length, backbone.positions or tokenizer.model_max_length)
    default = DEFAULT_MAX_LENGTH if supported > 1e9 else supported  # transformers' value for no limit
    tokenizer.model_max_length = default if max_length == "auto" else min(max_length, supported)
    return tokenizer


def _refuse_mismatched(backbone: Backbone, tokenizer: PreTrainedTokenizerBase) -> None:
    """Raise `RequestError` for a tokenizer built without files, or one with more tokens than the model."""
    names = set(tokenizer.vocab_files_names.values())
    files = sorted(names | {"tokenizer.json"}) if names else ()  # character and byte tokenizers have none
    paths = (
        cached_file(
            backbone.path,
            file,
            revision=backbone.read_revision,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
        )
        for file in files
    )
    if files and not any(paths):
        raise RequestError(f"{backbone.name} has no tokenizer. Expected one of: {', '.join(files)}.")
    max_id = max(tokenizer.get_vocab().values(), default=0)
    if backbone.vocabulary is not None and max_id >= backbone.vocabulary:
        raise RequestError(
            f"{backbone.name}: its tokenizer has token ids up to {max_id:,}, but its model has only "
            f"{backbone.vocabulary:,} tokens. Save the tokenizer that the model was trained with beside it, or save "
            "the model after resize_token_embeddings."
        )


def suggest_max_length(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> tuple[int, str]:
    """Return the 99th percentile of the texts' lengths in tokens, within limits, and how it was chosen.

    It is rounded up to a multiple of 8, at least `MIN_LENGTH`, at most the tokenizer's ``model_max_length`` and at most
    `MAX_AUTO_LENGTH`. Of many texts, 10,000 evenly spread ones are tokenized.
    """
    sample = texts[:: -(-len(texts) // _SAMPLED_TEXTS)]
    with silence_libraries():  # the tokenizer warns about every long text
        lengths = [len(ids) for ids in tokenizer(list(sample))["input_ids"]]
    longest = int(np.percentile(lengths, 99, method="higher"))
    supported, affordable = int(tokenizer.model_max_length), MAX_AUTO_LENGTH[device()]
    reason = f"auto: the 99th percentile of the training texts is {longest:,}"
    if longest > min(supported, affordable):
        place = "a CPU" if device() == "cpu" else "a GPU"
        reason += f", capped at {affordable} on {place}" if affordable < supported else "; the model reads no more"
    return min(max(MIN_LENGTH, -(-longest // 8) * 8), supported, affordable), reason


def load_run_tokenizer(config: RunConfig, backbone: Backbone) -> PreTrainedTokenizerBase:
    """Load the tokenizer with the padding side that the model and the method need.

    A decoder with virtual tokens gets embeddings, in which its head cannot detect padding: it reads the last position,
    so the padding must be on the left. Virtual tokens reduce the maximum length of a text. Raises `RequestError` if
    none is left.
    """
    tokenizer, method = load_tokenizer(backbone, config.max_length), METHODS[config.method]
    if not method.prompts:
        return tokenizer
    virtual_tokens = int(config.peft.get("num_virtual_tokens", method.defaults["num_virtual_tokens"]))
    if backbone.positions is not None:
        tokenizer.model_max_length = min(tokenizer.model_max_length, backbone.positions - virtual_tokens)
    if tokenizer.model_max_length < 1:
        raise RequestError(
            f"--peft num_virtual_tokens={virtual_tokens} leaves no room for a text: {backbone.name} reads "
            f"{backbone.positions} tokens. Use fewer virtual tokens."
        )
    if backbone.is_decoder:
        tokenizer.padding_side = "left"
    return tokenizer


def _missing_tokenizer_message(backbone: Backbone, error: Exception) -> str:
    packages = ("sentencepiece", "tiktoken")
    needed = [name for name in packages if not find_spec(name)] if any(name in str(error) for name in packages) else []
    if needed:
        return (
            f"{backbone.name} has no tokenizer.json, and its other tokenizer files need a package "
            f"that is not installed. Install it: pip install {' or '.join(needed)}."
        )
    return f"The tokenizer of {backbone.name} cannot be loaded: {first_line(error)}"
