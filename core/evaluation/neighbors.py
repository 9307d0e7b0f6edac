"""The training texts most similar to a text."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from core.evaluation.tokenization import tokenize


@dataclass(frozen=True)
class Neighbor:
    """The position of an indexed text, and its cosine similarity: above 0, and 1 only for equal TF-IDF vectors."""

    position: int
    similarity: float


@dataclass(frozen=True)
class TextIndex:
    """n indexed texts; both fields are None if no text has a term.

    ``weights``: [n, v] TF-IDF weights of the v terms, sparse; each row has an L2 norm of 1.
    """

    vectorizer: Any | None
    weights: Any | None

    def nearest(self, text: str, k: int = 5) -> tuple[Neighbor, ...]:
        """Return up to k texts in descending order of similarity, ties in index order, none of similarity 0.

        Terms that no indexed text has are ignored.
        """
        if self.vectorizer is None:
            return ()
        similarities = self.weights @ self.vectorizer.transform([text]).toarray()[0]
        best = np.argsort(-similarities, kind="stable")[:k]
        # Rounding may push a similarity above 1.
        return tuple(Neighbor(int(i), min(1.0, float(similarities[i]))) for i in best if similarities[i] > 0)


def index_texts(texts: Sequence[str]) -> TextIndex:
    """Index texts by TF-IDF of their words and word bigrams, with sublinear term frequencies."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # slow to import, and rarely needed

    if not any(map(_extract_terms, texts)):
        return TextIndex(None, None)
    vectorizer = TfidfVectorizer(analyzer=_extract_terms, sublinear_tf=True)
    return TextIndex(vectorizer, vectorizer.fit_transform(texts))


def _extract_terms(text: str) -> list[str]:
    """Return the tokens of a text and their bigrams; tokens are words or, without any, symbols such as emoji."""
    tokens = tokenize(text) or [symbol for symbol in text if not symbol.isspace()]
    return tokens + [f"{first} {second}" for first, second in pairwise(tokens)]
