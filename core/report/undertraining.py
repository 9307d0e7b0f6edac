"""Find the signs of under-training of a run that does not beat its best baseline."""

from collections.abc import Mapping
from math import log, sqrt

import pandas as pd

from core.catalog.figures import TRAINING_MACRO_F1
from core.catalog.methods import METHODS, rate_for_width
from core.store import queries
from core.store.engine import Store
from core.store.records import PARENT_GROUP_KEY, Run
from core.text.formatting import format_count, format_percent, format_setting
from core.text.sanitize import to_single_line

FEW_STEPS = 100
"""A run with fewer training steps may be under-trained."""
GOOD_FIT = 0.95
"""From this macro F1 on the training examples on, more training has nothing left to fit."""
OVERFITTING_GAP = 0.1
"""A run whose macro F1 is this much higher on the training examples than on the test split overfits."""
LOSS_DECREASE = 0.1
"""A training loss that decreases by this share from the fourth to the last fifth of training is still falling."""
HIGH_RATE = 10
"""A learning rate of more than this multiple of the default for the hidden size is high; the inverse is low."""
MAX_LABELS = 5
"""Number of labels that are never predicted to name."""


def undertraining_signs(store: Store, run: Run) -> str | None:
    """Return the signs that a run is under-trained, in words; None without any.

    The caller has checked that it does not beat its best baseline. A run that fits the training examples well has no
    signs: it loses for another reason.
    """
    if run.baseline_id is None or run.dataset_id is None:
        return None
    scores = _macro_f1_scores(store, run)
    fit, baseline = scores.get("fit"), scores.get("baseline", 0.0)
    if fit is not None and fit >= baseline and (fit >= GOOD_FIT or fit - scores.get("test", fit) >= OVERFITTING_GAP):
        return None
    signs = _training_signs(store, run)
    never_predicted = _never_predicted(store, run)
    if not signs and not never_predicted and (fit is None or fit >= baseline):
        return None
    signs += [f"training macro F1 {format_percent(fit)}"] if fit is not None else []
    more = f" and {len(never_predicted) - MAX_LABELS} more" if len(never_predicted) > MAX_LABELS else ""
    labels = f"never predicts: {', '.join(never_predicted[:MAX_LABELS])}{more}"
    return "; ".join([*([", ".join(signs)] if signs else []), *([labels] if never_predicted else [])])


def describe_undertraining(store: Store, run: Run) -> str | None:
    """Return the signs that a run is under-trained, and what to do; None without any, see `undertraining_signs`."""
    signs = undertraining_signs(store, run)
    if signs is None:
        return None
    if _has_high_learning_rate(store, run):
        return f"Likely diverged ({signs}): try a lower --lr."
    return f"Likely under-trained ({signs}): {_advice(store, run)}"


def _advice(store: Store, run: Run) -> str:
    if _has_low_learning_rate(run):
        return "try a higher --lr."
    method = METHODS.get(run.method)
    if method is None or not method.is_continuable:
        return "try more --epochs or a higher --lr."
    return f"continue with: {store.format_command(f'resume {run.id} --epochs auto')}"


def _macro_f1_scores(store: Store, run: Run) -> dict[str, float]:
    """Return macro F1 on the training examples (``fit``), on the test split, and of the baseline, if recorded.

    The baseline's is the lower one of its validation and test splits.
    """
    metrics = queries.metrics(store, [run.id, run.baseline_id or 0]).dropna(subset="value")
    is_run, is_macro_f1 = metrics["run_id"] == run.id, metrics["name"] == "macro_f1"
    selected: Mapping[str, pd.Series] = {
        "fit": is_run & (metrics["name"] == TRAINING_MACRO_F1),
        "test": is_run & is_macro_f1 & (metrics["split"] == "test"),
        "baseline": ~is_run & is_macro_f1,
    }
    return {name: float(metrics.loc[rows, "value"].min()) for name, rows in selected.items() if rows.any()}


def _training_signs(store: Store, run: Run) -> list[str]:
    """Return the signs in the settings and the learning curve of a run."""
    curve = _learning_curve(store, run)
    if curve.empty:
        return []
    steps, is_uniform = int(curve.index.max()), _is_uniform(store, run, curve)
    signs = {
        f"{format_count(steps)} steps": steps < FEW_STEPS and PARENT_GROUP_KEY not in run.environment,
        f"a learning rate of {format_setting(run.config.get('lr'))}": _has_low_learning_rate(run)
        or _has_high_learning_rate(store, run),
        "a training loss no lower than that of uniform guesses": is_uniform,
        "a training loss that is still falling": not is_uniform and _is_falling(run, curve),
    }
    return [sign for sign, applies in signs.items() if applies]


def _learning_curve(store: Store, run: Run) -> pd.DataFrame:
    """Return the logged values by step; empty if nothing was logged."""
    history = queries.history(store, [run.id])
    return history.pivot(index="step", columns="name", values="value") if not history.empty else pd.DataFrame()


def _is_uniform(store: Store, run: Run, curve: pd.DataFrame) -> bool:
    """Return whether the last training loss is that of uniform guesses or higher."""
    losses = curve.get("loss", pd.Series(dtype=float)).dropna()
    assert run.dataset_id is not None
    uniform_loss = log(len(queries.dataset(store, run.dataset_id).labels))
    return bool(len(losses)) and bool(losses.iloc[-1] > 0.95 * uniform_loss)


def _relative_learning_rate(run: Run) -> float | None:
    """Return the learning rate as a multiple of the method's default for the hidden size; None if one is unknown."""
    rate, width = run.config.get("lr"), run.environment.get("hidden_size")
    default = (
        rate_for_width(run.method, width) if run.method in METHODS and isinstance(width, int) and width > 0 else None
    )
    return rate / default if rate and default else None


def _has_low_learning_rate(run: Run) -> bool:
    """Return whether the learning rate is below a tenth of the method's default."""
    ratio = _relative_learning_rate(run)
    return ratio is not None and ratio < 1 / HIGH_RATE


def _has_high_learning_rate(store: Store, run: Run) -> bool:
    """Return whether training did not learn at a learning rate above the default.

    Far above it, any run that loses to its baseline has learned too little; above it, a run with a loss no lower than
    that of uniform guesses.
    """
    ratio = _relative_learning_rate(run)
    if ratio is None or ratio <= 1:
        return False
    return ratio > HIGH_RATE or _is_uniform(store, run, _learning_curve(store, run))


def _is_falling(run: Run, curve: pd.DataFrame) -> bool:
    """Return whether the training loss was clearly falling when training ended, compared with its noise."""
    if run.environment.get("training_end") == "no_improvement" or "loss" not in curve:
        return False
    losses = curve["loss"].dropna()
    count = len(losses) // 5
    if count < 2:
        return False
    before, last = losses.iloc[-2 * count : -count], losses.iloc[-count:]
    decrease, noise = before.mean() - last.mean(), sqrt((before.var() + last.var()) / count)
    return bool(decrease > LOSS_DECREASE * before.mean() and decrease > 3 * noise)


def _never_predicted(store: Store, run: Run) -> list[str]:
    """Return the labels that a run predicts for no test example, although its baseline finds some of them."""
    classes = queries.class_metrics(store, [run.id, run.baseline_id or 0])
    is_found = (classes["run_id"] == run.baseline_id) & (classes["f1"] > 0)
    found_by_baseline = set(classes.loc[is_found, "label"])
    never = classes[(classes["run_id"] == run.id) & classes["precision"].isna()]
    return [to_single_line(label) for label in never["label"] if label in found_by_baseline]
