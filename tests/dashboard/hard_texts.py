"""A test set that is hard to show: hostile texts, unusual labels, and a slice that is always misclassified."""

from collections.abc import Sequence

import numpy as np

from core.config import RunConfig
from core.data.splits import DataSet, Split
from core.evaluation.metrics import evaluate
from core.store.datasets import save_dataset
from core.store.engine import Store
from core.store.recorder import recording
from tests.seeded import ENVIRONMENT, SIZES

LABELS = ('it\'s "bad": 1', "good, [b]*x*")
HOSTILE = (
    "<script>alert(1)</script> <b>bold</b>",
    "# *Markdown* [link](javascript:alert(1)) :red[red] $x^2$",
    "\u202eright to left\u202c מצוין ممتاز",
    "👩‍👩‍👧 🎬🎬 é e\u0301",
    "long " * 20_000 + "end",
    "zero\x00byte",
    "=1+2",
    'a "quoted", text; with\r\ntwo\nlines',
)
HOSTILE_IDS = ("html", "markdown", "right-to-left", "emojis", "long", "null-byte", "formula", "quotes-and-lines")
"""A short name for each hostile text."""
SIZE = 240
WRONG = (np.arange(SIZE) % 4 == 0) | (np.arange(SIZE) % 23 == 1)
WEAK_WORD = "grey"
SLICE = f"with the word «{WEAK_WORD}»"


def texts(weak: Sequence[str] = (WEAK_WORD,)) -> tuple[str, ...]:
    """Return the test texts: every fourth has one of the words that the first run always misclassifies."""
    words = ["quite" if place % 4 else weak[place // 4 % len(weak)] for place in range(SIZE)]
    plain = [f"Film {place} is {word} fine." for place, word in enumerate(words)]
    return (*HOSTILE, *plain[len(HOSTILE) :])


def record_hard_texts(store: Store, trained_on: int = 40, weak: Sequence[str] = (WEAK_WORD,)) -> tuple[int, int]:
    """Record a run that misclassifies every fourth text and some more, and one that misclassifies only the first eight.

    ``trained_on``: the number of training examples; data sets that differ in it share the test set. ``weak``: the words
    that the first run always misclassifies.
    """
    labels = np.arange(SIZE) % 2
    extra = tuple({"stars": place % 3, "size": place / 2, "text": "own"} for place in range(SIZE))
    training, validation = (
        Split(tuple(f"Film {place} is {WEAK_WORD} dull." for place in range(size)), np.arange(size) % 2, ({},) * size)
        for size in (trained_on, 40)
    )
    splits = {"train": training, "validation": validation, "test": Split(texts(weak), labels, extra)}
    data = DataSet("films", "file:films.csv", None, "text", "label", LABELS, splits, {})
    hostile = np.arange(SIZE) < len(HOSTILE)
    weak = record_on(store, data, "weak", WRONG | hostile)
    return weak, record_on(store, data, "strong", hostile, method="knn")


def record_on(store: Store, data: DataSet, name: str, wrong: np.ndarray, method: str = "lora") -> int:
    """Record a run that misclassifies these test examples of a data set with two classes."""
    size = len(data.test)
    confidence = np.linspace(0.99, 0.6, size).astype(np.float32)
    predicted = np.where(wrong, 1 - data.test.labels, data.test.labels)
    is_predicted = np.arange(2) == predicted[:, None]
    probabilities = np.where(is_predicted, confidence[:, None], 1 - confidence[:, None]).astype(np.float32)
    with recording(store, RunConfig(**SIZES, dataset=data.name, method=method), name, ENVIRONMENT) as run:
        dataset_id = save_dataset(store, data)
        run.update(dataset_id=dataset_id)
        evaluation = evaluate(data.test.labels, probabilities, data.labels)
        run.save_predictions(data, "test", dataset_id, probabilities, evaluation, np.arange(size) < len(HOSTILE))
    return run.id
