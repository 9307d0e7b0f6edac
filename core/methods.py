"""What can be run: one table, read by the config, the command line, the models and the screens."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["baseline", "adapter", "full"]


@dataclass(frozen=True)
class Method:
    """One way to get a classifier.

    ``sections`` are the parts of a `RunConfig` that change what the method does; the others are
    not part of its record. ``learning_rate`` is the default where the method trains, for a model of
    hidden size 384; `rate_for_width` tells it for others.
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
            learning_rate=3e-3,
        ),
    )
}

BASELINES = tuple(name for name, method in METHODS.items() if method.kind == "baseline")

_REFERENCE_WIDTH = 384


def rate_for_width(method: str, width: int) -> float | None:
    """Return a method's default learning rate for a model of this hidden size; None where it does not train.

    Adam's rate falls with the width (Yang et al. 2022, arXiv 2203.03466); a narrower model gets no more.
    """
    rate = METHODS[method].learning_rate
    return None if rate is None else float(f"{rate * min(1.0, _REFERENCE_WIDTH / width):.2g}")
