"""The majority class, with the class priors as probabilities."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from core.models.classifier import FitResult, SavedClassifier

if TYPE_CHECKING:
    from core.runs.job import Job


class MajorityClassifier:
    """Predict the class priors of the training split for every text, as DummyClassifier does."""

    def __init__(self, priors: NDArray[np.float64]) -> None:
        self.priors = priors

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the logarithm of the priors for every text: [n, k]."""
        return np.tile(np.log(self.priors).astype(np.float32), (len(texts), 1))

    def truncated(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Return which texts are truncated: none, [n]."""
        return np.zeros(len(texts), dtype=np.bool_)

    def save(self, folder: Path) -> None:
        """Write the priors."""
        save_file({"shares": self.priors}, folder / "majority.safetensors")

    @classmethod
    def load(cls, saved: SavedClassifier) -> Self:
        """Load what `save` wrote."""
        return cls(load_file(saved.folder / "majority.safetensors")["shares"])


def fit_majority(job: "Job") -> FitResult:
    """Estimate the class priors from the training labels."""
    data = job.data
    counts = np.bincount(data.train.labels, minlength=len(data.labels))
    return FitResult(MajorityClassifier(counts / counts.sum()), trainable_parameters=0, total_parameters=0)
