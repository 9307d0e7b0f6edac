"""Labels that look alike are refused or merged; several labels in one are recognized."""

import pytest

from cli.main import parse
from cli.settings import requested_values
from core.config import make_config
from core.data.sources import load_source
from tests.error_codes import raises_code


@pytest.fixture
def load(csv):
    def load(labels, **values):
        path = csv({"text": [f"text {n}" for n in range(12)], "label": (labels * 12)[:12]})
        return load_source(make_config({"dataset": path, **values}))

    return load


@pytest.mark.parametrize(
    ("labels", "pair"),
    [
        pytest.param(["neg", "pos", "neg", "Neg"], "Neg=neg", id="case"),
        pytest.param(["a", "0", "0", "0.0"], "0.0=0", id="number"),
        pytest.param(["a", "not spam", "not spam", "not_spam"], "not_spam='not spam'", id="separator"),
        pytest.param(["a", "b", "b", "b\u200b"], "=b", id="invisible"),
        pytest.param(["a", "b", "b", "\uff42"], "\uff42=b", id="full-width"),
    ],
)
def test_labels_that_look_alike_are_refused(load, labels, pair):
    with raises_code("similar_labels", "--merge-labels", pair.replace("'", "").split("=")[1]):
        load(labels)


@pytest.mark.parametrize("labels", [("A", "A+", "B", "B+"), ("C", "C#", "F", "F#")])
def test_a_separator_at_the_end_of_a_label_joins_nothing(load, labels):
    assert set(load(list(labels)).labels) == set(labels)


def test_labels_that_look_alike_are_merged(load):
    source = load(["neg", "pos", " NEG ", "Pos"], merge_labels={"NEG": "neg", "Pos": "pos"})
    assert source.labels == ("neg", "pos")
    assert source.frame["label"].value_counts().to_dict() == {"neg": 6, "pos": 6}


def test_labels_are_renamed_and_keep_the_order_of_their_names(load):
    assert load([1, 2, 3, 5], merge_labels={"1": "bad", "2": "bad", "5": "good", "3": "good"}).labels == ("bad", "good")


def test_label_to_merge_must_exist(load):
    with raises_code("unknown_label", "'Ngo'", "Did you mean 'neg'?"):
        load(["neg", "pos"], merge_labels={"Ngo": "neg"})


@pytest.mark.parametrize(
    "text", ["1: bad\n2: bad\n3: good\n5: good\n", '{"1": "bad", "2": "bad", "3": "good", "5": "good"}']
)
def test_labels_to_merge_are_read_from_a_file(load, tmp_path, text):
    (tmp_path / "labels.yaml").write_text(text)
    values = requested_values(parse(["--merge-labels", str(tmp_path / "labels.yaml")]))["merge_labels"]
    assert load([1, 2, 3, 5], merge_labels=values[0]).labels == ("bad", "good")


def test_words_for_a_missing_label_are_no_labels(load):
    source = load(["a", "b", "nan", "<NA>"])
    assert (source.labels, source.excluded_rows) == (("a", "b"), {"without label": 6})


@pytest.mark.parametrize(
    "labels", [["none", "NA", "null"], ["C", "C++", "C#"], ["A", "A-", "B"], ["a/x", "a/y", "b/x"]]
)
def test_words_and_marks_are_labels(load, labels):
    assert set(load(labels).labels) == set(labels)


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param(["['pos', 'joy']", "['pos']", "[]"], id="python-lists"),
        pytest.param(['["pos"]', '["joy"]'], id="json-lists"),
        pytest.param(["pos", "joy", "pos,joy"], id="commas"),
        pytest.param(["pos", "spam", "pos#spam", "spam#joy", "pos#joy"], id="hashes"),
    ],
)
def test_several_labels_per_text_are_recognized(load, labels):
    with raises_code("multiple_labels", "Multi-label", "'label' of"):
        load(labels)


def test_rows_that_repeat_the_header_are_left_out(tmp_path):
    part = "label,text,n\n" + "".join(f"{n % 2},text {n},1.5\n" for n in range(4))
    (tmp_path / "a.csv").write_text(part + "\ufeff" + part + part.replace("\n", "\r\n"), newline="")
    source = load_source(make_config({"dataset": str(tmp_path / "a.csv")}))
    assert (len(source.frame), source.labels, source.frame["extra"][0]) == (12, ("0", "1"), {"n": 1.5})
    assert "2 rows" in source.notes[0]
