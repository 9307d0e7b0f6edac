"""The page of one run: its settings, and what its probabilities are worth."""

import shlex
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.config import flag, make_config
from core.formatting import percent, setting
from dashboard import data


def settings(run_id: int) -> pd.DataFrame:
    """Return a row a setting of a run: its value, the default, and whether they differ."""
    config = data.run(run_id).config
    defaults = make_config({"method": config["method"]}).settings()
    return pd.DataFrame(
        {
            "setting": list(config),
            "value": [setting(value) for value in config.values()],
            "default": [setting(defaults.get(name)) for name in config],
            "differs": [value != defaults.get(name) for name, value in config.items()],
        }
    )


def command(run_id: int) -> str:
    """Return the command that makes a run again: the flags that matter, no others."""
    config = data.run(run_id).config
    defaults = make_config({}).settings()
    given = {name: value for name, value in config.items() if name not in defaults or value != defaults[name]}
    for name in list(given):
        fewer = {other: value for other, value in given.items() if other != name}
        if make_config(fewer).settings() == config:  # it follows from the others, as alpha does from r
            given = fewer
    flags = [part for name, value in given.items() for part in (flag(name), setting(value))]
    return shlex.join(["python", "runner.py", *flags])


def environment(run_id: int) -> dict[str, Any]:
    """Return under what a run took place, with a name for people for each fact."""
    recorded = data.run(run_id).environment
    packages = recorded.get("packages", {})
    commit = str(recorded.get("git_commit") or "")[:10]
    plain = {name: value for name, value in recorded.items() if not isinstance(value, dict)}
    plain.pop("git_dirty", None)
    truncated = recorded.get("truncated", {})
    plain |= {f"truncated texts, {split}": f"{percent(share)} %" for split, share in truncated.items()}
    plain["git_commit"] = f"{commit}, with changes" if commit and recorded.get("git_dirty") else commit
    return {name.replace("_", " "): setting(value) for name, value in (plain | packages).items()}


STEPS = 41
"""How many thresholds the curve of abstaining has."""


def shares(run_id: int, split: str, *, calibrated: bool) -> NDArray[np.float32]:
    """Return a run's probabilities on a split, [n, k]; as they are, or at the fitted temperature."""
    from core.evaluation.calibration import calibrated as at_temperature

    stored = data.probabilities(run_id, split)
    return at_temperature(stored, data.temperature(run_id) or 1.0) if calibrated and stored.size else stored


def _answers(run_id: int, split: str, *, calibrated: bool) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return how sure each answer is, and whether it is right."""
    found = shares(run_id, split, calibrated=calibrated)
    if not found.size:
        return np.empty(0, np.float32), np.empty(0, np.bool_)
    return found.max(axis=1), found.argmax(axis=1) == data.codes(run_id, split)


def reliability(run_id: int, *, calibrated: bool) -> pd.DataFrame:
    """Return a row a bin of confidence on the test set: confidence, accuracy, count, null_low and null_high."""
    from core.evaluation.calibration import reliability as diagram

    return pd.DataFrame([vars(one) for one in diagram(*_answers(run_id, "test", calibrated=calibrated)).bins])


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
    confidence, right = _answers(run_id, "validation", calibrated=True)
    if not len(right):
        return pd.DataFrame()
    thresholds = np.linspace(1 / data.probabilities(run_id, "validation").shape[1], 1, STEPS)
    frame = _abstained(confidence, right, thresholds)
    return frame[frame["accuracy"].notna()].reset_index(drop=True)


def answered(run_id: int, split: str, threshold: float) -> Any:
    """Return what answering only from one threshold on gives on a split: a row of `coverage`, as attributes."""
    confidence, right = _answers(run_id, split, calibrated=True)
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
