"""The metrics of a run: quality, difference from the best baseline, calibration, classes and training.

To add a metric, add a `Figure` here and a function of the same name to `core.evaluation.metrics`.
"""

from typing import Any

from core.catalog.figures.figure import Figure, Group, Interval, Unit
from core.text import formatting
from core.text.formatting import DASH

MACRO_F1_DIFFERENCE = "macro_f1_over_baseline"
MACRO_F1_DIFFERENCE_P_VALUE = "macro_f1_over_baseline_p"
TRAINING_MACRO_F1 = "training_macro_f1"
TOP_K = 3
TOP_K_MIN_LABELS = 6
"""Top-k accuracy is computed from this number of labels on: with fewer it is high for any model."""


def _metric(name: str, title: str, help: str, unit: Unit, group: Group, **options: Any) -> Figure:
    defaults: dict[str, Any] = {"interval": "bootstrap", "splits": ("validation", "test"), "recomputed": True}
    return Figure(name, title, help, unit, group, "metrics", **defaults | options)


def _test_metric(name: str, title: str, help: str, unit: Unit, group: Group, **options: Any) -> Figure:
    return _metric(name, title, help, unit, group, **{"splits": ("test",)} | options)


def _class_metric(name: str, title: str, help: str, interval: Interval) -> Figure:
    return Figure(
        name,
        title,
        help,
        "percent",
        "class",
        "class_metrics",
        better="higher",
        interval=interval,
        splits=("validation", "test"),
        recomputed=True,
        companions=("support",),
        write=formatting.format_class_score,
    )


QUALITY = (
    _metric(
        "macro_f1",
        "macro F1",
        "The unweighted mean of the classes' F1 scores: a rare class counts as much as a common one. Accuracy hides "
        "a rare class that is never predicted; macro F1 does not. The brackets contain the 95% confidence interval, "
        "which reflects the size of the test set.",
        "percent",
        "quality",
        better="higher",
        listed=True,
    ),
    _metric(
        "accuracy",
        "accuracy",
        "The share of test examples with the correct label, with its 95% interval. If one class is common, it is "
        "high even for a model that always predicts that class.",
        "percent",
        "quality",
        better="higher",
        interval="Wilson",
        listed=True,
    ),
    _metric(
        "balanced_accuracy",
        "balanced accuracy",
        "The mean of the classes' recall: accuracy as if all classes were equally common.",
        "percent",
        "quality",
        better="higher",
        listed=True,
    ),
    _metric(
        "mcc",
        "Matthews correlation",
        "The correlation of predictions and true labels: 1 is perfect, 0 no better than random, −1 total disagreement.",
        "number",
        "quality",
        better="higher",
        listed=True,
        short_title="MCC",
    ),
    _metric(
        "roc_auc",
        "ROC AUC",
        "How well the probabilities sort the examples. Take one example that has a label and one that has another: "
        "this is the share of such pairs in which the model gives the label a higher probability for the first. "
        "100 is perfect sorting, 50 is guessing. It needs no threshold. With more than two labels it is the mean "
        "over the labels, each against all others; with two it is that of the second label.",
        "percent",
        "quality",
        better="higher",
        listed=True,
    ),
    _metric(
        "average_precision",
        "average precision",
        "Sort the examples by the probability of a label, highest first. The precision at an example is the share of "
        "the examples up to it that have the label; this is the mean precision at the examples that have it. 100 is "
        "perfect; guessing gives the label's share of the examples, so unlike ROC AUC it shows when false positives "
        "outnumber a rare label. With more than two labels it is the mean over the labels; with two it is that of "
        "the second label.",
        "percent",
        "quality",
        better="higher",
        listed=True,
        short_title="AP",
    ),
    _metric(
        f"top_{TOP_K}_accuracy",
        f"top-{TOP_K} accuracy",
        f"The share of test examples whose label is among the {TOP_K} most probable ones: how useful the model is "
        f"when it may suggest {TOP_K} labels to choose from. Computed from {TOP_K_MIN_LABELS} labels on.",
        "percent",
        "quality",
        better="higher",
        interval="Wilson",
        listed=True,
    ),
    _test_metric(
        "accuracy_without_leaks",
        "accuracy without leaks",
        "Accuracy without the test examples that have an exact or near duplicate in the training or validation data.",
        "percent",
        "quality",
        better="higher",
        interval="Wilson",
    ),
    _test_metric(
        "macro_f1_without_leaks",
        "macro F1 without leaks",
        "Macro F1 without the test examples that have an exact or near duplicate in the training or validation data.",
        "percent",
        "quality",
        better="higher",
    ),
)

BASELINE = (
    _test_metric(
        MACRO_F1_DIFFERENCE,
        "vs best baseline",
        "Macro F1 minus that of the best baseline on the same test set, in percentage points, with its 95% interval. "
        "An adapter is worth its cost only if it beats the baselines.",
        "points",
        "baseline",
        better="higher",
        interval="paired bootstrap",
        listed=True,
    ),
    _test_metric(
        MACRO_F1_DIFFERENCE_P_VALUE,
        "p value vs best baseline",
        "The p value of the difference in macro F1 from the best baseline.",
        "p",
        "baseline",
        interval=None,
        recomputed=False,
        listed=True,
    ),
)

