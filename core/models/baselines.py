"""Fit, save and load the baseline classifiers."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from transformers import set_seed

from core.config import RunConfig
from core.data.splits import DataSet
from core.models.backbone import Backbone, device, load_encoder, load_for_classification, require_backbone
from core.models.classifier import Classifier, FitResult, SavedClassifier
from core.models.neural_classifier import NeuralClassifier, is_truncated, mean_pool, run_texts, truncation_rates
from core.models.tokenizers import load_tokenizer

if TYPE_CHECKING:
    from core.runs.job import Job

_WORD_PATTERN = r"(?u)\b\w+\b|[^\w\s]"
"""A word or a punctuation mark."""
_C_VALUES = (0.1, 1.0, 10.0, 100.0)
"""Values of ``C`` (inverse regularization strength); the best is chosen on the validation split."""


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


class TfidfClassifier:
    """Logistic regression on TF-IDF features of word unigrams and bigrams."""

    def __init__(self, vectorizer: TfidfVectorizer, regression: LogisticRegression) -> None:
        self.vectorizer = vectorizer
        self.regression = regression

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return log-probabilities [n, k]."""
        return _log_probabilities(self.regression, self.vectorizer.transform(texts))

    def truncated(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Return which texts are truncated: none, [n]."""
        return np.zeros(len(texts), dtype=np.bool_)

    def save(self, folder: Path) -> None:
        """Write the vocabulary as JSON and the weights as safetensors."""
        words = sorted(self.vectorizer.vocabulary_, key=self.vectorizer.vocabulary_.__getitem__)
        (folder / "vocabulary.json").write_text(json.dumps(words, ensure_ascii=False), encoding="utf-8")
        save_file(_regression_tensors(self.regression) | {"idf": self.vectorizer.idf_}, folder / "tfidf.safetensors")

    @classmethod
    def load(cls, saved: SavedClassifier) -> Self:
        """Load what `save` wrote."""
        words = json.loads((saved.folder / "vocabulary.json").read_text(encoding="utf-8"))
        tensors = load_file(saved.folder / "tfidf.safetensors")
        vectorizer = _vectorizer(vocabulary={word: column for column, word in enumerate(words)})
        vectorizer.idf_ = tensors["idf"]
        return cls(vectorizer, _restore_regression(tensors))


class FrozenClassifier:
    """Logistic regression on mean-pooled features of the frozen base model."""

    def __init__(self, config: RunConfig, backbone: Backbone) -> None:
        self.encoder = load_encoder(backbone)
        self.tokenizer = load_tokenizer(backbone, config.max_length)
        self.regression = LogisticRegression()

    def features(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return mean-pooled features: [n, d]."""
        return run_texts(self.encoder, self.tokenizer, texts, lambda batch: mean_pool(self.encoder, batch))

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return log-probabilities [n, k]."""
        return _log_probabilities(self.regression, self.features(texts))

    def truncated(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Return which texts are truncated: [n]."""
        return is_truncated(self.tokenizer, texts)

    def save(self, folder: Path) -> None:
        """Write the regression's weights."""
        save_file(_regression_tensors(self.regression), folder / "regression.safetensors")

    @classmethod
    def load(cls, saved: SavedClassifier) -> Self:
        """Load what `save` wrote, and the encoder."""
        classifier = cls(saved.config, require_backbone(saved.backbone))
        classifier.regression = _restore_regression(load_file(saved.folder / "regression.safetensors"))
        return classifier


def fit_majority(job: "Job") -> FitResult:
    """Estimate the class priors from the training labels."""
    data = job.data
    counts = np.bincount(data.train.labels, minlength=len(data.labels))
    return FitResult(MajorityClassifier(counts / counts.sum()), trainable_parameters=0, total_parameters=0)


def fit_tfidf(job: "Job") -> FitResult:
    """Fit a logistic regression on TF-IDF features of word unigrams and bigrams."""
    start, data = time.perf_counter(), job.data
    vectorizer = _vectorizer()
    train = vectorizer.fit_transform(data.train.texts)
    regression = _fit_regression(train, vectorizer.transform(data.validation.texts), data)
    size = regression.coef_.size + regression.intercept_.size
    return FitResult(TfidfClassifier(vectorizer, regression), size, size, **_timing(start, data))


def fit_frozen(job: "Job") -> FitResult:
    """Fit a logistic regression on the backbone's mean-pooled features."""
    start = time.perf_counter()
    data, backbone = job.data, require_backbone(job.backbone)
    classifier = FrozenClassifier(job.config, backbone)
    train, validation = (classifier.features(part.texts) for part in (data.train, data.validation))
    classifier.regression = _fit_regression(train, validation, data)
    size = classifier.regression.coef_.size + classifier.regression.intercept_.size
    return FitResult(
        classifier,
        trainable_parameters=size,
        total_parameters=size + sum(p.numel() for p in classifier.encoder.parameters()),
        **_timing(start, data),
        environment={"device": device(), "truncated": truncation_rates(classifier.tokenizer, data.splits)},
    )


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


def _load_untrained_run(saved: SavedClassifier) -> NeuralClassifier:
    classifier = load_untrained(saved.config, saved.labels, require_backbone(saved.backbone))
    classifier.load_head(saved.folder)
    return classifier


@dataclass(frozen=True)
class BaselineImplementation:
    """The functions that fit a baseline of `core.catalog.baselines` and load it from its files."""

    fit: "Callable[[Job], FitResult]"
    load: Callable[[SavedClassifier], Classifier]


IMPLEMENTATIONS: dict[str, BaselineImplementation] = {
    "majority": BaselineImplementation(fit=fit_majority, load=MajorityClassifier.load),
    "untrained": BaselineImplementation(fit=fit_untrained, load=_load_untrained_run),
    "tfidf": BaselineImplementation(fit=fit_tfidf, load=TfidfClassifier.load),
    "frozen": BaselineImplementation(fit=fit_frozen, load=FrozenClassifier.load),
}
"""The implementation of every baseline, by its name in the catalog."""


def _timing(start: float, data: DataSet) -> dict[str, Any]:
    seconds = time.perf_counter() - start
    return {"train_seconds": seconds, "train_examples_per_second": len(data.train) / seconds}


def _vectorizer(**options: Any) -> TfidfVectorizer:
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=_WORD_PATTERN, **options)


def _fit_regression(train: Any, validation: Any, data: DataSet) -> LogisticRegression:
    """Return the regression with the best validation macro F1 over the values of ``C``."""

    def score(regression: LogisticRegression) -> float:
        return float(f1_score(data.validation.labels, regression.predict(validation), average="macro"))

    fitted = (LogisticRegression(C=c, max_iter=2000).fit(train, data.train.labels) for c in _C_VALUES)
    return max(fitted, key=score)


def _log_probabilities(regression: LogisticRegression, features: Any) -> NDArray[np.float32]:
    return np.asarray(regression.predict_log_proba(features), dtype=np.float32)


def _regression_tensors(regression: LogisticRegression) -> dict[str, NDArray[Any]]:
    return {
        "coefficients": np.ascontiguousarray(regression.coef_),
        "intercept": regression.intercept_,
        "classes": regression.classes_,
    }


def _restore_regression(tensors: dict[str, NDArray[Any]]) -> LogisticRegression:
    regression = LogisticRegression()
    regression.coef_, regression.intercept_ = tensors["coefficients"], tensors["intercept"]
    regression.classes_ = tensors["classes"]
    return regression
