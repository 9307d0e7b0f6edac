"""Logistic regression on TF-IDF features of words and characters."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from scipy.sparse import hstack

from core.models.baselines.linear import LinearModel, fit_linear, timing
from core.models.baselines.ngrams import ANALYZERS, NgramFeatures
from core.models.classifier import FitResult, SavedClassifier

if TYPE_CHECKING:
    from core.runs.job import Job

_MAX_FEATURES = 20_000
"""N-grams of each analyzer, the most frequent ones: keeps the saved files small."""
_STRENGTHS = (1.0, 10.0, 100.0)
"""Values of ``C``; the best is chosen on the validation split."""


class TfidfClassifier:
    """Logistic regression on TF-IDF features of word and character n-grams."""

    def __init__(self, ngrams: Sequence[NgramFeatures], regression: LinearModel) -> None:
        self.ngrams = ngrams
        self.regression = regression

    def features(self, texts: Sequence[str]) -> Any:
        """Return the sparse features of the texts: [n, d]."""
        return hstack([ngrams.transform(texts) for ngrams in self.ngrams], format="csr")

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return log-probabilities [n, k]."""
        return self.regression.log_probabilities(self.features(texts))

    def truncated(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Return which texts are truncated: none, [n]."""
        return np.zeros(len(texts), dtype=np.bool_)

    def save(self, folder: Path) -> None:
        """Write the vocabularies as JSON and the weights as safetensors."""
        terms = {ngrams.analyzer: ngrams.terms for ngrams in self.ngrams}
        (folder / "vocabulary.json").write_text(json.dumps(terms, ensure_ascii=False), encoding="utf-8")
        idf = {f"idf.{ngrams.analyzer}": ngrams.idf for ngrams in self.ngrams}
        save_file(self.regression.tensors() | idf, folder / "tfidf.safetensors")

    @classmethod
    def load(cls, saved: SavedClassifier) -> Self:
        """Load what `save` wrote, or what it wrote when the words were the only features."""
        terms = json.loads((saved.folder / "vocabulary.json").read_text(encoding="utf-8"))
        tensors = load_file(saved.folder / "tfidf.safetensors")
        if isinstance(terms, list):
            return cls([NgramFeatures("word", terms, tensors["idf"])], LinearModel.from_tensors(tensors, "multinomial"))
        ngrams = [NgramFeatures(name, terms[name], tensors[f"idf.{name}"]) for name in ANALYZERS]
        return cls(ngrams, LinearModel.from_tensors(tensors, "one-vs-rest"))


def fit_tfidf(job: "Job") -> FitResult:
    """Fit a logistic regression on TF-IDF features of word and character n-grams."""
    start, data = time.perf_counter(), job.data
    ngrams, values = zip(*(NgramFeatures.fit(name, data.train.texts, _MAX_FEATURES) for name in ANALYZERS), strict=True)
    train = hstack(values, format="csr")
    validation = hstack([part.transform(data.validation.texts) for part in ngrams], format="csr")
    regression, _ = fit_linear(train, validation, data, _STRENGTHS, "one-vs-rest")
    return FitResult(TfidfClassifier(ngrams, regression), regression.size, regression.size, **timing(start, data))
