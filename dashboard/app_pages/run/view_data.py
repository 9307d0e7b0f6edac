"""The data of the Run page: settings and command, costs, curves, calibration and coverage."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.catalog.figures import select_figures
from core.catalog.methods import rate_for_width
from core.report.reproduce import default_settings, reproduce_arguments
from core.text.formatting import DASH, format_setting
from dashboard import data

MAX_CURVE_POINTS = 400
"""A longer curve is drawn through this many evenly spaced points."""
THRESHOLDS = 41
"""The number of thresholds of the coverage curve."""


# --- Settings and environment -----------------------------------------------------------------------


def settings(run_id: int) -> pd.DataFrame:
    """Return the settings of a run: setting, value, default and differs.

    The default of a setting is its value if it is not specified and all others are unchanged: alpha
    depends on r, the learning rate on the model's hidden size, the maximum length on the training texts.
    """
    config = data.config_of(run_id)
    defaults = {name: _default(run_id, name) for name in config}
    return pd.DataFrame(
        {
            "setting": list(config),
            "value": [format_setting(value) for value in config.values()],
            "default": [
                "by hidden size" if name == "lr" and value is None else format_setting(value)
                for name, value in defaults.items()
            ],
            "differs": [value is not None and value != defaults[name] for name, value in config.items()],
        }
    )


def _default(run_id: int, name: str) -> Any:
    hidden_size = data.hidden_size(run_id) if name == "lr" else None
    if hidden_size is not None:
        return rate_for_width(data.run(run_id).method, hidden_size)
    if name in ("max_length", "pooling") and f"{name}_reason" in data.run(run_id).environment:
        return data.config_of(run_id)[name]
    others = {other: value for other, value in data.config_of(run_id).items() if other != name or name == "method"}
    return default_settings(others).get(name)


def reproduce_command(run_id: int) -> str:
    """Return the command that trains a run again, see `reproduce_arguments`."""
    return data.command(reproduce_arguments(data.config_of(run_id), data.run(run_id).parent_id))


def costs(run_ids: list[int]) -> pd.DataFrame:
    """Return the costs of runs as text: a row per cost that any of them has, a column per run."""
    figures = select_figures(group="cost")
    columns = {}
    for run_id in run_ids:
        run = data.run(run_id)
        values = vars(run) | {"seconds_per_text": _seconds_per_text(run)}
        columns[data.run_label(run_id)] = [figure.format_row(values) for figure in figures]
    frame = pd.DataFrame({"cost": [figure.title for figure in figures], **columns})
    return frame[(frame.drop(columns="cost") != DASH).any(axis=1)].reset_index(drop=True)


def _seconds_per_text(run: Any) -> float | None:
    texts = data.test_size(run.id)
    return run.evaluation_seconds / texts if run.evaluation_seconds is not None and texts else None


# --- Learning curves --------------------------------------------------------------------------------


def losses(run_id: int, window: int) -> pd.DataFrame:
    """Return the losses by epoch: epoch, name and value.

    The training loss is a moving average over ``window`` logged values; above 1 the logged values
    follow under the name ``raw``.
    """
    history = data.history(run_id)
    logged = history[history["name"] == "loss"]
    smooth = logged.assign(value=logged["value"].rolling(window, min_periods=1).mean())
    raw = logged.assign(name="raw") if window > 1 else logged.iloc[:0]
    parts = [raw, smooth, history[history["name"] == "validation_loss"]]
    return pd.concat([_thin_out(part) for part in parts])[["epoch", "name", "value"]]


def scores(run_id: int) -> pd.DataFrame:
    """Return the validation macro F1 by epoch: epoch, name and value."""
    history = data.history(run_id)
    return _thin_out(history[history["name"] == "validation_macro_f1"])[["epoch", "name", "value"]]


def logged_losses(run_id: int) -> int:
    """Return the number of logged values of the training loss."""
    return int((data.history(run_id)["name"] == "loss").sum())


def _thin_out(curve: pd.DataFrame) -> pd.DataFrame:
    if len(curve) <= MAX_CURVE_POINTS:
        return curve
    return curve.iloc[np.linspace(0, len(curve) - 1, MAX_CURVE_POINTS).round().astype(int)]


def best_epoch_scores(run_id: int) -> Any:
    """Return the best epoch, which was kept: epoch, value, low, high, last_epoch and last_value; None if unknown.

    Only this epoch has an interval: the predictions of others are not stored.
    """
    epochs, metrics, best_epoch = scores(run_id), data.metrics(run_id, "validation"), data.best_epoch(run_id)
    if epochs.empty or best_epoch is None or "macro_f1" not in metrics.index:
        return None
    last, score = epochs.iloc[-1], metrics.loc["macro_f1"]
    return SimpleNamespace(epoch=best_epoch, **score, last_epoch=last["epoch"], last_value=last["value"])


# --- Calibration and coverage -----------------------------------------------------------------------


def calibration(run_id: int) -> pd.DataFrame:
    """Return log loss, Brier score and ECE on the test split: when, name, value, low and high.

    ``when``: as trained, or after temperature scaling. The bounds of an ECE are those of a perfectly calibrated run.
    """
    metrics = data.metrics(run_id)
    rows = []
    for suffix, when in (("", "as trained"), ("_calibrated", "after temperature scaling")):
        for name in ("log_loss", "brier", "ece"):
            values = metrics.reindex([name + suffix, f"ece_null{suffix}"])
            bounds = values.iloc[1 if name == "ece" else 0][["low", "high"]]
            rows.append({"when": when, "name": name, "value": values["value"].iloc[0], **bounds})
    return pd.DataFrame(rows)


def miscalibration(run_id: int) -> tuple[float, float]:
    """Return the ECE of a run on the test split as trained, and the highest of a perfectly calibrated run."""
    figures = calibration(run_id).set_index(["when", "name"])
    value, _, by_chance = figures.loc[("as trained", "ece"), ["value", "low", "high"]]
    return float(value), float(by_chance)


def coverage(run_id: int) -> pd.DataFrame:
    """Return coverage and accuracy by confidence threshold on the validation split, each with its interval.

    Thresholds above all confidences are omitted.
    """
    confidence, is_correct = _confidences(run_id, "validation")
    if not len(is_correct):
        return pd.DataFrame()
    thresholds = np.linspace(1 / data.probabilities(run_id, "validation").shape[1], 1, THRESHOLDS)
    curve = _coverage_at(confidence, is_correct, thresholds)
    return curve[curve["accuracy"].notna()].reset_index(drop=True)


def coverage_at(run_id: int, split: str, threshold: float) -> Any:
    """Return coverage and accuracy of one threshold on a split: a row of `coverage`, its columns as attributes."""
    confidence, is_correct = _confidences(run_id, split)
    return next(_coverage_at(confidence, is_correct, np.array([threshold])).itertuples(index=False))


def _confidences(run_id: int, split: str) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the confidences after temperature scaling, [n], and whether each prediction is correct, [n]."""
    from core.evaluation.calibration import apply_temperature

    probabilities = data.probabilities(run_id, split)
    if not probabilities.size:
        return np.empty(0, np.float32), np.empty(0, np.bool_)
    calibrated = apply_temperature(probabilities, data.temperature(run_id) or 1.0)
    return calibrated.max(axis=1), calibrated.argmax(axis=1) == data.true_codes(run_id, split)


def _coverage_at(
    confidence: NDArray[np.float32], is_correct: NDArray[np.bool_], thresholds: NDArray[np.float64]
) -> pd.DataFrame:
    from core.evaluation.calibration import coverage

    rows = []
    for point in coverage(confidence, is_correct, thresholds):
        row: dict[str, float | None] = {"threshold": point.threshold}
        for name, estimate in (("coverage", point.coverage), ("accuracy", point.accuracy)):
            row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
        rows.append(row)
    return pd.DataFrame(rows, dtype=float)
