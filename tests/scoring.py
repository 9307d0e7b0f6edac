"""Score recorded predictions anew, from SQL alone, with scikit-learn."""

import json
import sqlite3

import numpy as np
import pytest
from sklearn import metrics as sk


def assert_metrics_are_those_of_the_predictions(connection: sqlite3.Connection, run_id: int) -> None:
    """Hold every stored test metric of a run against its stored predictions, to 1e-9."""
    (labels,) = connection.execute(
        "SELECT d.labels FROM datasets d JOIN runs r ON r.dataset_id = d.id WHERE r.id = ?", [run_id]
    ).fetchone()
    labels = json.loads(labels)
    rows = connection.execute(
        "SELECT e.label, p.predicted, p.probabilities FROM predictions p JOIN examples e ON e.id = p.example_id "
        "WHERE p.run_id = ? ORDER BY e.position",
        [run_id],
    ).fetchall()
    true, predicted = [row[0] for row in rows], [row[1] for row in rows]
    probabilities = np.stack([np.frombuffer(row[2], "<f4") for row in rows]).astype(np.float64)
    assert [labels[code] for code in probabilities.argmax(axis=1)] == predicted
    assert stored(connection, run_id) == pytest.approx(scored(true, predicted, probabilities, labels), abs=1e-9)
    assert_class_metrics(connection, run_id, true, predicted, labels)


def stored(connection: sqlite3.Connection, run_id: int) -> dict[str, float]:
    query = "SELECT name, value FROM metrics WHERE run_id = ? AND split = 'test'"
    return dict(connection.execute(query, [run_id]))


def scored(true, predicted, probabilities, labels) -> dict[str, float]:
    onehot = np.array([[label == name for name in labels] for label in true])
    return {
        "accuracy": sk.accuracy_score(true, predicted),
        "macro_f1": sk.f1_score(true, predicted, average="macro", labels=labels, zero_division=0),
        "balanced_accuracy": sk.balanced_accuracy_score(true, predicted),
        "mcc": sk.matthews_corrcoef(true, predicted),
        "log_loss": -np.log(np.clip(probabilities[onehot], np.finfo(float).eps, 1)).mean(),
        "brier": ((probabilities - onehot) ** 2).sum(axis=1).mean(),
    }


def assert_class_metrics(connection, run_id, true, predicted, labels) -> None:
    scores = sk.precision_recall_fscore_support(true, predicted, labels=labels, zero_division=np.nan)
    rows = connection.execute(
        "SELECT label, precision, recall, f1, support FROM class_metrics WHERE run_id = ?", [run_id]
    ).fetchall()
    assert sorted(row[0] for row in rows) == sorted(labels)
    for label, precision, recall, f1, support in rows:
        expected = {name: one[labels.index(label)] for name, one in zip("prfs", scores, strict=True)}
        assert (recall, f1, support) == pytest.approx((expected["r"], expected["f"], expected["s"]), abs=1e-9)
        if label in predicted:
            assert precision == pytest.approx(expected["p"], abs=1e-9)
        else:
            assert precision is None
