"""Figures of reload checks, examples and comparisons."""

from core.catalog.figures.figure import Figure
from core.text.formatting import DASH

CHECKS = (
    Figure(
        "reload_max_difference",
        "reload difference",
        "The largest difference between a logit before saving and after loading the saved files.",
        "number",
        "training",
        "runs",
        better="lower",
        write=lambda value: DASH if value is None or value != value else f"{value:.2g}",
    ),
    Figure(
        "changed_labels",
        "labels changed",
        "The number of test examples that got another label when the test set was predicted again.",
        "count",
        "data",
        "rechecks",
        better="lower",
    ),
    Figure(
        "max_difference",
        "largest probability change",
        "The largest change of any probability when the test set was predicted again.",
        "number",
        "data",
        "rechecks",
        better="lower",
    ),
)

EXAMPLES = (
    Figure(
        "confidence",
        "confidence",
        "The probability of the predicted label, as trained.",
        "percent",
        "data",
        "predictions",
    ),
    Figure(
        "true_probability",
        "probability of the true label",
        "The predicted probability of the true label, as trained.",
        "percent",
        "data",
        "predictions",
    ),
    Figure("count", "examples", "The number of examples with this label.", "count", "data", "class_balance"),
    Figure("share", "share", "The share of the examples with this label.", "percent", "data", "class_balance"),
)

COMPARISON = (
    Figure(
        "gained",
        "gained",
        "Test examples that the second run got wrong and the first run got right.",
        "count",
        "comparison",
        "derived",
        better="higher",
    ),
    Figure(
        "lost",
        "lost",
        "Test examples that the second run got right and the first run got wrong.",
        "count",
        "comparison",
        "derived",
        better="lower",
    ),
    Figure(
        "p_adjusted",
        "p (Holm)",
        "The p value of the difference, adjusted for the number of comparisons (Holm). Below .05 is called evidence.",
        "p",
        "comparison",
        "derived",
    ),
)
