"""What a user should know about the data is said before training, in a few lines."""

import re

import pytest

from core.config import make_config
from core.data import load_data
from core.data.warnings import describe_dataset

SIZES = {"train_size": 40, "validation_size": 10, "test_size": 10}
TEXTS = [f"a rather long sentence, number {n * 7919}" for n in range(100)]
LABELS = ["a", "b"] * 50


def describe(path, **values):
    return describe_dataset(load_data(make_config({"dataset": path, **SIZES, **values})))


def test_splits_and_columns_are_stated(csv):
    path = csv({"Title": TEXTS, "Review Text": TEXTS, "Rating": LABELS})
    splits, columns, *_ = describe(path)
    assert {"40", "10", "60", "100"} <= set(re.findall(r"\d+", splits))
    assert "'Review Text', label 'Rating'" in columns
    assert "Title" in columns and "--text-column" in columns


def test_named_column_is_stated(csv):
    assert (
        "text 'Title'"
        in describe(csv({"Title": TEXTS, "Review Text": TEXTS, "y": LABELS}), text_column="Title", label_column="y")[1]
    )


@pytest.mark.parametrize(
    ("rows", "fact"),
    [
        pytest.param(
            {"text": [text for text in TEXTS[:50] for _ in "ab"], "label": ["a"] * 50 + ["b"] * 50},
            "inflated",
            id="leaks",
        ),
        pytest.param({"text": [*TEXTS[:98], "", ""], "label": LABELS}, "2 without text", id="rows-without-text"),
        pytest.param({"text": TEXTS, "label": ["a", "b"] * 47 + ["c"] * 6}, "c (", id="rare-label"),
        pytest.param({"text": ["the same"] * 100, "label": LABELS}, "several labels", id="conflicts"),
    ],
)
def test_warnings_are_stated(csv, rows, fact):
    assert any(fact in sentence for sentence in describe(csv(rows))[2:])


def test_data_without_faults_has_no_warnings(csv):
    texts = [f"{n**5} {n * 12345678901} {n**7}" + " film" for n in range(1, 101)]
    assert len(describe(csv({"text": texts, "label": LABELS}))) == 2
