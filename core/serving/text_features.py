"""Features of texts by the base model of a recorded run."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from core.models.backbone import find_backbone
from core.models.baselines.frozen import pooled_columns
from core.models.frozen_encoder import FrozenEncoder
from core.serving.inference import pinned_config
from core.store import queries
from core.store.engine import Store


def base_features(
    store: Store, run_id: int, texts: Sequence[str], on_progress: Callable[[int], None] | None = None
) -> NDArray[np.float32]:
    """Return the mean of the last hidden states of a run's frozen base model, [n, d]; other callers share them.

    ``on_progress``: is called with the number of texts that are done. Remote code is not trusted. Raises
    `RequestError` if the base model cannot be loaded.
    """
    config = pinned_config(queries.run(store, run_id))
    encoder = FrozenEncoder(config, find_backbone(config))
    features = encoder.shared_features(texts, on_progress).values
    return features[:, pooled_columns(features, "mean")]
