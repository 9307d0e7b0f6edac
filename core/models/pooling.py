"""Text classifiers whose head reads the mean over the tokens."""

import json
from functools import lru_cache, wraps
from typing import Any, Literal

from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.utils import cached_file

from core.errors import RequestError

_POOLING_FILE = "1_Pooling/config.json"


Pooling = Literal["mean", "model"]


class MeanPooling:
    """A token classifier whose logits [b, k] are the mean of those of the text's tokens.

    If its head is one linear layer, these are the logits of the mean over the tokens. transformers has a token
    classifier for most encoders, so that saved weights load without this class.
    """


def mean_over_tokens(values: Tensor, mask: Tensor | None) -> Tensor:
    """Return the mean [b, d] of values [b, t, d] over the tokens whose mask is 1, the last t entries of the mask."""
    if mask is None:
        return values.mean(dim=1)
    weights = mask[:, -values.shape[1] :].unsqueeze(-1).to(values.dtype)
    return (values * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def choose_pooling(requested: str, config: PreTrainedConfig, path: str, revision: str | None) -> Pooling:
    """Return the requested pooling of a model; for ``auto``, the mean if the model was trained with it.

    ``path``, ``revision``: where its files are. Raises `RequestError` if the model does not support it.
    """
    is_supported = type(config) in MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING and not getattr(config, "auto_map", None)
    if requested == "mean" and not is_supported:
        raise RequestError(
            f"--pooling mean: transformers has no token classifier for a {config.model_type} model, whose outputs "
            "could be averaged. Pass --pooling model."
        )
    is_mean = requested == "mean" or (requested == "auto" and is_supported and _was_trained_with_mean(path, revision))
    return "mean" if is_mean else "model"


def _was_trained_with_mean(path: str, revision: str | None) -> bool:
    """Return whether a folder or a Hub repository is a sentence-transformers model that pools the mean."""
    file = cached_file(
        path,
        _POOLING_FILE,
        revision=revision,
        _raise_exceptions_for_gated_repo=False,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    try:
        with open(file or "", encoding="utf-8") as stream:
            settings = json.load(stream)
    except (OSError, ValueError):
        return False
    return isinstance(settings, dict) and settings.get("pooling_mode_mean_tokens") is True


@lru_cache
def mean_pooling_class(config_class: type[PreTrainedConfig]) -> type[PreTrainedModel]:
    """Return the token classifier for a model's config class, with `MeanPooling`; its name is that of the original."""
    base = MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING[config_class]

    @wraps(base.forward)  # the Trainer and peft read the names of its arguments
    def forward(self: Any, *arguments: Any, labels: Tensor | None = None, **named: Any) -> SequenceClassifierOutput:
        mask: Tensor | None = arguments[1] if len(arguments) > 1 else named.get("attention_mask")
        output = base.forward(self, *arguments, **(named | {"return_dict": True}))
        logits = mean_over_tokens(output.logits, mask)
        loss = None if labels is None else cross_entropy(logits, labels)
        return SequenceClassifierOutput(
            loss=loss, logits=logits, hidden_states=output.hidden_states, attentions=output.attentions
        )

    return type(base.__name__, (MeanPooling, base), {"forward": forward, "__module__": base.__module__})
