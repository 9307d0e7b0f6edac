"""The page of one run: its curves, its settings, what it cost, and what its probabilities are worth."""

import shlex
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.catalog.figures import select_figures
from core.catalog.methods import rate_for_width
from core.config import format_flags, make_config
from core.text.formatting import (
    DASH,
    format_percent,
    format_setting,
)
from dashboard import data


def settings(run_id: int) -> pd.DataFrame:
    """Return a row a setting of a run: its value, the default, and whether they differ.

    The default of one is what it would have been had nobody given it, all others as they are: so
    alpha follows r, and the learning rate the width of the model.
    """
    config = data.config_of(run_id)
    defaults = {name: _default(run_id, name) for name in config}
    return pd.DataFrame(
        {
            "setting": list(config),
            "value": [format_setting(value) for value in config.values()],
            "default": [
                "by the model's width" if name == "lr" and value is None else format_setting(value)
                for name, value in defaults.items()
            ],
            "differs": [value is not None and value != defaults[name] for name, value in config.items()],
        }
    )


def _default(run_id: int, name: str) -> Any:
    run = data.run(run_id)
    width = data.hidden_size(run_id) if name == "lr" else None
    if width is not None:
        return rate_for_width(run.method, width)
    others = {other: value for other, value in data.config_of(run_id).items() if other != name or name == "method"}
    return make_config(others).settings().get(name)


def command(run_id: int) -> str:
    """Return the command that makes a run again: the flags that matter, no others."""
    config = data.config_of(run_id)
    if "lr" in config and config["lr"] == _default(run_id, "lr"):
        config = {name: value for name, value in config.items() if name != "lr"}
    defaults = make_config({}).settings()
    given = {name: value for name, value in config.items() if name not in defaults or value != defaults[name]}
    for name in list(given):
        fewer = {other: value for other, value in given.items() if other != name}
        if make_config(fewer).settings() == config:  # it follows from the others, as alpha does from r
            given = fewer
    return data.command(shlex.join(format_flags(given)))


def environment(run_id: int) -> dict[str, Any]:
    """Return under what a run took place, with a name for people for each fact."""
    recorded = data.run(run_id).environment
    packages = recorded.get("packages", {})
    commit = str(recorded.get("git_commit") or "")[:10]
    plain = {name: value for name, value in recorded.items() if not isinstance(value, dict)}
    plain.pop("git_dirty", None)
    truncated = recorded.get("truncated", {})
    plain |= {f"truncated texts, {split}": f"{format_percent(share)} %" for split, share in truncated.items()}
    plain["git_commit"] = f"{commit}, with changes" if commit and recorded.get("git_dirty") else commit
    return {name.replace("_", " "): format_setting(value) for name, value in (plain | packages).items()}


def costs(run_ids: list[int]) -> pd.DataFrame:
    """Return a row a cost, a column a run with its label, as text; costs that no run has are left out."""
    figures = select_figures(group="cost")
    columns = {}
    for run_id in run_ids:
        run = data.run(run_id)
        costs = vars(run) | {"seconds_per_text": _seconds_per_text(run)}
        columns[data.run_label(run_id)] = [figure.format_row(costs) for figure in figures]
    frame = pd.DataFrame({"cost": [figure.title for figure in figures], **columns})
    return frame[(frame.drop(columns="cost") != DASH).any(axis=1)].reset_index(drop=True)


def _seconds_per_text(run: Any) -> float | None:
    texts = data.test_size(run.id)
    return run.evaluation_seconds / texts if run.evaluation_seconds is not None and texts else None


POINTS = 400
"""Of a longer curve so many points are drawn, evenly chosen."""


def losses(run_id: int, window: int) -> pd.DataFrame:
    """Return the losses by epoch: epoch, name and value.

    The training loss is the mean of the last ``window`` logged values; as logged it stands beside
    it under the name ``raw``, where that makes a difference.
    """
    history = data.history(run_id)
    logged = history[history["name"] == "loss"]
    smooth = logged.assign(value=logged["value"].rolling(window, min_periods=1).mean())
    raw = logged.assign(name="raw") if window > 1 else logged.iloc[:0]
    parts = [raw, smooth, history[history["name"] == "validation_loss"]]
    return pd.concat([_thinned(part) for part in parts])[["epoch", "name", "value"]]


