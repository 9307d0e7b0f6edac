"""The baselines: classifiers without an adapter."""

from core.catalog.method import DATA, MODEL, Method

BASELINES = (
    Method(
        "majority",
        "baseline",
        "majority class",
        "Always answers with the most frequent training label: the floor.",
        DATA,
    ),
    Method(
        "untrained",
        "baseline",
        "untrained model",
        "The base model with a fresh, random head: where fine-tuning starts.",
        MODEL | {"seed"},
    ),
    Method(
        "tfidf",
        "baseline",
        "TF-IDF",
        "Word and word-pair weights with logistic regression: no neural network at all.",
        DATA,
    ),
    Method(
        "frozen",
        "baseline",
        "frozen encoder",
        "Mean-pooled features of the untouched base model with logistic regression.",
        MODEL,
    ),
)
