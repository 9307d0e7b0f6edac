"""The base model with a randomly initialized head."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import BatchEncoding, set_seed

from core.config import RunConfig
from core.models.backbone import Backbone, device, encoder_of, load_for_classification, require_backbone
from core.models.classifier import FitResult, SavedClassifier
from core.models.feature_cache import SHARED_FEATURES, feature_key
from core.models.frozen_encoder import pool_tokens
from core.models.neural_classifier import NeuralClassifier, run_texts, truncation_rates
from core.models.tokenizers import load_tokenizer

if TYPE_CHECKING:
    from core.runs.job import Job


class UntrainedClassifier(NeuralClassifier):
    """The base model with a random head; it keeps the features of the texts for the other baselines."""

    def __init__(self, classifier: NeuralClassifier, backbone: Backbone) -> None:
        super().__init__(classifier.model, classifier.tokenizer, classifier.new_modules)
        self._backbone = backbone

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return logits [n, k], in the order of the texts."""
        model: Any = self.model.eval()
        start, classes, hidden = time.perf_counter(), int(model.config.num_labels), list[Tensor]()

        def forward(batch: BatchEncoding) -> Tensor:
            logits = model(**batch).logits
            return torch.cat([logits, pool_tokens(hidden.pop(), batch["attention_mask"], self._backbone)], dim=1)

        hook = encoder_of(model.base_model).register_forward_hook(lambda *call: hidden.append(call[-1][0]))
        try:
            rows = run_texts(model, self.tokenizer, texts, forward)
        finally:
            hook.remove()
        key = feature_key(self._backbone, self.tokenizer.model_max_length, texts)
        SHARED_FEATURES.put(key, np.ascontiguousarray(rows[:, classes:]), start)
        return rows[:, :classes]


def fit_untrained(job: "Job") -> FitResult:
    """Return the backbone with a randomly initialized head."""
    backbone = require_backbone(job.backbone)
    set_seed(job.config.seed)
    classifier = UntrainedClassifier(load_untrained(job.config, job.data.labels, backbone), backbone)
    return FitResult(
        classifier,
        trainable_parameters=0,
        total_parameters=sum(p.numel() for p in classifier.model.parameters()),
        environment={"device": device(), "truncated": truncation_rates(classifier.tokenizer, job.data.splits)},
    )


def load_untrained(config: RunConfig, labels: Sequence[str], backbone: Backbone) -> NeuralClassifier:
    """Load the backbone with a randomly initialized head."""
    tokenizer = load_tokenizer(backbone, config.max_length)
    model, new_modules = load_for_classification(backbone, tokenizer, labels)
    return NeuralClassifier(model, tokenizer, new_modules)


def load_untrained_run(saved: SavedClassifier) -> NeuralClassifier:
    """Load the backbone with the head of a saved run."""
    classifier = load_untrained(saved.config, saved.labels, require_backbone(saved.backbone))
    classifier.load_head(saved.folder)
    return classifier
