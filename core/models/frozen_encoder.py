"""A frozen base model that turns texts into features."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import BatchEncoding

from core.config import RunConfig
from core.models.backbone import Backbone, load_encoder
from core.models.feature_cache import SHARED_FEATURES, CachedFeatures, feature_key
from core.models.neural_classifier import is_truncated, run_texts
from core.models.pooling import mean_over_tokens
from core.models.tokenizers import load_tokenizer


class FrozenEncoder:
    """A frozen base model; its features are the mean and one token of the last hidden states, side by side.

    The token is the last one for a decoder and for a model that pads on the left, else the first one ([CLS]).
    """

    def __init__(self, config: RunConfig, backbone: Backbone) -> None:
        self.model = load_encoder(backbone)
        self.tokenizer = load_tokenizer(backbone, config.max_length)
        self._backbone = backbone
        self._pools_last = backbone.is_decoder or backbone.padding_side == "left"

    @property
    def parameters(self) -> int:
        """The number of parameters."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def features(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return features [n, 2 d]; those that `shared_features` computed are reused, others are not kept."""
        cached = SHARED_FEATURES.get(self._key(texts))
        return cached.values if cached else self.compute_features(texts)

    def shared_features(self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None) -> CachedFeatures:
        """Return features [n, 2 d] and keep them for other callers of this process.

        ``on_progress``: is called with the number of texts that are done.
        """
        return SHARED_FEATURES.get_or_compute(self._key(texts), lambda: self.compute_features(texts, on_progress))

    def truncated(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Return which texts are truncated: [n]."""
        return is_truncated(self.tokenizer, texts)

    def compute_features(
        self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None
    ) -> NDArray[np.float32]:
        """Return features [n, 2 d] of the model as it is now, without the cache."""
        return run_texts(self.model, self.tokenizer, texts, self._pool, on_progress)

    def _key(self, texts: Sequence[str]) -> str:
        return feature_key(self._backbone, self.tokenizer.model_max_length, texts)

    def _pool(self, batch: BatchEncoding) -> Tensor:
        """Return the mean over the unpadded tokens, and the first or last of them: [b, 2 d]."""
        hidden: Tensor = self.model(**batch).last_hidden_state
        mask: Tensor = batch["attention_mask"]
        mean = mean_over_tokens(hidden, mask)
        positions = torch.arange(mask.shape[1], device=mask.device) * mask
        token = positions.argmax(dim=1) if self._pools_last else torch.zeros_like(mask[:, 0])
        return torch.cat([mean, hidden[torch.arange(len(hidden), device=mask.device), token]], dim=1)
