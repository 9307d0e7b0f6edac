"""The nearest neighbors of a text among the training texts, by features of the frozen base model."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from core.models.backbone import device, require_backbone
from core.models.baselines.linear import timing, validation_scores
from core.models.classifier import FitResult, SavedClassifier
from core.models.frozen_encoder import FrozenEncoder, mean_features
from core.models.neural_classifier import truncation_rates

if TYPE_CHECKING:
    from core.runs.job import Job

_NEIGHBORS = (1, 3, 5, 10, 20, 50)
"""Values of k; the best is chosen on the validation split."""
_MIN_DISTANCE = 1e-4
"""Cosine distances below it are equal to it, so that a duplicate has a finite weight."""
_QUERIES = 1024
"""Texts whose distances are computed at once."""


@dataclass(frozen=True)
class NeighborIndex:
    """Training examples: the mean feature [d], centered unit vectors [n, d], class indices [n], class priors [k].

    Centering spreads the features, which otherwise share one direction.
    """

    center: NDArray[np.float32]
    vectors: NDArray[np.float32]
    labels: NDArray[np.int64]
    priors: NDArray[np.float64]

    def log_probabilities(self, features: NDArray[np.float32], neighbors: int) -> NDArray[np.float32]:
        """Return log-probabilities [m, k] of mean-pooled features [m, d].

        Votes are weighted by the inverse cosine distance; the class priors count as one more neighbor, so that every
        class has a positive probability.
        """
        queries = _unit_vectors(features - self.center)
        batches = [
            self._votes(queries[start : start + _QUERIES], neighbors) for start in range(0, len(queries), _QUERIES)
        ]
        votes = np.concatenate(batches) if batches else np.empty((0, len(self.priors)))
        return np.log((votes * neighbors + self.priors) / (neighbors + 1)).astype(np.float32)

    def _votes(self, queries: NDArray[np.float32], neighbors: int) -> NDArray[np.float64]:
        """Return the share of each class among the weighted votes of the nearest neighbors: [m, k]."""
        distances = 1 - (queries @ self.vectors.T).astype(np.float64)
        nearest = np.argpartition(distances, neighbors - 1, axis=1)[:, :neighbors]
        weights = 1 / np.maximum(np.take_along_axis(distances, nearest, axis=1), _MIN_DISTANCE)
        votes: NDArray[np.float64] = np.zeros((len(queries), len(self.priors)))
        np.add.at(votes, (np.arange(len(queries))[:, None], self.labels[nearest]), weights)
        votes /= weights.sum(axis=1, keepdims=True)
        return votes


class KnnClassifier:
    """k-nearest neighbors by cosine distance between mean-pooled features."""

    def __init__(self, encoder: FrozenEncoder, index: NeighborIndex, neighbors: int) -> None:
        self.encoder = encoder
        self.index = index
        self.neighbors = neighbors

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return log-probabilities [n, k]."""
        return self.index.log_probabilities(mean_features(self.encoder.features(texts)), self.neighbors)

    def truncated(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Return which texts are truncated: [n]."""
        return self.encoder.truncated(texts)

    def save(self, folder: Path) -> None:
        """Write the vectors and labels of the training examples, and k."""
        save_file(vars(self.index) | {"neighbors": np.array([self.neighbors])}, folder / "neighbors.safetensors")

    @classmethod
    def load(cls, saved: SavedClassifier) -> Self:
        """Load what `save` wrote, and the encoder."""
        tensors = load_file(saved.folder / "neighbors.safetensors")
        neighbors = int(tensors.pop("neighbors")[0])
        encoder = FrozenEncoder(saved.config, require_backbone(saved.backbone))
        return cls(encoder, NeighborIndex(**tensors), neighbors)


def fit_knn(job: "Job") -> FitResult:
    """Index the training texts, and choose the number of neighbors on the validation split."""
    start, data = time.perf_counter(), job.data
    encoder = FrozenEncoder(job.config, require_backbone(job.backbone))
    train, validation = encoder.training_features(data.train.texts), encoder.shared_features(data.validation.texts)
    priors = np.bincount(data.train.labels, minlength=len(data.labels)) / len(data.train)
    center = mean_features(train.values).mean(axis=0)
    index = NeighborIndex(center, _unit_vectors(mean_features(train.values) - center), data.train.labels, priors)
    queries = mean_features(validation.values)
    candidates = [count for count in _NEIGHBORS if count <= len(data.train)]
    neighbors = max(candidates, key=lambda count: validation_scores(index.log_probabilities(queries, count), data))
    return FitResult(
        KnnClassifier(encoder, index, neighbors),
        trainable_parameters=0,
        total_parameters=index.vectors.size + encoder.parameters,
        **timing(start, data, train, validation),
        environment={
            "device": device(),
            "truncated": truncation_rates(encoder.tokenizer, data.splits),
            "neighbors": neighbors,
        },
    )


def _unit_vectors(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))
