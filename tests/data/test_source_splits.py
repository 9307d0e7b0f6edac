"""Splits are drawn from those that the source defines."""

import json

import pytest

from core.config import make_config
from core.data import load_data
from tests.error_codes import raises_code

SIZES = {"train_size": 20, "validation_size": 6, "test_size": 8}


def make_rows(**sizes):
    """Return labeled texts that name their split, with the column 'split'."""
    names = [name for name, size in sizes.items() for _ in range(size)]
    texts = [f"{name} text {n}" for n, name in enumerate(names)]
    return {"text": texts, "label": ["a", "b"] * (len(names) // 2), "split": names}


def load(path, **values):
    return load_data(make_config({"dataset": path, **SIZES, **values}))


def source_splits_of(data):
    return {name: {text.split()[0] for text in split.texts} for name, split in data.splits.items()}


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(("train", "validation", "test"), id="train-validation-test"),
        pytest.param(("Training", "DEV", "Testing"), id="training-dev-testing"),
        pytest.param(("train", "val", "eval"), id="train-val-eval"),
        pytest.param(("train", "eval", "test"), id="train-eval-test"),
    ],
)
def test_split_column_with_common_names_is_used(csv, names):
    data = load(csv(make_rows(**dict.fromkeys(names, 40))))
    assert source_splits_of(data) == {
        split: {name} for split, name in zip(("train", "validation", "test"), names, strict=True)
    }
    assert "split" not in data.train.extra[0]


def test_split_column_with_other_values_is_an_extra_column(csv):
    data = load(csv(make_rows(left=50, right=50)))
    assert source_splits_of(data)["train"] == {"left", "right"}
    assert "split" in data.train.extra[0]


def test_split_column_of_lists_is_an_extra_column(tmp_path):
    lines = [json.dumps({"text": f"text {n}", "label": n % 2, "split": ["train"]}) for n in range(60)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    assert "split" in load(str(tmp_path / "a.jsonl")).train.extra[0]


def test_missing_validation_split_is_drawn_from_training(csv):
    data = load(csv(make_rows(train=60, test=20)))
    assert source_splits_of(data) == {"train": {"train"}, "validation": {"train"}, "test": {"test"}}


def test_single_split_is_divided(csv):
    data = load(csv(make_rows(test=60)))
    assert source_splits_of(data) == {"train": {"test"}, "validation": {"test"}, "test": {"test"}}


def test_splits_can_be_assigned_by_name_and_others_are_excluded(csv):
    rows = make_rows(a=60, holdout=20, spare=10)
    rows["fold"] = rows.pop("split")
    data = load(csv(rows), split_column="fold", splits={"train": "a", "test": "holdout"})
    assert source_splits_of(data) == {"train": {"a"}, "validation": {"a"}, "test": {"holdout"}}
    assert data.excluded_rows == {"in the split 'spare'": 10}


def test_requested_split_precedes_one_with_a_common_name(csv):
    data = load(csv(make_rows(train=60, validation=20, test=20)), splits={"test": "validation"})
    assert source_splits_of(data) == {"train": {"train"}, "validation": {"train"}, "test": {"validation"}}
    assert data.excluded_rows == {"in the split 'test'": 20}


def test_splits_can_be_named_by_numbers(csv):
    rows = make_rows(zero=60, one=20)
    rows["fold"] = [0] * 60 + [1] * 20
    data = load(csv(rows), split_column="fold", splits={"train": "0", "test": "1"})
    assert source_splits_of(data)["test"] == {"one"}


def test_rows_without_split_are_excluded(csv):
    rows = make_rows(train=60, test=20)
    rows["split"][:2] = [None, None]
    assert load(csv(rows), split_column="split").excluded_rows == {"without a split": 2}


def test_split_without_labels_is_excluded_and_the_test_split_drawn_from_training(csv):
    rows = make_rows(train=60, validation=20, test=10)
    rows["label"][80:] = [None] * 10
    data = load(csv(rows))
    assert source_splits_of(data) == {"train": {"train"}, "validation": {"validation"}, "test": {"train"}}
    assert data.excluded_rows == {"in the split 'test', which has no labels": 10}
    with raises_code("unlabeled_split", "test=test"):
        load(csv(rows), splits={"test": "test"})


@pytest.mark.parametrize(
    ("sizes", "settings", "code", "facts"),
    [
        pytest.param(
            {"train": 60, "test": 20},
            {"splits": {"test": "tset"}},
            "unknown_split",
            ("train, test", "Did you mean 'test'?"),
            id="unknown-split",
        ),
        pytest.param(
            {"train": 60, "test": 20},
            {"split_column": "splt"},
            "unknown_column",
            ("--split-column 'splt'", "Did you mean 'split'?"),
            id="unknown-column",
        ),
        pytest.param(
            {"a": 60, "b": 20},
            {"split_column": "split"},
            "ambiguous_splits",
            ("a, b", "--splits"),
            id="other-names",
        ),
        pytest.param(
            {"a": 60, "val": 20, "holdout": 40},
            {"split_column": "split"},
            "ambiguous_splits",
            ("holdout", "--splits train="),
            id="no-training-split",
        ),
    ],
)
def test_splits_that_cannot_be_assigned_are_refused(csv, sizes, settings, code, facts):
    with raises_code(code, *facts):
        load(csv(make_rows(**sizes)), **settings)


def test_remaining_splits_are_assigned_by_common_names(csv):
    path = csv(make_rows(a=60, val=20, holdout=40))
    data = load(path, split_column="split", splits={"train": "a", "test": "holdout"})
    assert source_splits_of(data) == {"train": {"a"}, "validation": {"val"}, "test": {"holdout"}}


def test_requested_splits_of_a_source_without_splits_are_refused(csv):
    rows = make_rows(x=80)
    del rows["split"]
    with raises_code("no_splits", "test=holdout", "--split-column"):
        load(csv(rows), splits={"test": "holdout"})
