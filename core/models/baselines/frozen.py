"""Logistic regression on features of the frozen base model."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from core.models.backbone import device, require_backbone
from core.models.baselines.linear import LinearModel, fit_linear, timing
from core.models.classifier import FitResult, SavedClassifier
from core.models.frozen_encoder import FrozenEncoder
from core.models.neural_classifier import truncation_rates

if TYPE_CHECKING:
    from core.runs.job import Job

POOLINGS = ("mean", "token", "both")
"""The features that validation chooses among: the mean of the hidden states, one token's, or both."""
_STRENGTHS = (0.001, 0.01, 0.03, 0.1)
"""Values of ``C`` for standardized features; the best is chosen on the validation split."""


class FrozenClassifier:
    """Logistic regression on pooled features of the frozen base model."""

    def __init__(self, encoder: FrozenEncoder, regression: LinearModel, pooling: str) -> None:
        self.encoder = encoder
        self.regression = regression
        self.pooling = pooling

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return log-probabilities [n, k]."""
        features = self.encoder.features(texts)
        return self.regression.log_probabilities(features[:, pooled_columns(features, self.pooling)].astype(np.float64))

    def truncated(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Return which texts are truncated: [n]."""
        return self.encoder.truncated(texts)

    def save(self, folder: Path) -> None:
        """Write the regression's weights and the name of its features."""
        save_file(self.regression.tensors(), folder / "regression.safetensors")
        (folder / "features.json").write_text(json.dumps({"pooling": self.pooling}), encoding="utf-8")

    @classmethod
    def load(cls, saved: SavedClassifier) -> Self:
        """Load what `save` wrote, and the encoder; earlier versions wrote no name and used the mean."""
        file = saved.folder / "features.json"
        pooling = json.loads(file.read_text(encoding="utf-8"))["pooling"] if file.exists() else "mean"
        regression = LinearModel.from_tensors(load_file(saved.folder / "regression.safetensors"), "multinomial")
        return cls(FrozenEncoder(saved.config, require_backbone(saved.backbone)), regression, pooling)


def fit_frozen(job: "Job") -> FitResult:
    """Fit a logistic regression on each pooling of the hidden states, and return the best on the validation split."""
    start, data = time.perf_counter(), job.data
    encoder = FrozenEncoder(job.config, require_backbone(job.backbone))
    train, validation = encoder.training_features(data.train.texts), encoder.shared_features(data.validation.texts)
    fits = {pooling: _fit(train.values, validation.values, pooling, job) for pooling in POOLINGS}
    pooling = max(POOLINGS, key=lambda name: fits[name][1])
    regression, _ = fits[pooling]
    return FitResult(
        FrozenClassifier(encoder, regression, pooling),
        trainable_parameters=regression.size,
        total_parameters=regression.size + encoder.parameters,
        **timing(start, data, train, validation),
        environment={
            "device": device(),
            "truncated": truncation_rates(encoder.tokenizer, data.splits),
            "pooling": pooling,
        },
    )


def pooled_columns(features: NDArray[np.float32], pooling: str) -> slice:
    """Return the columns of a pooling in the features of `FrozenEncoder`."""
    width = features.shape[1] // 2
    return {"mean": slice(width), "token": slice(width, None), "both": slice(None)}[pooling]


def standardization(features: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean of each feature, and a scale that all features of a pooling share: [2 d] each.

    A common scale keeps the proportions of the features, and makes ``C`` comparable between models.
    """
    mean, deviation = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    width = len(mean) // 2
    scales = [max(float(half.mean()), 1e-12) for half in (deviation[:width], deviation[width:])]
    return mean, np.repeat(scales, width)


def _fit(
    train: NDArray[np.float32], validation: NDArray[np.float32], pooling: str, job: "Job"
) -> tuple[LinearModel, tuple[float, float]]:
    """Return a regression on unstandardized features, and its validation scores."""
    columns = pooled_columns(train, pooling)
    mean, scale = (values[columns] for values in standardization(train))
    scaled_train, scaled_validation = (
        ((part[:, columns] - mean) / scale).astype(np.float32) for part in (train, validation)
    )
    model, scores = fit_linear(scaled_train, scaled_validation, job.data, _STRENGTHS)
    coefficients = model.coefficients.astype(np.float64) / scale
    return LinearModel(coefficients, model.intercept - coefficients @ mean, model.scheme), scores
