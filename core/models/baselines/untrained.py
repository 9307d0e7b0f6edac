"""The base model with a randomly initialized head."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from transformers import set_seed

from core.config import RunConfig
from core.models.backbone import Backbone, device, load_for_classification, require_backbone
from core.models.classifier import FitResult, SavedClassifier
from core.models.neural_classifier import NeuralClassifier, truncation_rates
from core.models.tokenizers import load_tokenizer

if TYPE_CHECKING:
    from core.runs.job import Job


def fit_untrained(job: "Job") -> FitResult:
    """Return the backbone with a randomly initialized head."""
    backbone = require_backbone(job.backbone)
    set_seed(job.config.seed)
    classifier = load_untrained(job.config, job.data.labels, backbone)
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
