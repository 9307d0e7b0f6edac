"""The training texts that are most like a text."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from core.evaluation.tokenization import words


@dataclass(frozen=True)
class Neighbour:
    """A text's place among those that were indexed, and its likeness: above 0, and 1 for the same words."""

    position: int
    similarity: float


@dataclass(frozen=True)
class TextIndex:
    """Texts that can be asked for the nearest; both None where no text holds a word or sign.

    ``weights``: [n, v], sparse, each row of length 1.
    """

    vectorizer: Any | None
    weights: Any | None

    def nearest(self, text: str, k: int = 5) -> tuple[Neighbour, ...]:
        """Return up to k texts by falling cosine, the first of equals first; none that shares nothing.

        Words that no indexed text holds count for nothing.
        """
        if self.vectorizer is None:
            return ()
        similarities = self.weights @ self.vectorizer.transform([text]).toarray()[0]
        best = np.argsort(-similarities, kind="stable")[:k]
        # A sum of squares may miss 1 by rounding.
        return tuple(Neighbour(int(i), min(1.0, float(similarities[i]))) for i in best if similarities[i] > 0)


def index_texts(texts: Sequence[str]) -> TextIndex:
    """Index n texts by TF-IDF of their words and word pairs, with sublinear counts and rows of length 1."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # slow to import, and wanted on few screens

    if not any(map(_pieces, texts)):
        return TextIndex(None, None)
    vectorizer = TfidfVectorizer(analyzer=_pieces, sublinear_tf=True)
    return TextIndex(vectorizer, vectorizer.fit_transform(texts))


def _pieces(text: str) -> list[str]:
    """Return a text's words and pairs of them; of a text without words its signs, such as emoji."""
    found = words(text) or [sign for sign in text if not sign.isspace()]
    return found + [f"{one} {other}" for one, other in pairwise(found)]
