"""What every fitted model can do, trained or not, neural or not."""

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
    """Gives logits for texts, and can be written to a folder from which it is loaded again."""

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return logits [n, k], a row a text in the given order, a column a label."""
        ...

    def truncated(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Tell of each text whether only its beginning is read: [n]."""
        ...

    def save(self, folder: Path) -> None:
        """Write what was learnt into an existing folder; tensors as safetensors only."""
        ...


@dataclass(frozen=True)
class SavedClassifier:
    """The files of a classifier, and all that is needed to load them; ``backbone`` is None for a method without one."""

    config: RunConfig
    labels: tuple[str, ...]
    folder: Path
    backbone: "Backbone | None"


@dataclass(frozen=True)
class Fitted:
    """A classifier, and what fitting it took; ``base_bytes`` is what the base model's weights take in memory."""

    classifier: Classifier
    trainable_parameters: int
    total_parameters: int
    base_bytes: int | None = None
    train_seconds: float | None = None
    train_examples_per_second: float | None = None
    best_epoch: float | None = None
    environment: dict[str, Any] = field(default_factory=dict)


def probabilities(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return softmax of logits [n, k], computed in float64."""
    return np.asarray(softmax(logits.astype(np.float64), axis=1), dtype=np.float32)