_LOG_LOSS = (
    "The mean negative logarithm of the probability of the true label: confident errors cost most. "
    "Guessing evenly between two labels gives 0.693."
)
_BRIER = (
    "The mean squared distance between the probabilities and the true label as a one-hot vector, from 0 (perfect) to 2."
)
_ECE = (
    "Expected calibration error: the mean difference between confidence and the share of correct predictions in "
    "bins of confidence, weighted by their number of examples. "
    "Even a perfectly calibrated model does not reach 0 on few examples, so its range is shown as well."
)
_NULL = "The expected calibration error that a perfectly calibrated model of the same confidences would have."
_CALIBRATED = " After temperature scaling."

CALIBRATION = (
    _metric("log_loss", "log loss", _LOG_LOSS, "number", "calibration", better="lower", listed=True),
    _metric("brier", "Brier score", _BRIER, "number", "calibration", better="lower", listed=True),
    _test_metric("ece", "ECE, %", _ECE, "percent", "calibration", better="lower", interval=None),
    _test_metric(
        "ece_null",
        "ECE if perfectly calibrated, %",
        _NULL,
        "percent",
        "calibration",
        interval="null band",
        recomputed=False,
    ),
    _test_metric(
        "log_loss_calibrated",
        "calibrated log loss",
        _LOG_LOSS + _CALIBRATED,
        "number",
        "calibration",
        better="lower",
    ),
    _test_metric(
        "brier_calibrated", "calibrated Brier score", _BRIER + _CALIBRATED, "number", "calibration", better="lower"
    ),
    _test_metric(
        "ece_calibrated",
        "calibrated ECE, %",
        _ECE + _CALIBRATED,
        "percent",
        "calibration",
        better="lower",
        interval=None,
    ),
    _test_metric(
        "ece_null_calibrated",
        "ECE if perfectly calibrated, at the temperature, %",
        _NULL + _CALIBRATED,
        "percent",
        "calibration",
        interval="null band",
        recomputed=False,
    ),
    _metric(
        "temperature",
        "temperature",
        "The number by which the logits are divided to make the probabilities match the share of correct predictions, "
        "fitted on the validation examples. Above 1 the model was overconfident, below 1 underconfident.",
        "number",
        "calibration",
        interval=None,
        splits=("validation",),
        recomputed=False,
    ),
)

CLASSES = (
    _class_metric(
        "precision", "precision", "Of the examples that got this label, the share that truly have it.", "Wilson"
    ),
    _class_metric("recall", "recall", "Of the examples that truly have this label, the share that got it.", "Wilson"),
    _class_metric(
        "f1",
        "F1",
        "The harmonic mean of precision and recall: high only if both are high.",
        "bootstrap",
    ),
    Figure(
        "support",
        "test examples",
        "The number of test examples with this label. Scores of a label with fewer than 10 are unreliable.",
        "count",
        "class",
        "class_metrics",
        splits=("validation", "test"),
        recomputed=True,
    ),
    Figure(
        "worst_f1",
        "worst class F1",
        "The lowest F1 of the classes, with its 95% interval.",
        "percent",
        "class",
        "derived",
        better="higher",
        interval="bootstrap",
        listed=True,
        companions=("worst_support",),
        write=formatting.format_class_score,
    ),
)

TRAINING = (
    _metric(
        TRAINING_MACRO_F1,
        "training macro F1",
        "Macro F1 of the kept weights on the first 500 training examples, which have the class balance of the training "
        "split. If it is low, the model is under-trained; if it is much higher than on the test split, it overfits.",
        "percent",
        "training",
        interval=None,
        splits=("train",),
        recomputed=False,
    ),
    _metric(
        "best_epoch",
        "best epoch",
        "The epoch of the best evaluation on the validation examples, whose weights are kept: by macro F1; with "
        "--epochs auto, by macro F1 minus a tenth of the loss.",
        "epoch",
        "training",
        interval=None,
        splits=("validation",),
        recomputed=False,
    ),
    Figure(
        "loss",
        "training loss",
        "The mean loss over the last training steps.",
        "number",
        "training",
        "history",
        better="lower",
    ),
    Figure(
        "validation_loss",
        "validation loss",
        "The mean loss on the validation examples after an epoch. When it rises while the training loss falls, the "
        "model overfits.",
        "number",
        "training",
        "history",
        better="lower",
    ),
    Figure(
        "validation_accuracy",
        "validation accuracy",
        "Accuracy on the validation examples after an epoch.",
        "percent",
        "training",
        "history",
        better="higher",
    ),
    Figure(
        "validation_macro_f1",
        "validation macro F1",
        "Macro F1 on the validation examples after an epoch. The best epoch is chosen by it.",
        "percent",
        "training",
        "history",
        better="higher",
    ),
    Figure(
        "learning_rate",
        "learning rate",
        "The learning rate of a training step.",
        "number",
        "training",
        "history",
        write=lambda value: DASH if value is None or value != value else f"{value:.2g}",
    ),
    Figure(
        "gradient_norm",
        "gradient norm",
        "The norm of the gradient before clipping: sudden peaks indicate that training diverges.",
        "number",
        "training",
        "history",
    ),
)
