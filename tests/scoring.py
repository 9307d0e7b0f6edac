"""Score recorded predictions anew, from SQL alone, with scikit-learn."""

import json
import sqlite3

import numpy as np
import pytest
from sklearn import metrics as sk


def assert_metrics_are_those_of_the_predictions(connection: sqlite3.Connection, run_id: int) -> None:
    """Hold every stored metric of a run against its stored predictions, to 1e-9."""
    labels, checks = connection.execute(
        "SELECT d.labels, d.checks FROM datasets d JOIN runs r ON r.dataset_id = d.id WHERE r.id = ?", [run_id]
    ).fetchone()
    labels, leaks = json.loads(labels), [leak["test"] for leak in json.loads(checks)["leaks"]]
    temperature = stored(connection, run_id, "validation").pop("temperature")
    for split in ("validation", "test"):
        true, predicted, shares = predictions(connection, run_id, split)
        assert [labels[code] for code in shares.argmax(axis=1)] == predicted
        expected = scored(true, predicted, shares, labels)
        if split == "test":
            expected |= calibration(true, shares, labels, temperature)
            kept = np.setdiff1d(np.arange(len(true)), leaks)
            if leaks:
                alone = scored(*(np.asarray(part)[kept] for part in (true, predicted, shares)), labels)
                expected |= {f"{name}_without_leaks": alone[name] for name in ("accuracy", "macro_f1")}
        found = stored(connection, run_id, split)
        over, p = (found.pop(f"macro_f1_over_baseline{suffix}", None) for suffix in ("", "_p"))
        if over is not None:
            assert 0 < p <= 1
            assert over == pytest.approx(expected["macro_f1"] - of_baseline(connection, run_id), abs=1e-9)
        later = {name: value for name, value in ranking(true, shares, labels).items() if name in found}
        assert {name: found.pop(name) for name in later} == pytest.approx(later, abs=1e-9)  # older runs lack them
        drawn = {"temperature", "best_epoch", "ece_null", "ece_null_calibrated"}  # no function of these rows
        assert {k: v for k, v in found.items() if k not in drawn} == pytest.approx(expected, abs=1e-9)
        assert_class_metrics(connection, run_id, split, true, predicted, labels)


def of_baseline(connection, run_id) -> float:
    (baseline,) = connection.execute("SELECT baseline_id FROM runs WHERE id = ?", [run_id]).fetchone()
    return stored(connection, baseline, "test")["macro_f1"]


def predictions(connection, run_id, split):
    rows = connection.execute(
        "SELECT e.label, p.predicted, p.probabilities FROM predictions p JOIN examples e ON e.id = p.example_id "
        "WHERE p.run_id = ? AND e.split = ? ORDER BY e.position",
        [run_id, split],
    ).fetchall()
    shares = np.stack([np.frombuffer(row[2], "<f4") for row in rows]).astype(np.float64)
    return [row[0] for row in rows], [row[1] for row in rows], shares


def stored(connection: sqlite3.Connection, run_id: int, split: str) -> dict[str, float]:
    query = "SELECT name, value FROM metrics WHERE run_id = ? AND split = ?"
    return dict(connection.execute(query, [run_id, split]))


def scored(true, predicted, shares, labels) -> dict[str, float]:
    onehot = np.array([[label == name for name in labels] for label in true])
    return {
        "accuracy": sk.accuracy_score(true, predicted),
        "macro_f1": sk.f1_score(true, predicted, average="macro", labels=labels, zero_division=0),
        "balanced_accuracy": sk.balanced_accuracy_score(true, predicted),
        "mcc": sk.matthews_corrcoef(true, predicted),
        **losses(onehot, shares),
    }


def ranking(true, shares, labels) -> dict[str, float | None]:
    onehot = np.array([[label == name for name in labels] for label in true])
    columns = range(len(labels)) if len(labels) > 2 else (1,)
    if not all(0 < onehot[:, code].sum() < len(true) for code in columns):
        return {"roc_auc": None, "average_precision": None}
    pairs = [(onehot[:, code], shares[:, code]) for code in columns]
    found = {
        "roc_auc": float(np.mean([sk.roc_auc_score(*pair) for pair in pairs])),
        "average_precision": float(np.mean([sk.average_precision_score(*pair) for pair in pairs])),
    }
    if len(labels) > 5:
        codes = onehot.argmax(axis=1)
        found["top_3_accuracy"] = sk.top_k_accuracy_score(codes, shares, k=3, labels=range(len(labels)))
    return found


def losses(onehot, shares) -> dict[str, float]:
    return {
        "log_loss": -np.log(np.clip(shares[onehot], np.finfo(float).eps, 1)).mean(),
        "brier": ((shares - onehot) ** 2).sum(axis=1).mean(),
    }


def calibration(true, shares, labels, temperature) -> dict[str, float]:
    onehot = np.array([[label == name for name in labels] for label in true])
    powers = np.clip(shares, np.finfo(np.float32).tiny, 1) ** (1 / temperature)
    cooled = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32).astype(np.float64)
    after = {f"{name}_calibrated": value for name, value in losses(onehot, cooled).items()}
    return {"ece": ece(onehot, shares), "ece_calibrated": ece(onehot, cooled), **after}


def ece(onehot, shares, bins=15) -> float:
    confidence, right = shares.max(axis=1), onehot[np.arange(len(shares)), shares.argmax(axis=1)]
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(right[place == b].sum() - confidence[place == b].sum()) for b in range(bins)]
    return sum(gaps) / len(shares)


def assert_class_metrics(connection, run_id, split, true, predicted, labels) -> None:
    scores = sk.precision_recall_fscore_support(true, predicted, labels=labels, zero_division=np.nan)
    rows = connection.execute(
        "SELECT label, precision, recall, f1, support FROM class_metrics WHERE run_id = ? AND split = ?",
        [run_id, split],
    ).fetchall()
    assert sorted(row[0] for row in rows) == sorted(labels)
    for label, precision, recall, f1, support in rows:
        expected = {name: one[labels.index(label)] for name, one in zip("prfs", scores, strict=True)}
        assert (recall, f1, support) == pytest.approx((expected["r"], expected["f"], expected["s"]), abs=1e-9)
        if label in predicted:
            assert precision == pytest.approx(expected["p"], abs=1e-9)
        else:
            assert precision is None
