"""Labels have the same names in every format, in a natural order; other values are refused."""

import json

import pandas as pd
import pytest

from core.config import make_config
from core.data import load_data
from core.data.labels import name_labels, normalize_label
from core.data.sources import load_source
from tests.error_codes import raises_code

SIZES = {"train_size": 300, "validation_size": 160, "test_size": 160}


def labels_of(path):
    return load_source(make_config({"dataset": str(path)})).labels


def write(folder, values, suffix):
    path = folder / f"a{suffix}"
    rows = [{"text": f"text {n}", "label": value} for n, value in enumerate(values)]
    if suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    elif suffix == ".parquet":
        pd.DataFrame(rows).to_parquet(path)
    else:
        pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize(
    ("values", "names"),
    [
        pytest.param([True, False, True, None], ("false", "true"), id="booleans"),
        pytest.param([0.0, 1.0, 1.0, None], ("0", "1"), id="floats"),
    ],
)
def test_labels_have_the_same_names_in_every_format(tmp_path, suffix, values, names):
    assert labels_of(write(tmp_path, values, suffix)) == names


@pytest.mark.parametrize(
    ("values", "names"),
    [
        pytest.param(["True", "FALSE", "true", "false", "true"], ("false", "true"), id="boolean-words"),
        pytest.param([-1, 10, 2, 2, 10], ("-1", "2", "10"), id="integers"),
        pytest.param([" b", "a ", "a", "b", "b"], ("a", "b"), id="spaces"),
        pytest.param(["café", "cafe\u0301", "tea", "tea"], ("café", "tea"), id="composed-accents"),
        pytest.param(
            ["level 10", "level 2", "level 1", "level 2", "level 1"],
            ("level 1", "level 2", "level 10"),
            id="words-with-numbers",
        ),
    ],
)
def test_labels_have_one_spelling_and_a_natural_order(values, names):
    assert name_labels(pd.Series(values), "my.csv")[1] == names


@pytest.mark.parametrize(
    ("value", "name"),
    [(0.0, "0"), (True, "true"), (2.5, "2.5"), (float("inf"), "inf"), (" a b ", "a b")],
)
def test_label_is_normalized(value, name):
    assert normalize_label(value) == name


@pytest.mark.parametrize(
    ("ordered", "names"), [(True, ("low", "high")), (False, ("high", "low"))], ids=["ordered", "unordered"]
)
def test_ordered_category_keeps_its_order(tmp_path, ordered, names):
    column = pd.Categorical(["high", "low", "low", None], categories=["low", "high", "unused"], ordered=ordered)
    pd.DataFrame({"text": list("wxyz"), "label": column}).to_parquet(tmp_path / "a.parquet")
    assert labels_of(tmp_path / "a.parquet") == names


def test_category_without_others_is_a_label():
    assert name_labels(pd.Series(["a", "a"], dtype="category"), "my.csv").labels == ("a",)


@pytest.mark.parametrize(
    ("values", "code", "fact"),
    [
        pytest.param([["a", "b"], ["a"], ["b"]], "not_a_label", "['a', 'b']", id="lists"),
        pytest.param([b"a", b"b", b"a"], "not_a_label", "b'a'", id="bytes"),
        pytest.param([1.0, 0.5, 1.0, 0.5], "scores_as_labels", "0.5", id="scores"),
        pytest.param(["a", "b" * 201, "a"], "label_too_long", "201", id="long-texts"),
        pytest.param([f"id {n}" for n in range(20)], "too_many_labels", "20", id="ids"),
        pytest.param([f"topic {n % 151}" for n in range(906)], "too_many_labels", "151", id="151-labels"),
    ],
)
def test_values_that_are_not_labels_are_refused(values, code, fact):
    with raises_code(code, "'kind' of my.csv", fact, "--label-column"):
        name_labels(pd.Series(values, name="kind"), "my.csv")


def test_label_of_200_characters_is_accepted():
    assert name_labels(pd.Series(["a", "b" * 200, "a"]), "my.csv")[1] == ("a", "b" * 200)


def test_150_labels_are_accepted_and_in_every_split(tmp_path):
    data = load_data(make_config({"dataset": str(write(tmp_path, [n % 150 for n in range(900)], ".csv")), **SIZES}))
    assert len(data.labels) == 150
    assert all(len(set(split.labels)) == 150 for split in data.splits.values())
