"""A frozen base model that turns texts into features."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import BatchEncoding
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from core.config import RunConfig
from core.models.backbone import Backbone, device, load_encoder
from core.models.feature_cache import SHARED_FEATURES, CachedFeatures, feature_key
from core.models.neural_classifier import is_truncated, run_texts
from core.models.pooling import mean_over_tokens
from core.models.precision import training_dtype
from core.models.tokenizers import load_tokenizer


class FrozenEncoder:
    """A frozen base model; its features are those of `pool_tokens`."""

    def __init__(self, config: RunConfig, backbone: Backbone) -> None:
        self.model = load_encoder(backbone)
        self.tokenizer = load_tokenizer(backbone, config.max_length)
        self._backbone = backbone

    @property
    def parameters(self) -> int:
        """The number of parameters."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def features(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return features [n, 2 d]; shared ones are reused, others are not kept."""
        cached = SHARED_FEATURES.get(self._key(texts))
        return cached.values if cached else self.compute_features(texts)

    def shared_features(self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None) -> CachedFeatures:
        """Return features [n, 2 d] and keep them for other callers of this process.

        ``on_progress``: is called with the number of texts that are done.
        """
        return SHARED_FEATURES.get_or_compute(self._key(texts), lambda: self.compute_features(texts, on_progress))

    def training_features(self, texts: Sequence[str]) -> CachedFeatures:
        """Return the features of training texts, see `training_features`."""
        dtype = training_dtype("auto", device())
        return training_features(self.model, self.tokenizer, self._backbone, texts, dtype)

    def truncated(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Return which texts are truncated: [n]."""
        return is_truncated(self.tokenizer, texts)

    def compute_features(
        self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None
    ) -> NDArray[np.float32]:
        """Return features [n, 2 d] of the model as it is now, without the cache."""
        return _encode(self.model, self.tokenizer, self._backbone, texts, on_progress)

    def _key(self, texts: Sequence[str]) -> str:
        return feature_key(self._backbone, self.tokenizer.model_max_length, texts)


def training_features(
    encoder: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    backbone: Backbone,
    texts: Sequence[str],
    dtype: torch.dtype,
) -> CachedFeatures:
    """Return features [n, 2 d] to fit a classifier on, computed in the dtype of training, and keep them.

    Fits tolerate the rounding errors of bfloat16; texts to predict have features in float32.
    """

    def compute() -> NDArray[np.float32]:
        with torch.autocast(device(), dtype, enabled=dtype != torch.float32):
            return _encode(encoder, tokenizer, backbone, texts)

    key = feature_key(backbone, tokenizer.model_max_length, texts, str(dtype))
    return SHARED_FEATURES.get_or_compute(key, compute)


def pool_tokens(hidden: Tensor, mask: Tensor, backbone: Backbone) -> Tensor:
    """Return the mean over the unpadded tokens of hidden states [b, t, d], and one of them, side by side: [b, 2 d].

    The token is the last one for a decoder and for a model that pads on the left, else the first one ([CLS]).
    """
    pools_last = backbone.is_decoder or backbone.padding_side == "left"
    positions = torch.arange(mask.shape[1], device=mask.device) * mask
    token = positions.argmax(dim=1) if pools_last else torch.zeros_like(mask[:, 0])
    rows = torch.arange(len(hidden), device=mask.device)
    return torch.cat([mean_over_tokens(hidden, mask), hidden[rows, token]], dim=1)


def mean_features(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the means among the features of `pool_tokens`: [n, d]."""
    return features[:, : features.shape[1] // 2]


def _encode(
    encoder: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    backbone: Backbone,
    texts: Sequence[str],
    on_progress: Callable[[int], None] | None = None,
) -> NDArray[np.float32]:
    def pooled(batch: BatchEncoding) -> Tensor:
        return pool_tokens(encoder(**batch).last_hidden_state, batch["attention_mask"], backbone)

    return run_texts(encoder, tokenizer, texts, pooled, on_progress)
