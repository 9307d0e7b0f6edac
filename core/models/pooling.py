"""Text classifiers whose head reads the mean over the tokens."""

import json
import os
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
    classifier for most encoders, so that saved weights load without this class. Virtual tokens of a prompt method
    count as tokens.
    """


def mean_over_tokens(values: Tensor, mask: Tensor | None) -> Tensor:
    """Return the mean [b, d] of values [b, t, d] over the tokens whose mask is 1, the last t entries of the mask."""
    if mask is None:
        return values.mean(dim=1)
    weights = mask[:, -values.shape[1] :].unsqueeze(-1).to(values.dtype)
    return (values * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def choose_pooling(
    requested: str, config: PreTrainedConfig, path: str, revision: str | None
) -> tuple[Pooling, str | None]:
    """Return the requested pooling of a model; for ``auto``, also the reason for the choice.

    ``path``, ``revision``: where its files are. Raises `RequestError` if the model does not support it.
    """
    is_supported = type(config) in MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING and not getattr(config, "auto_map", None)
    if requested == "mean":
        if not is_supported:
            raise RequestError(
                f"--pooling mean: transformers has no token classifier for this {config.model_type} model, whose "
                "outputs could be averaged. Pass --pooling model."
            )
        return "mean", None
    if requested == "model":
        return "model", None
    if not is_supported:
        return "model", "transformers has no token classifier for the base model"
    return _pooling_of_training(path, revision)


def _pooling_of_training(path: str, revision: str | None) -> tuple[Pooling, str]:
    """Return the pooling that the sentence-transformers files of a folder or a Hub repository name, with the reason."""
    try:
        file = cached_file(path, _POOLING_FILE, revision=revision, _raise_exceptions_for_missing_entries=False)
        with open(file or os.devnull, encoding="utf-8") as stream:
            settings = json.loads(stream.read() or "{}")
    except (OSError, ValueError) as error:  # such as a Hub that cannot be reached
        return "model", f"{_POOLING_FILE} cannot be read: {' '.join(str(error).split())[:100]}"
    if isinstance(settings, dict) and settings.get("pooling_mode_mean_tokens") is True:
        return "mean", "the base model was trained with it"
    return "model", "the base model is no sentence-transformers model with mean pooling"


@lru_cache
def mean_pooling_class(config_class: type[PreTrainedConfig]) -> type[PreTrainedModel]:
    """Return the token classifier for a model's config class, with `MeanPooling`.

    The class keeps the name of the original, which transformers saves in ``config.json``.
    """
    base = MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING[config_class]

    @wraps(base.forward)  # the Trainer and peft read the names of its arguments
    def forward(self: Any, *args: Any, labels: Tensor | None = None, **kwargs: Any) -> SequenceClassifierOutput:
        mask: Tensor | None = args[1] if len(args) > 1 else kwargs.get("attention_mask")
        output = base.forward(self, *args, **(kwargs | {"return_dict": True}))
        logits = mean_over_tokens(output.logits, mask)
        loss = None if labels is None else cross_entropy(logits, labels)
        return SequenceClassifierOutput(
            loss=loss, logits=logits, hidden_states=output.hidden_states, attentions=output.attentions
        )

    return type(base.__name__, (MeanPooling, base), {"forward": forward, "__module__": base.__module__})
