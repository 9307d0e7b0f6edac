import json

import pandas as pd
import pytest

from core.config import make_config
from core.data import load_data
from core.data.sources import load_source
from core.errors import RequestError

SIZES = {"train_size": 300, "validation_size": 160, "test_size": 160}


def labels_of(path):
    return load_source(make_config({"dataset": str(path)})).labels


def write(folder, values, ending):
    path = folder / f"a{ending}"
    rows = [{"text": f"text {n}", "label": value} for n, value in enumerate(values)]
    if ending == ".jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    elif ending == ".parquet":
        pd.DataFrame(rows).to_parquet(path)
    else:
        pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize(
    ("values", "names"),
    [
        pytest.param([True, False, True, None], ("false", "true"), id="booleans"),
        pytest.param(["True", "FALSE", "true", "false"], ("false", "true"), id="boolean-words"),
        pytest.param([0.0, 1.0, 1.0, None], ("0", "1"), id="whole-decimals"),
        pytest.param([-1, 10, 2, 2], ("-1", "2", "10"), id="integers"),
        pytest.param([" b", "a ", "a", "b"], ("a", "b"), id="spaces"),
    ],
)
def test_labels_have_one_spelling_in_every_format(tmp_path, ending, values, names):
    assert labels_of(write(tmp_path, values, ending)) == names


@pytest.mark.parametrize(
    ("ordered", "names"), [(True, ("low", "high")), (False, ("high", "low"))], ids=["ordered", "unordered"]
)
def test_ordered_category_keeps_its_order(tmp_path, ordered, names):
    column = pd.Categorical(["high", "low", "low", None], categories=["low", "high", "unused"], ordered=ordered)
    pd.DataFrame({"text": list("wxyz"), "label": column}).to_parquet(tmp_path / "a.parquet")
    assert labels_of(tmp_path / "a.parquet") == names


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_lists_of_labels_are_refused(tmp_path, ending):
    with pytest.raises(RequestError, match="lists, objects or bytes"):
        labels_of(write(tmp_path, [["a", "b"], ["a"], ["b"]], ending))


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_scores_are_refused(tmp_path, ending):
    with pytest.raises(RequestError, match="holds numbers such as 0.5: scores, not labels"):
        labels_of(write(tmp_path, [1.0, 0.5, 1.0, 0.5], ending))


def test_as_many_labels_as_rows_are_refused(tmp_path):
    with pytest.raises(RequestError, match=r"as many labels as rows \(20\), like an id"):
        labels_of(write(tmp_path, [f"id {n}" for n in range(20)], ".csv"))


def test_more_than_150_labels_are_refused_and_150_are_split(tmp_path):
    with pytest.raises(RequestError, match="151 different labels in 906 rows; the maximum is 150"):
        labels_of(write(tmp_path, [f"topic {n % 151}" for n in range(906)], ".csv"))
    data = load_data(make_config({"dataset": str(write(tmp_path, [n % 150 for n in range(900)], ".csv")), **SIZES}))
    assert len(data.labels) == 150
    assert all(len(set(part.labels)) == 150 for part in data.splits.values())