def scores(run_id: int) -> pd.DataFrame:
    """Return macro F1 on the validation examples by epoch: epoch, name and value."""
    history = data.history(run_id)
    return _thinned(history[history["name"] == "validation_macro_f1"])[["epoch", "name", "value"]]


def logged_losses(run_id: int) -> int:
    """Return how many values of the training loss were logged."""
    return int((data.history(run_id)["name"] == "loss").sum())


def _thinned(frame: pd.DataFrame) -> pd.DataFrame:
    if len(frame) <= POINTS:
        return frame
    return frame.iloc[np.linspace(0, len(frame) - 1, POINTS).round().astype(int)]


def kept(run_id: int) -> Any:
    """Return which epoch was kept: epoch, value, low and high, last_epoch and last_value; None where it is not known.

    The interval is known for that epoch alone: its predictions are the ones that were recorded.
    """
    epochs, figures, best = scores(run_id), data.metrics(run_id, "validation"), data.best_epoch(run_id)
    if epochs.empty or best is None or "macro_f1" not in figures.index:
        return None
    last = epochs.iloc[-1]
    own = figures.loc["macro_f1"]
    return SimpleNamespace(epoch=best, **own, last_epoch=last["epoch"], last_value=last["value"])


STEPS = 41
"""How many thresholds the curve of abstaining has."""


def _answers(run_id: int, split: str) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return how sure each answer is at the fitted temperature, and whether it is right."""
    from core.evaluation.calibration import apply_temperature

    stored = data.probabilities(run_id, split)
    if not stored.size:
        return np.empty(0, np.float32), np.empty(0, np.bool_)
    found = apply_temperature(stored, data.temperature(run_id) or 1.0)
    return found.max(axis=1), found.argmax(axis=1) == data.true_codes(run_id, split)


def calibration(run_id: int) -> pd.DataFrame:
    """Return log loss, Brier score and ECE on the test set, each as value, low and high, before and after.

    The ends beside an ECE are those of a perfectly calibrated run.
    """
    figures = data.metrics(run_id)
    rows = []
    for suffix, when in (("", "as trained"), ("_calibrated", "at the temperature")):
        for name in ("log_loss", "brier", "ece"):
            known = figures.reindex([name + suffix, f"ece_null{suffix}"])
            ends = known.iloc[1 if name == "ece" else 0][["low", "high"]]
            rows.append({"when": when, "name": name, "value": known["value"].iloc[0], **ends})
    return pd.DataFrame(rows)


def coverage(run_id: int) -> pd.DataFrame:
    """Return what answering only from a confidence on gave on the validation examples, a row a threshold.

    Columns: threshold; coverage and accuracy, each with its ends. Thresholds that leave no answer are left out.
    """
    confidence, right = _answers(run_id, "validation")
    if not len(right):
        return pd.DataFrame()
    thresholds = np.linspace(1 / data.probabilities(run_id, "validation").shape[1], 1, STEPS)
    frame = _abstained(confidence, right, thresholds)
    return frame[frame["accuracy"].notna()].reset_index(drop=True)


def answered(run_id: int, split: str, threshold: float) -> Any:
    """Return what answering only from one threshold on gives on a split: a row of `coverage`, as attributes."""
    confidence, right = _answers(run_id, split)
    return next(_abstained(confidence, right, np.array([threshold])).itertuples(index=False))


def _abstained(
    confidence: NDArray[np.float32], right: NDArray[np.bool_], thresholds: NDArray[np.float64]
) -> pd.DataFrame:
    from core.evaluation.calibration import coverage as abstain

    rows = []
    for one in abstain(confidence, right, thresholds):
        row = {"threshold": one.threshold}
        for name, estimate in (("coverage", one.coverage), ("accuracy", one.accuracy)):
            row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}  # type: ignore[dict-item]
        rows.append(row)
    return pd.DataFrame(rows, dtype=float)


def miscalibration(run_id: int) -> tuple[float, float]:
    """Return a run's ECE on the test set as trained, and the highest that a perfectly calibrated run would show."""
    figures = calibration(run_id).set_index(["when", "name"])
    value, _, by_luck = figures.loc[("as trained", "ece"), ["value", "low", "high"]]
    return float(value), float(by_luck)
