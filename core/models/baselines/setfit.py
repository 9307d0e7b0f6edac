"""SetFit: the base model fine-tuned on pairs of texts, with logistic regression on its features (Tunstall et al. 2022).

The texts of a pair should have similar features if they have the same label, and different ones otherwise.
"""

import io
import math
import tempfile
import time
from collections.abc import Sequence
from contextlib import redirect_stderr
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_model, save_model

from core.errors import RunError
from core.models.backbone import Backbone, device, require_backbone, silence_libraries
from core.models.baselines.linear import LinearModel, fit_linear, timing
from core.models.classifier import FitResult, SavedClassifier
from core.models.frozen_encoder import FrozenEncoder
from core.models.neural_classifier import truncation_rates

if TYPE_CHECKING:
    from core.runs.job import Job

MAX_STEPS = 250
"""Maximum number of training steps: a limit of the cost, not tuned. SetFit's own default is all pairs of texts."""
_PAIRS_PER_TEXT = 40
_BATCH_SIZE = 16
_MAX_TEXTS = 2_000
"""Texts of which pairs are drawn: SetFit lists all of their pairs."""
_STRENGTHS = (0.1, 1.0, 10.0, 100.0)
"""Values of ``C`` for features of norm 1; the best is chosen on the validation split."""


class SetFitClassifier:
    """Logistic regression on the mean over the tokens, scaled to norm 1, of a fine-tuned base model."""

    def __init__(self, encoder: FrozenEncoder) -> None:
        self.encoder = encoder
        self.regression: LinearModel

    def features(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return features of norm 1: [n, d]."""
        features = self.encoder.compute_features(texts)
        means = features[:, : features.shape[1] // 2]
        return np.asarray(means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12), dtype=np.float32)

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return log-probabilities [n, k]."""
        return self.regression.log_probabilities(self.features(texts))

    def truncated(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Return which texts are truncated: [n]."""
        return self.encoder.truncated(texts)

    def save(self, folder: Path) -> None:
        """Write all weights of the fine-tuned model, and the regression, as safetensors."""
        save_model(self.encoder.model, str(folder / "encoder.safetensors"))
        save_file(self.regression.tensors(), folder / "regression.safetensors")

    @classmethod
    def load(cls, saved: SavedClassifier) -> Self:
        """Load what `save` wrote; the package setfit is not needed."""
        classifier = cls(FrozenEncoder(saved.config, require_backbone(saved.backbone)))
        load_model(classifier.encoder.model, str(saved.folder / "encoder.safetensors"))
        classifier.regression = LinearModel.from_tensors(
            load_file(saved.folder / "regression.safetensors"), "multinomial"
        )
        return classifier


def fit_setfit(job: "Job") -> FitResult:
    """Fine-tune the base model on pairs of training texts, and fit a logistic regression on its features."""
    start, data = time.perf_counter(), job.data
    encoder = FrozenEncoder(job.config, require_backbone(job.backbone))
    steps = _fine_tune(encoder, job)
    classifier = SetFitClassifier(encoder)
    train, validation = (classifier.features(part.texts) for part in (data.train, data.validation))
    classifier.regression, _ = fit_linear(train, validation, data, _STRENGTHS)
    size = classifier.regression.size + encoder.parameters
    return FitResult(
        classifier,
        trainable_parameters=size,
        total_parameters=size,
        **timing(start, data),
        environment={
            "device": device(),
            "truncated": truncation_rates(encoder.tokenizer, data.splits),
            "steps": steps,
        },
    )


def _fine_tune(encoder: FrozenEncoder, job: "Job") -> int:
    """Train the encoder's weights on pairs of training texts, and return the number of steps.

    Raises `RunError` for a model that setfit does not support.
    """
    backbone, texts = require_backbone(job.backbone), job.data.train.texts[:_MAX_TEXTS]
    steps = min(MAX_STEPS, math.ceil(len(texts) * _PAIRS_PER_TEXT / _BATCH_SIZE))
    try:
        with silence_libraries(), redirect_stderr(io.StringIO()):
            _train_on_pairs(
                encoder, backbone, texts, job.data.train.labels[:_MAX_TEXTS].tolist(), steps, job.config.seed
            )
    except (MemoryError, RuntimeError):  # such as out of memory, which the caller explains
        raise
    except Exception as error:  # the packages raise errors of any type for models that they cannot train
        raise RunError(
            f"setfit cannot fine-tune {backbone.name} ({type(error).__name__}: {error}). "
            "Leave this baseline out, or choose another --model."
        ) from error
    encoder.model.eval()
    return steps


def _train_on_pairs(
    encoder: FrozenEncoder, backbone: Backbone, texts: Sequence[str], labels: Sequence[int], steps: int, seed: int
) -> None:
    """Train the encoder's model in place with setfit."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from setfit import SetFitModel, Trainer, TrainingArguments

    source = {"revision": backbone.read_revision, "trust_remote_code": backbone.trusts_remote_code}
    weights = source | {"use_safetensors": True}
    transformer = Transformer(backbone.path, model_kwargs=weights, processor_kwargs=source, config_kwargs=source)
    transformer.model, transformer.processor = encoder.model, encoder.tokenizer
    body = SentenceTransformer(modules=[transformer, Pooling(backbone.width)], device=device())
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            batch_size=_BATCH_SIZE,
            max_steps=steps,
            seed=seed,
            report_to="none",
            logging_strategy="no",
            save_strategy="no",
            show_progress_bar=False,
        )
        Trainer(SetFitModel(model_body=body), arguments).train_embeddings(list(texts), list(labels))
