"""Logistic regression on features of the frozen base model."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from core.config import RunConfig
from core.models.backbone import Backbone, device, load_encoder, require_backbone
from core.models.baselines.linear import LinearModel, fit_linear, timing
from core.models.classifier import FitResult, SavedClassifier
from core.models.neural_classifier import is_truncated, mean_pool, run_texts, truncation_rates
from core.models.tokenizers import load_tokenizer

if TYPE_CHECKING:
    from core.runs.job import Job

_STRENGTHS = (0.1, 1.0, 10.0, 100.0)
"""Values of ``C``; the best is chosen on the validation split."""


class FrozenClassifier:
    """Logistic regression on mean-pooled features of the frozen base model."""

    def __init__(self, config: RunConfig, backbone: Backbone) -> None:
        self.encoder = load_encoder(backbone)
        self.tokenizer = load_tokenizer(backbone, config.max_length)
        self.regression: LinearModel

    def features(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return mean-pooled features: [n, d]."""
        return run_texts(self.encoder, self.tokenizer, texts, lambda batch: mean_pool(self.encoder, batch))

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return log-probabilities [n, k]."""
        return self.regression.log_probabilities(self.features(texts))

    def truncated(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Return which texts are truncated: [n]."""
        return is_truncated(self.tokenizer, texts)

    def save(self, folder: Path) -> None:
        """Write the regression's weights."""
        save_file(self.regression.tensors(), folder / "regression.safetensors")

    @classmethod
    def load(cls, saved: SavedClassifier) -> Self:
        """Load what `save` wrote, and the encoder."""
        classifier = cls(saved.config, require_backbone(saved.backbone))
        tensors = load_file(saved.folder / "regression.safetensors")
        classifier.regression = LinearModel.from_tensors(tensors, "multinomial")
        return classifier


def fit_frozen(job: "Job") -> FitResult:
    """Fit a logistic regression on the backbone's mean-pooled features."""
    start = time.perf_counter()
    data, backbone = job.data, require_backbone(job.backbone)
    classifier = FrozenClassifier(job.config, backbone)
    train, validation = (classifier.features(part.texts) for part in (data.train, data.validation))
    classifier.regression, _ = fit_linear(train, validation, data, _STRENGTHS)
    size = classifier.regression.size
    return FitResult(
        classifier,
        trainable_parameters=size,
        total_parameters=size + sum(p.numel() for p in classifier.encoder.parameters()),
        **timing(start, data),
        environment={"device": device(), "truncated": truncation_rates(classifier.tokenizer, data.splits)},
    )
