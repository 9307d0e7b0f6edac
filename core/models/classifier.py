"""The interface of every fitted classifier."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from core.config import RunConfig

if TYPE_CHECKING:
    from core.models.backbone import Backbone


class Classifier(Protocol):
    """Compute logits for texts, and save to a folder."""

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return logits [n, k] in the order of the texts."""
        ...

    def truncated(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Return which texts are truncated: [n]."""
        ...

    def save(self, folder: Path) -> None:
        """Write the fitted parameters to an existing folder; tensors as safetensors only."""
        ...


@dataclass(frozen=True)
class SavedClassifier:
    """A saved classifier, ready to be loaded; ``backbone`` is None for a method without one."""

    config: RunConfig
    labels: tuple[str, ...]
    folder: Path
    backbone: "Backbone | None"


@dataclass(frozen=True)
class FitResult:
    """A fitted classifier and its cost; ``base_bytes``: the size of the base model's weights in memory."""

    classifier: Classifier
    trainable_parameters: int
    total_parameters: int
    base_bytes: int | None = None
    train_seconds: float | None = None
    train_examples_per_second: float | None = None
    best_epoch: float | None = None
    environment: dict[str, Any] = field(default_factory=dict)


def probabilities(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the softmax of logits [n, k], computed in float64."""
    return np.asarray(softmax(logits.astype(np.float64), axis=1), dtype=np.float32)
