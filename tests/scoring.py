"""Recompute stored metrics from stored predictions, with plain SQL and scikit-learn."""

import json
import sqlite3

import numpy as np
import pytest
from sklearn import metrics as sk


def assert_metrics_follow_from_predictions(connection: sqlite3.Connection, run_id: int) -> None:
    """Assert that every stored metric of a run follows from its stored predictions, within 1e-9."""
    labels, checks = connection.execute(
        "SELECT d.labels, d.checks FROM datasets d JOIN runs r ON r.dataset_id = d.id WHERE r.id = ?", [run_id]
    ).fetchone()
    labels, leaks = json.loads(labels), [leak["test"] for leak in json.loads(checks)["leaks"]]
    temperature = load_metrics(connection, run_id, "validation").pop("temperature")
    for split in ("validation", "test"):
        true, predicted, probabilities = load_predictions(connection, run_id, split)
        assert [labels[code] for code in probabilities.argmax(axis=1)] == predicted
        expected = compute_metrics(true, predicted, probabilities, labels)
        if split == "test":
            expected |= calibration(true, probabilities, labels, temperature)
            kept = np.setdiff1d(np.arange(len(true)), leaks)
            if leaks:
                without_leaks = compute_metrics(
                    *(np.asarray(part)[kept] for part in (true, predicted, probabilities)), labels
                )
                expected |= {f"{name}_without_leaks": without_leaks[name] for name in ("accuracy", "macro_f1")}
        stored = load_metrics(connection, run_id, split)
        difference, p = (stored.pop(f"macro_f1_over_baseline{suffix}", None) for suffix in ("", "_p"))
        if difference is not None:
            assert 0 < p <= 1
            assert difference == pytest.approx(expected["macro_f1"] - baseline_macro_f1(connection, run_id), abs=1e-9)
        # Older runs lack the ranking metrics.
        ranking = {
            name: value for name, value in ranking_metrics(true, probabilities, labels).items() if name in stored
        }
        assert {name: stored.pop(name) for name in ranking} == pytest.approx(ranking, abs=1e-9)
        not_recomputed = {"temperature", "best_epoch", "ece_null", "ece_null_calibrated"}
        recomputed = {name: value for name, value in stored.items() if name not in not_recomputed}
        assert recomputed == pytest.approx(expected, abs=1e-9)
        assert_class_metrics(connection, run_id, split, true, predicted, labels)


def baseline_macro_f1(connection, run_id) -> float:
    (baseline,) = connection.execute("SELECT baseline_id FROM runs WHERE id = ?", [run_id]).fetchone()
    return load_metrics(connection, baseline, "test")["macro_f1"]


def load_predictions(connection, run_id, split):
    rows = connection.execute(
        "SELECT e.label, p.predicted, p.probabilities FROM predictions p JOIN examples e ON e.id = p.example_id "
        "WHERE p.run_id = ? AND e.split = ? ORDER BY e.position",
        [run_id, split],
    ).fetchall()
    probabilities = np.stack([np.frombuffer(row[2], "<f4") for row in rows]).astype(np.float64)
    return [row[0] for row in rows], [row[1] for row in rows], probabilities


def load_metrics(connection: sqlite3.Connection, run_id: int, split: str) -> dict[str, float]:
    query = "SELECT name, value FROM metrics WHERE run_id = ? AND split = ?"
    return dict(connection.execute(query, [run_id, split]))


def compute_metrics(true, predicted, probabilities, labels) -> dict[str, float]:
    onehot = np.array([[label == name for name in labels] for label in true])
    return {
        "accuracy": sk.accuracy_score(true, predicted),
        "macro_f1": sk.f1_score(true, predicted, average="macro", labels=labels, zero_division=0),
        "balanced_accuracy": sk.balanced_accuracy_score(true, predicted),
        "mcc": sk.matthews_corrcoef(true, predicted),
        **losses(onehot, probabilities),
    }


def ranking_metrics(true, probabilities, labels) -> dict[str, float | None]:
    onehot = np.array([[label == name for name in labels] for label in true])
    columns = range(len(labels)) if len(labels) > 2 else (1,)
    if not all(0 < onehot[:, code].sum() < len(true) for code in columns):
        return {"roc_auc": None, "average_precision": None}
    pairs = [(onehot[:, code], probabilities[:, code]) for code in columns]
    metrics = {
        "roc_auc": float(np.mean([sk.roc_auc_score(*pair) for pair in pairs])),
        "average_precision": float(np.mean([sk.average_precision_score(*pair) for pair in pairs])),
    }
    if len(labels) > 5:
        codes = onehot.argmax(axis=1)
        metrics["top_3_accuracy"] = sk.top_k_accuracy_score(codes, probabilities, k=3, labels=range(len(labels)))
    return metrics


def losses(onehot, probabilities) -> dict[str, float]:
    return {
        "log_loss": -np.log(np.clip(probabilities[onehot], np.finfo(float).eps, 1)).mean(),
        "brier": ((probabilities - onehot) ** 2).sum(axis=1).mean(),
    }


def calibration(true, probabilities, labels, temperature) -> dict[str, float]:
    onehot = np.array([[label == name for name in labels] for label in true])
    powers = np.clip(probabilities, np.finfo(np.float32).tiny, 1) ** (1 / temperature)
    calibrated = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32).astype(np.float64)
    after = {f"{name}_calibrated": value for name, value in losses(onehot, calibrated).items()}
    return {"ece": ece(onehot, probabilities), "ece_calibrated": ece(onehot, calibrated), **after}


def ece(onehot, probabilities, bins=15) -> float:
    confidence, correct = probabilities.max(axis=1), onehot[np.arange(len(probabilities)), probabilities.argmax(axis=1)]
    bin_index = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(correct[bin_index == b].sum() - confidence[bin_index == b].sum()) for b in range(bins)]
    return sum(gaps) / len(probabilities)


def assert_class_metrics(connection, run_id, split, true, predicted, labels) -> None:
    scores = sk.precision_recall_fscore_support(true, predicted, labels=labels, zero_division=np.nan)
    rows = connection.execute(
        "SELECT label, precision, recall, f1, support FROM class_metrics WHERE run_id = ? AND split = ?",
        [run_id, split],
    ).fetchall()
    assert sorted(row[0] for row in rows) == sorted(labels)
    for label, precision, recall, f1, support in rows:
        expected = {name: values[labels.index(label)] for name, values in zip("prfs", scores, strict=True)}
        assert (recall, f1, support) == pytest.approx((expected["r"], expected["f"], expected["s"]), abs=1e-9)
        if label in predicted:
            assert precision == pytest.approx(expected["p"], abs=1e-9)
        else:
            assert precision is None
