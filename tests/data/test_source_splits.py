import json

import pytest

from core.config import make_config
from core.data import load_data
from core.errors import RequestError

SIZES = {"train_size": 20, "validation_size": 6, "test_size": 8}


def rows(**sizes):
    names = [name for name, size in sizes.items() for _ in range(size)]
    texts = [f"{name} text {n}" for n, name in enumerate(names)]
    return {"text": texts, "label": ["a", "b"] * (len(names) // 2), "split": names}


def load(path, **values):
    return load_data(make_config({"dataset": path, **SIZES, **values}))


def drawn_from(data):
    return {name: {text.split()[0] for text in part.texts} for name, part in data.splits.items()}


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(("train", "validation", "test"), id="train-validation-test"),
        pytest.param(("Training", "DEV", "Testing"), id="training-dev-testing"),
        pytest.param(("train", "val", "eval"), id="train-val-eval"),
        pytest.param(("train", "eval", "test"), id="train-eval-test"),
    ],
)
def test_split_column_with_common_names_is_detected(csv, names):
    data = load(csv(rows(**dict.fromkeys(names, 40))))
    assert drawn_from(data) == {name: {own} for name, own in zip(("train", "validation", "test"), names, strict=True)}
    assert "split" not in data.train.extra[0]


def test_split_column_with_other_values_is_an_ordinary_column(csv):
    data = load(csv(rows(left=50, right=50)))
    assert drawn_from(data)["train"] == {"left", "right"}
    assert "split" in data.train.extra[0]


def test_missing_validation_split_is_drawn_from_training(csv):
    assert drawn_from(load(csv(rows(train=60, test=20)))) == {
        "train": {"train"},
        "validation": {"train"},
        "test": {"test"},
    }


def test_single_split_is_divided(csv):
    assert drawn_from(load(csv(rows(test=60)))) == {key: {"test"} for key in ("train", "validation", "test")}


def test_other_split_names_are_mapped_and_the_rest_is_excluded(csv):
    given = rows(a=60, holdout=20, spare=10)
    given["fold"] = given.pop("split")
    data = load(csv(given), split_column="fold", splits={"train": "a", "test": "holdout"})
    assert drawn_from(data) == {"train": {"a"}, "validation": {"a"}, "test": {"holdout"}}
    assert data.excluded == {"in the split 'spare'": 10}


def test_requested_split_overrides_the_common_name(csv):
    data = load(csv(rows(train=60, validation=20, test=20)), splits={"test": "validation"})
    assert drawn_from(data) == {"train": {"train"}, "validation": {"train"}, "test": {"validation"}}
    assert data.excluded == {"in the split 'test'": 20}


def test_split_names_may_be_numbers(csv):
    given = rows(zero=60, one=20)
    given["fold"] = [0] * 60 + [1] * 20
    data = load(csv(given), split_column="fold", splits={"train": "0", "test": "1"})
    assert drawn_from(data)["test"] == {"one"}


def test_rows_without_a_split_are_excluded(csv):
    given = rows(train=60, test=20)
    given["split"][:2] = [None, None]
    assert load(csv(given), split_column="split").excluded == {"without a split": 2}


def test_unlabeled_split_is_excluded_and_test_is_drawn_from_the_rest(csv):
    given = rows(train=60, validation=20, test=10)
    given["label"][80:] = [None] * 10
    data = load(csv(given))
    assert drawn_from(data) == {"train": {"train"}, "validation": {"validation"}, "test": {"train"}}
    assert data.excluded == {"in the split 'test', which has no labels": 10}
    with pytest.raises(RequestError, match="--splits test=test: no row of this split .* has a label"):
        load(csv(given), splits={"test": "test"})


def test_misspelled_split_is_refused_with_the_splits(csv):
    with pytest.raises(RequestError, match="no such split. .*Did you mean 'test'"):
        load(csv(rows(train=60, test=20)), splits={"test": "tset"})


def test_misspelled_split_column_is_refused_with_the_columns(csv):
    with pytest.raises(
        RequestError, match="--split-column 'splt' is not in .*text, label, split. Did you mean 'split'"
    ):
        load(csv(rows(train=60, test=20)), split_column="splt")


def test_split_column_without_common_names_needs_a_mapping(csv):
    with pytest.raises(RequestError, match="Splits: a, b"):
        load(csv(rows(a=60, b=20)), split_column="split")


def test_requested_splits_of_a_source_without_splits_are_refused(csv):
    given = rows(x=80)
    del given["split"]
    with pytest.raises(RequestError, match="--split-column"):
        load(csv(given), splits={"test": "holdout"})


@pytest.mark.parametrize(
    "sizes",
    [{"train": 60, "test": 10}, {"train": 30, "validation": 4, "test": 9}, {"all": 11}],
    ids=["two-splits", "three-splits", "one-split"],
)
def test_suggested_sizes_fit(csv, sizes):
    given = rows(**{name: size - size % 2 for name, size in sizes.items()})
    with pytest.raises(RequestError, match="usable rows for") as error:
        load_data(make_config({"dataset": csv(given)}))
    words = str(error.value).split("For example: ")[1].split()
    suggested = {flag[2:].replace("-", "_"): value for flag, value in zip(words[::2], words[1::2], strict=True)}
    data = load_data(make_config({"dataset": csv(given), **suggested}))
    assert all(len(part) == int(suggested[f"{name}_size"]) for name, part in data.splits.items())


def test_split_column_of_lists_is_an_ordinary_column(tmp_path):
    lines = [json.dumps({"text": f"text {n}", "label": n % 2, "split": ["train"]}) for n in range(60)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    assert "split" in load(str(tmp_path / "a.jsonl")).train.extra[0]


def test_split_column_without_training_split_is_refused_with_its_values(csv):
    path = csv(rows(a=60, val=20, holdout=40))
    with pytest.raises(RequestError, match=r"holdout.* --splits train="):
        load(path, split_column="split")
    data = load(path, split_column="split", splits={"train": "a", "test": "holdout"})
    assert drawn_from(data) == {"train": {"a"}, "validation": {"val"}, "test": {"holdout"}}
