"""Logistic regression on static embeddings that Model2Vec distills from the base model."""

import io
import time
from collections.abc import Sequence
from contextlib import redirect_stderr
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

from core.catalog.methods import require_installed
from core.errors import RunError
from core.models.backbone import device, load_encoder, require_backbone
from core.models.baselines.linear import LinearModel, fit_linear, timing
from core.models.classifier import FitResult, SavedClassifier
from core.models.tokenizers import load_tokenizer

if TYPE_CHECKING:
    from core.runs.job import Job

_STRENGTHS = (1.0, 10.0, 100.0, 1000.0)
"""Values of ``C`` for embeddings of norm 1; the best is chosen on the validation split."""


class Model2VecClassifier:
    """Logistic regression on the mean of a text's static token embeddings.

    ``vectors``: an embedding [d] for each token of the tokenizer, as float16.
    """

    def __init__(self, vectors: NDArray[np.float16], tokenizer: Tokenizer) -> None:
        from model2vec import StaticModel

        self.vectors, self.tokenizer = vectors, tokenizer
        self.regression: LinearModel
        self._model = StaticModel(vectors.astype(np.float32), tokenizer, normalize=True, max_length=None)

    def features(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return embeddings [n, d] with a norm of 1; 0 for a text without tokens."""
        if not texts:
            return np.empty((0, self.vectors.shape[1]), dtype=np.float32)
        return np.asarray(self._model.encode(list(texts), use_multiprocessing=False), dtype=np.float32)

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return log-probabilities [n, k]."""
        return self.regression.log_probabilities(self.features(texts))

    def truncated(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Return which texts are truncated: none, [n]."""
        return np.zeros(len(texts), dtype=np.bool_)

    def save(self, folder: Path) -> None:
        """Write the embeddings and the regression as safetensors, and the tokenizer as JSON."""
        save_file(self.regression.tensors() | {"vectors": self.vectors}, folder / "model2vec.safetensors")
        (folder / "tokenizer.json").write_text(self.tokenizer.to_str(), encoding="utf-8")

    @classmethod
    def load(cls, saved: SavedClassifier) -> Self:
        """Load what `save` wrote. Raises `RequestError` if model2vec is not installed."""
        require_installed("model2vec")
        tensors = load_file(saved.folder / "model2vec.safetensors")
        text = (saved.folder / "tokenizer.json").read_text(encoding="utf-8")
        classifier = cls(tensors["vectors"], Tokenizer.from_str(text))
        classifier.regression = LinearModel.from_tensors(tensors, "multinomial")
        return classifier


def fit_model2vec(job: "Job") -> FitResult:
    """Distill static embeddings from the base model, and fit a logistic regression on them."""
    start, data = time.perf_counter(), job.data
    classifier = _distill(job)
    train, validation = (classifier.features(part.texts) for part in (data.train, data.validation))
    classifier.regression, _ = fit_linear(train, validation, data, _STRENGTHS)
    size = classifier.regression.size
    return FitResult(
        classifier,
        trainable_parameters=size,
        total_parameters=size + classifier.vectors.size,
        **timing(start, data),
        environment={"device": device()},
    )


def _distill(job: "Job") -> Model2VecClassifier:
    """Return static embeddings of the tokens. Raises `RunError` for a model that model2vec does not support."""
    from model2vec.distill import distill_from_model

    backbone = require_backbone(job.backbone)
    tokenizer: Any = load_tokenizer(backbone, job.config.max_length)
    try:
        with redirect_stderr(io.StringIO()):  # a progress bar
            model = distill_from_model(load_encoder(backbone), tokenizer, device=device(), quantize_to="float16")
    except Exception as error:  # the package raises errors of any type for tokenizers and models that it cannot read
        raise RunError(
            f"model2vec cannot distill {backbone.name} ({type(error).__name__}: {error}). "
            "Leave this baseline out, or choose another --model."
        ) from error
    return Model2VecClassifier(np.ascontiguousarray(model.embedding), model.tokenizer)
