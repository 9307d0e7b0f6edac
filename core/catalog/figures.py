"""Every metric, cost and count that is stored or shown, described once.

Tables, charts, exports, the command line, the glossary, the model card and the integrity check read
this. To add a metric, add a `Figure` here and a function of the same name to `core.evaluation.metrics`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from core.text import formatting
from core.text.formatting import DASH

Unit = Literal["percent", "number", "points", "p", "count", "epoch", "seconds", "short seconds", "bytes", "speed"]
Direction = Literal["higher", "lower"]
Group = Literal["quality", "calibration", "baseline", "class", "training", "cost", "comparison", "data"]
Storage = Literal["metrics", "class_metrics", "runs", "history", "rechecks", "predictions", "class_balance", "derived"]
Interval = Literal["Wilson", "bootstrap", "paired bootstrap", "null band"]

MACRO_F1_DIFFERENCE = "macro_f1_over_baseline"
MACRO_F1_DIFFERENCE_P_VALUE = "macro_f1_over_baseline_p"
TOP_K = 3
TOP_K_MIN_LABELS = 6
"""Top-k accuracy is computed from this number of labels on: with fewer it is high for any model."""


def _without_interval(write: Callable[[Any], str]) -> Callable[..., str]:
    return lambda value, *_: write(value)


def _percent(value: float | None, low: float | None = None, high: float | None = None) -> str:
    return formatting.format_score(value, low, high)


def _p(value: float | None) -> str:
    return DASH if value is None or value != value else formatting.format_p_value(value).removeprefix("= ")


def _epoch(value: float | None) -> str:
    return DASH if value is None or value != value else f"{value:g}"


_FORMATS: Mapping[Unit, Callable[..., str]] = {
    "percent": _percent,
    "number": formatting.format_number,
    "points": formatting.format_points,
    "p": _without_interval(_p),
    "count": _without_interval(formatting.format_count),
    "epoch": _without_interval(_epoch),
    "seconds": _without_interval(formatting.format_duration),
    "short seconds": _without_interval(formatting.format_milliseconds),
    "bytes": _without_interval(formatting.format_bytes),
    "speed": _without_interval(formatting.format_throughput),
}
_DIRECTIONS: Mapping[Direction | None, str] = {"higher": " Higher is better.", "lower": " Lower is better.", None: ""}


@dataclass(frozen=True)
class Figure:
    """One metric, cost or count.

    ``name``: as stored. ``title``: the column head. ``storage``: the table that holds it; ``derived``
    for what is computed when read. ``interval``: how its stored bounds were computed; None for a
    figure without bounds. ``splits``: where a metric is stored. ``recomputed``: whether the stored
    predictions alone determine its value, so that the integrity check can recompute it. ``listed``:
    whether the list of runs has it as a column. ``companions``: columns that ``write`` needs besides
    the value and its bounds. ``write`` overrides the format of the unit.
    """

    name: str
    title: str
    help: str
    unit: Unit
    group: Group
    storage: Storage
    better: Direction | None = None
    interval: Interval | None = None
    splits: tuple[str, ...] = ()
    recomputed: bool = False
    listed: bool = False
    short_title: str = ""
    companions: tuple[str, ...] = ()
    write: Callable[..., str] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a row that hold the figure: value, bounds, companions."""
        bounds = (f"{self.name}_low", f"{self.name}_high") if self.interval else ()
        return (self.name, *bounds, *self.companions)

    @property
    def heading(self) -> str:
        """The title with a capital letter."""
        return self.title[0].upper() + self.title[1:]

    @property
    def axis_title(self) -> str:
        """The title with the unit in which the figure is stored."""
        unit = {"seconds": ", seconds", "bytes": ", bytes", "speed": ", examples per second"}.get(self.unit, "")
        return self.title + unit

    @property
    def explanation(self) -> str:
        """What the figure means, and whether more of it is better."""
        return self.help + _DIRECTIONS[self.better]

    def format(self, *values: Any) -> str:
        """Return the figure as text; ``values``: in the order of `columns`, bounds may be missing."""
        return (self.write or _FORMATS[self.unit])(*values)

    def format_value(self, value: float | None) -> str:
        """Return the value alone as text, without bounds and companions; also fits a deviation."""
        return _FORMATS[self.unit](value)

    def format_row(self, row: Any) -> str:
        """Return the figure of a row whose keys or attributes are `columns`; a dash where the row lacks them."""
        get = row.get if isinstance(row, Mapping) else lambda column: getattr(row, column, None)
        return self.format(*map(get, self.columns))


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


def _cost(name: str, title: str, help: str, unit: Unit, **options: Any) -> Figure:
    return Figure(name, title, help, unit, "cost", "runs", **{"better": "lower"} | options)


