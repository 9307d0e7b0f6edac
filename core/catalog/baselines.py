"""The baselines: classifiers without an adapter."""

from core.catalog.method import DATA, MODEL, Method

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
        "Mean-pooled features of the frozen base model with logistic regression.",
        MODEL,
    ),
)
