"""Logistic regression on features, with the regularization strength chosen on the validation split."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss
from sklearn.multiclass import OneVsRestClassifier

from core.data.splits import DataSet
from core.models.classifier import probabilities
from core.models.feature_cache import CachedFeatures

Scheme = Literal["multinomial", "one-vs-rest"]


@dataclass(frozen=True)
class LinearModel:
    """A fitted logistic regression: coefficients [k, d] and intercept [k]; one row for two classes."""

    coefficients: NDArray[np.floating[Any]]
    intercept: NDArray[np.floating[Any]]
    scheme: Scheme

    @property
    def size(self) -> int:
        """The number of parameters."""
        return int(self.coefficients.size + self.intercept.size)

    def log_probabilities(self, features: Any) -> NDArray[np.float32]:
        """Return log-probabilities [n, k] of features [n, d]; those of one-vs-rest are normalized."""
        scores = np.asarray(features @ self.coefficients.T + self.intercept, dtype=np.float64)
        if scores.shape[1] == 1:
            scores = np.hstack([-scores / 2, scores / 2])
        elif self.scheme == "one-vs-rest":
            scores = log_expit(scores)
        return np.asarray(log_softmax(scores, axis=1), dtype=np.float32)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return the parameters as tensors to save."""
        return {"coefficients": np.ascontiguousarray(self.coefficients), "intercept": self.intercept}

    @classmethod
    def from_tensors(cls, tensors: dict[str, NDArray[Any]], scheme: Scheme) -> Self:
        """Restore what `tensors` returned."""
        return cls(tensors["coefficients"], tensors["intercept"], scheme)


def fit_linear(
    train: Any, validation: Any, data: DataSet, strengths: Sequence[float], scheme: Scheme = "multinomial"
) -> tuple[LinearModel, tuple[float, float]]:
    """Return the regression with the best validation scores over values of ``C``, and its scores.

    ``train`` and ``validation``: features [n, d]. ``strengths``: in ascending order. The scores are macro F1 and, for
    ties, the negative log loss. Use one-vs-rest for sparse features: liblinear's dual solver is much faster on them.
    """
    fit = _fit_one_vs_rest if scheme == "one-vs-rest" else _fit_multinomial
    models = fit(train, data.train.labels, strengths)
    scores = [validation_scores(model.log_probabilities(validation), data) for model in models]
    best = max(range(len(models)), key=scores.__getitem__)
    return models[best], scores[best]


def validation_scores(logits: NDArray[np.float32], data: DataSet) -> tuple[float, float]:
    """Return macro F1 and the negative log loss of validation logits [n, k]."""
    true, predicted = data.validation.labels, probabilities(logits).astype(np.float64)
    predicted /= predicted.sum(axis=1, keepdims=True)
    macro_f1 = f1_score(true, predicted.argmax(axis=1), average="macro")
    return float(macro_f1), -float(log_loss(true, predicted, labels=range(len(data.labels))))


def timing(start: float, data: DataSet, *features: CachedFeatures) -> dict[str, Any]:
    """Return the cost of a fit that started at this time of `time.perf_counter`, for `FitResult`.

    ``features``: shared features; the seconds that another run spent on them are included.
    """
    seconds = time.perf_counter() - start
    seconds += sum(shared.seconds for shared in features if shared.computed_at < start)
    return {"train_seconds": seconds, "train_examples_per_second": len(data.train) / seconds}


def _fit_multinomial(features: Any, labels: NDArray[np.int64], strengths: Sequence[float]) -> list[LinearModel]:
    regression, models = LogisticRegression(max_iter=2000, tol=1e-3, warm_start=True), []
    for strength in strengths:
        regression.set_params(C=strength).fit(features, labels)
        models.append(LinearModel(regression.coef_.copy(), regression.intercept_.copy(), "multinomial"))
    return models


def _fit_one_vs_rest(features: Any, labels: NDArray[np.int64], strengths: Sequence[float]) -> list[LinearModel]:
    """Return models in the precision that they are saved in."""
    models = []
    for strength in strengths:
        regression = LogisticRegression(
            C=strength, solver="liblinear", dual=True, tol=0.1, max_iter=1000, random_state=0
        )
        rows = OneVsRestClassifier(regression).fit(features, labels).estimators_
        coefficients = np.concatenate([row.coef_ for row in rows]).astype(np.float32)
        intercept = np.concatenate([row.intercept_ for row in rows]).astype(np.float32)
        models.append(LinearModel(coefficients, intercept, "one-vs-rest"))
    return models
