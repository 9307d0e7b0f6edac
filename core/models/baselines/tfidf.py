"""Logistic regression on TF-IDF features of words and characters."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer

from core.models.baselines.linear import LinearModel, fit_linear, timing
from core.models.classifier import FitResult, SavedClassifier

if TYPE_CHECKING:
    from core.runs.job import Job

_WORD_PATTERN = r"(?u)\b\w+\b|[^\w\s]"
"""A word or a punctuation mark."""
_ANALYZERS: dict[str, dict[str, Any]] = {
    "word": {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": _WORD_PATTERN},
    "char_wb": {"analyzer": "char_wb", "ngram_range": (3, 4)},
}
"""Options of each vectorizer; a token is a word or a punctuation mark."""
_MAX_FEATURES = 20_000
"""Features of each vectorizer, the most frequent ones: keeps the saved files small."""
_STRENGTHS = (1.0, 10.0, 100.0)
"""Values of ``C``; the best is chosen on the validation split."""


class TfidfClassifier:
    """Logistic regression on TF-IDF features of word and character n-grams."""

    def __init__(self, vectorizers: Mapping[str, TfidfVectorizer], regression: LinearModel) -> None:
        self.vectorizers = dict(vectorizers)
        self.regression = regression

    def features(self, texts: Sequence[str]) -> Any:
        """Return the sparse features of the texts: [n, d]."""
        return hstack([vectorizer.transform(texts) for vectorizer in self.vectorizers.values()], format="csr")

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return log-probabilities [n, k]."""
        return self.regression.log_probabilities(self.features(texts))

    def truncated(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Return which texts are truncated: none, [n]."""
        return np.zeros(len(texts), dtype=np.bool_)

    def save(self, folder: Path) -> None:
        """Write the vocabularies as JSON and the weights as safetensors."""
        terms = {name: vectorizer.get_feature_names_out().tolist() for name, vectorizer in self.vectorizers.items()}
        (folder / "vocabulary.json").write_text(json.dumps(terms, ensure_ascii=False), encoding="utf-8")
        idf = {f"idf.{name}": vectorizer.idf_ for name, vectorizer in self.vectorizers.items()}
        save_file(self.regression.tensors() | idf, folder / "tfidf.safetensors")

    @classmethod
    def load(cls, saved: SavedClassifier) -> Self:
        """Load what `save` wrote, or what it wrote when the words were the only features."""
        terms = json.loads((saved.folder / "vocabulary.json").read_text(encoding="utf-8"))
        tensors = load_file(saved.folder / "tfidf.safetensors")
        if isinstance(terms, list):
            vectorizers = {"word": _restore_vectorizer("word", terms, tensors["idf"])}
            return cls(vectorizers, LinearModel.from_tensors(tensors, "multinomial"))
        vectorizers = {name: _restore_vectorizer(name, terms[name], tensors[f"idf.{name}"]) for name in _ANALYZERS}
        return cls(vectorizers, LinearModel.from_tensors(tensors, "one-vs-rest"))


def fit_tfidf(job: "Job") -> FitResult:
    """Fit a logistic regression on TF-IDF features of word and character n-grams."""
    start, data = time.perf_counter(), job.data
    vectorizers = {name: _vectorizer(name, max_features=_MAX_FEATURES) for name in _ANALYZERS}
    train = hstack([vectorizer.fit_transform(data.train.texts) for vectorizer in vectorizers.values()], format="csr")
    validation = hstack([vectorizer.transform(data.validation.texts) for vectorizer in vectorizers.values()])
    regression, _ = fit_linear(train, validation.tocsr(), data, _STRENGTHS, "one-vs-rest")
    classifier = TfidfClassifier(vectorizers, regression)
    return FitResult(classifier, regression.size, regression.size, **timing(start, data))


def _vectorizer(name: str, **options: Any) -> TfidfVectorizer:
    return TfidfVectorizer(sublinear_tf=True, **_ANALYZERS[name], **options)


def _restore_vectorizer(name: str, terms: Sequence[str], idf: NDArray[np.float64]) -> TfidfVectorizer:
    vectorizer = _vectorizer(name, vocabulary={term: column for column, term in enumerate(terms)})
    vectorizer.idf_ = idf
    return vectorizer