_QUALITY = (
    _metric(
        "macro_f1",
        "macro F1",
        "The unweighted mean of the classes' F1 scores: a rare class counts as much as a common one. Accuracy hides "
        "a rare class that is never predicted; macro F1 does not. The brackets hold the 95% interval: the range that "
        "the score of another test set of this size would most likely fall into.",
        "percent",
        "quality",
        better="higher",
        listed=True,
    ),
    _metric(
        "accuracy",
        "accuracy",
        "The share of test examples with the correct label, with its 95% interval. Where one class is common, it is "
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
        "The correlation of the predictions with the true labels: 1 is perfect, 0 is chance, −1 is always opposite.",
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
        "Go through the examples from the highest probability of a label to the lowest, and note at each example "
        "that has the label what share of those so far have it: this is the mean of the notes. 100 is perfect; "
        "guessing gives the label's share of the examples, so unlike ROC AUC it shows when a rare label is drowned "
        "in false alarms. With more than two labels it is the mean over the labels; with two it is that of the "
        "second label.",
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

_BASELINE = (
    _test_metric(
        MACRO_F1_DIFFERENCE,
        "vs best baseline",
        "Macro F1 minus that of the best baseline on the same test set, in percentage points, with its 95% interval. "
        "An adapter that does not beat its baselines was not worth training.",
        "points",
        "baseline",
        better="higher",
        interval="paired bootstrap",
        listed=True,
    ),
    _test_metric(
        MACRO_F1_DIFFERENCE_P_VALUE,
        "vs best baseline, p",
        "How often chance alone would show a difference in macro F1 as large as the one to the best baseline.",
        "p",
        "baseline",
        interval=None,
        recomputed=False,
        listed=True,
    ),
)

_LOG_LOSS = (
    "The mean of minus the logarithm of the probability that the true label got: a confident error costs most. "
    "Guessing evenly between two labels gives 0.693."
)
_BRIER = "The mean squared distance between the probabilities and the truth, from 0 (perfect) to 2."
_ECE = (
    "Expected calibration error: how far confidence is from the share of correct predictions, on average. "
    "Even a perfectly calibrated model does not reach 0 on few examples, so its range is shown as well."
)
_NULL = "The expected calibration error that a perfectly calibrated model of the same confidences would have."
_CALIBRATED = " At the fitted temperature."

_CALIBRATION = (
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

_CLASSES = (
    _class_metric(
        "precision", "precision", "Of the examples that got this label, the share that truly have it.", "Wilson"
    ),
    _class_metric("recall", "recall", "Of the examples that truly have this label, the share that got it.", "Wilson"),
    _class_metric(
        "f1",
        "F1",
        "The harmonic mean of precision and recall: high only where both are.",
        "bootstrap",
    ),
    Figure(
        "support",
        "test examples",
        "The number of test examples with this label. Fewer than 10 are too few to tell.",
        "count",
        "class",
        "class_metrics",
        splits=("validation", "test"),
        recomputed=True,
    ),
    Figure(
        "worst_f1",
        "worst class F1",
        "The lowest F1 of the classes, with its 95% interval: where the model is weakest.",
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

_TRAINING = (
    _metric(
        "best_epoch",
        "best epoch",
        "The epoch with the best macro F1 on the validation examples: the one that was kept.",
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
        "The length of the gradient before clipping: sudden peaks announce a diverging training.",
        "number",
        "training",
        "history",
    ),
)

_COSTS = (
    _cost("train_seconds", "training time", "How long the training took.", "seconds", listed=True),
    _cost(
        "train_examples_per_second",
        "training speed",
        "Training examples per second.",
        "speed",
        better="higher",
        listed=True,
    ),
    _cost("evaluation_seconds", "evaluation time", "How long predicting the test set took.", "seconds", listed=True),
    Figure(
        "seconds_per_text",
        "time per text",
        "The mean time to predict one test text in a batch. A single text takes longer.",
        "short seconds",
        "cost",
        "derived",
        better="lower",
    ),
    _cost(
        "trainable_parameters",
        "trainable parameters",
        "The number of weights that were trained, and their share of all weights of the model.",
        "count",
        listed=True,
        companions=("total_parameters",),
        write=formatting.format_parameters,
    ),
    _cost(
        "total_parameters",
        "total parameters",
        "The number of weights of the model, the adapter's included.",
        "count",
        write=formatting.format_parameters,
        listed=True,
    ),
    _cost(
        "adapter_bytes",
        "size",
        "The size of the saved adapter, or of a baseline's model, on disk.",
        "bytes",
        listed=True,
    ),
    _cost(
        "base_memory_bytes",
        "base model memory",
        "The memory that the base model's weights take. A base in 8 or 4 bits takes less.",
        "bytes",
        listed=True,
    ),
    _cost(
        "peak_memory_bytes",
        "peak memory",
        "The most memory that the process of the run held.",
        "bytes",
        listed=True,
    ),
)

_CHECKS = (
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
        "a probability moved by at most",
        "The largest change of any probability when the test set was predicted again.",
        "number",
        "data",
        "rechecks",
        better="lower",
    ),
)

_EXAMPLES = (
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
        "The probability that the true label got, as trained.",
        "percent",
        "data",
        "predictions",
    ),
    Figure("count", "examples", "The number of examples with this label.", "count", "data", "class_balance"),
    Figure("share", "share", "The share of the examples with this label.", "percent", "data", "class_balance"),
)

_COMPARISON = (
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
        "How often chance alone would show a difference this large, adjusted for the number of comparisons (Holm). "
        "Below .05 is called evidence.",
        "p",
        "comparison",
        "derived",
    ),
)

FIGURES: Mapping[str, Figure] = {
    figure.name: figure
    for figure in (
        *_QUALITY,
        *_BASELINE,
        *_CALIBRATION,
        *_CLASSES,
        *_TRAINING,
        *_COSTS,
        *_CHECKS,
        *_EXAMPLES,
        *_COMPARISON,
    )
}
"""By stored name, in the order of tables."""


def select_figures(
    storage: Storage | None = None, group: Group | None = None, split: str | None = None
) -> tuple[Figure, ...]:
    """Return the figures of a table, a group or a split, in the order of tables."""
    return tuple(
        figure
        for figure in FIGURES.values()
        if storage in (None, figure.storage) and group in (None, figure.group) and (not split or split in figure.splits)
    )


LISTED_METRICS = tuple(figure.name for figure in select_figures("metrics") if figure.listed)
"""The test metrics that the list of runs has as columns."""


def in_order(names: Iterable[str]) -> list[str]:
    """Return stored names in the order of tables; names that are not registered come last, as they came."""
    names = list(names)
    known = [name for name in FIGURES if name in set(names)]
    return known + [name for name in names if name not in FIGURES]
