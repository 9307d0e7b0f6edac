"""What a run's probabilities are worth, and what is wrong with the data: frames for charts and tables."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard import choices, data

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


def suspects(run_id: int) -> pd.DataFrame:
    """Return the test examples whose label is in doubt, the likeliest error first.

    Columns: those of `data.judged`, ``suggested`` (a label), ``quality`` (of the label, 0 to 1) and,
    where the data have it, ``deviation`` (of the raters).
    """
    found, names = data.suspects(run_id), data.labels(run_id)
    frame = data.judged(run_id).iloc[[one.position for one in found]].reset_index(drop=True)
    frame["suggested"] = [names[one.suggested] for one in found]
    frame["quality"] = [one.quality for one in found]
    deviation = [(extra or {}).get("rating_deviation") for extra in frame["extra"]]
    return frame.assign(deviation=deviation) if any(one is not None for one in deviation) else frame


def leaks(dataset_id: int, *, exact: bool) -> pd.DataFrame:
    """Return the test examples that stand, or nearly stand, in another split: both texts, labels and similarity."""
    listed = data.dataset(dataset_id).checks.get("leaks", [])
    wanted = [leak for leak in listed if (leak["similarity"] == 1) == exact]
    places = data.examples(dataset_id).set_index(["split", "position"])
    rows = []
    for leak in wanted:
        own, twin = places.loc[("test", leak["test"])], places.loc[(leak["split"], leak["position"])]
        rows.append(
            {
                "test text": own["text"],
                "test label": own["label"],
                "twin": twin["text"],
                "its label": twin["label"],
                "split": leak["split"],
                "similarity": leak["similarity"],
            }
        )
    return pd.DataFrame(rows)


def conflicts(dataset_id: int) -> pd.DataFrame:
    """Return the texts that stand with more than one label: text, and where it stands with which."""
    rows = [
        {
            "text": conflict["text"],
            "labels": ", ".join(f"{place['label']} ({place['split']})" for place in conflict["places"]),
        }
        for conflict in data.dataset(dataset_id).checks.get("conflicts", [])
    ]
    return pd.DataFrame(rows)


def duplicates(dataset_id: int) -> pd.DataFrame:
    """Return the texts that stand twice or more within a split: split, text, label and times."""
    from core.data.checks import normalise

    frame = data.examples(dataset_id)
    same = frame.assign(same=frame["text"].map(normalise)).groupby(["split", "same"], sort=False)
    found = same.agg(text=("text", "first"), label=("label", "first"), times=("text", "size")).reset_index()
    return found[found["times"] > 1][["split", "text", "label", "times"]].reset_index(drop=True)


def rare_classes(frame: pd.DataFrame, test_set: int) -> pd.DataFrame:
    """Return rare classes, label, count and share, with how well the best run's F1 of each is known: ``half``."""
    best = choices.best_run(test_set)
    if best is None or data.class_metrics(best).empty:
        return frame.assign(half=np.nan)
    classes = data.class_metrics(best).set_index("label")
    half = (classes["f1_high"] - classes["f1_low"]) / 2
    return frame.assign(half=frame["label"].map(half).astype(float))
