"""The baselines: classifiers without an adapter."""

from collections.abc import Sequence

from core.catalog.method import DATA, MODEL, Method
from core.errors import RequestError, did_you_mean

BASELINES = (
    Method(
        "majority",
        "baseline",
        "majority class",
        "Always predicts the most frequent training label.",
        DATA,
    ),
    Method(
        "untrained",
        "baseline",
        "untrained model",
        "The base model with a randomly initialized head.",
        MODEL | {"seed"},
    ),
    Method(
        "tfidf",
        "baseline",
        "TF-IDF",
        "TF-IDF features of word and character n-grams with logistic regression.",
        DATA,
    ),
    Method(
        "frozen",
        "baseline",
        "frozen encoder",
        "Pooled features of the frozen base model with logistic regression.",
        MODEL,
    ),
    Method(
        "knn",
        "baseline",
        "nearest neighbors",
        "The nearest training texts by cosine distance between features of the frozen base model.",
        MODEL,
    ),
    Method(
        "model2vec",
        "baseline",
        "static embeddings",
        "Static embeddings distilled from the base model (Model2Vec) with logistic regression.",
        MODEL,
        extra="model2vec",
    ),
    Method(
        "setfit",
        "baseline",
        "SetFit",
        "The base model fine-tuned on pairs of texts (SetFit) with logistic regression on its features.",
        MODEL | {"seed"},
        extra="setfit",
    ),
)
DEFAULT_BASELINES = ("majority", "untrained", "tfidf", "frozen")
"""The baselines that run unless others are requested."""


def select_baselines(requested: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the requested baselines: ``all``, ``none``, or names.

    Raises `RequestError` for a name that does not exist, and for ``all`` or ``none`` with other names.
    """
    names = [baseline.name for baseline in BASELINES]
    choices = [*names, "all", "none"]
    for name in requested:
        if name not in choices:
            hint = did_you_mean(name, choices)
            raise RequestError(f"--baselines {name!r:.60} does not exist.{hint} Choose from: {', '.join(choices)}.")
    for name in ("all", "none"):
        if name in requested and len(set(requested)) > 1:
            raise RequestError(f"--baselines {name} cannot be combined with names. Pass {name}, or only names.")
    if "all" in requested:
        return tuple(names)
    return tuple(name for name in names if name in requested)
