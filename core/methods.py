"""What can be run: one table, read by the config, the command line, the models and the screens."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["baseline", "adapter", "full"]


@dataclass(frozen=True)
class Method:
    """One way to get a classifier.

    ``sections`` are the parts of a `RunConfig` that change what the method does; the others are
    not part of its record. ``learning_rate`` is the default for this method, where it trains.
    """

    name: str
    kind: Kind
    title: str
    note: str
    sections: frozenset[str]
    learning_rate: float | None = None


_DATA = frozenset({"data"})
_MODEL = _DATA | {"model"}
_TRAINED = _MODEL | {"adapter", "training", "seed"}

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            "majority",
            "baseline",
            "majority class",
            "Always answers with the most frequent training label: the floor.",
            _DATA,
        ),
        Method(
            "untrained",
            "baseline",
            "untrained model",
            "The base model with a fresh, random head: where fine-tuning starts.",
            _MODEL | {"seed"},
        ),
        Method(
            "tfidf",
            "baseline",
            "TF-IDF",
            "Word and word-pair weights with logistic regression: no neural network at all.",
            _DATA,
        ),
        Method(
            "frozen",
            "baseline",
            "frozen encoder",
            "Mean-pooled features of the untouched base model with logistic regression.",
            _MODEL,
        ),
        Method(
            "lora",
            "adapter",
            "LoRA",
            "Low-rank updates beside the attention weights (Hu et al. 2021).",
            _TRAINED,
            learning_rate=1e-3,
        ),
    )
}

BASELINES = tuple(name for name, method in METHODS.items() if method.kind == "baseline")
ADAPTERS = tuple(name for name, method in METHODS.items() if method.kind == "adapter")
