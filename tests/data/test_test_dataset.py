import pytest

from core.config import make_config
from core.data import load_data
from core.errors import RequestError

SIZES = {"train_size": 20, "validation_size": 6, "test_size": 8}


def rows(name, size=40, labels=("a", "b"), text="text", label="label"):
    return {text: [f"{name} text {n}" for n in range(size)], label: [labels[n % len(labels)] for n in range(size)]}


def load(path, test, **values):
    return load_data(make_config({"dataset": path, "test_dataset": test, **SIZES, **values}))


def test_the_test_split_comes_from_the_test_data_set_alone(csv):
    data = load(csv(rows("ours")), csv(rows("theirs"), "test.csv"))
    assert {text.split()[0] for text in data.test.texts} == {"theirs"}
    assert {text.split()[0] for text in (*data.train.texts, *data.validation.texts)} == {"ours"}


def test_both_sources_stand_in_the_record(csv):
    ours, theirs = csv(rows("ours")), csv(rows("theirs"), "test.csv")
    data = load(ours, theirs)
    assert data.source == f"file:{ours}, test file:{theirs}"
    assert ", test " in data.revision
    assert data.fingerprint != load(ours, csv(rows("theirs"), "other.csv")).fingerprint
    assert data.evaluation_fingerprint == load(ours, csv(rows("theirs"), "other.csv")).evaluation_fingerprint


def test_its_columns_may_have_other_names(csv):
    data = load(csv(rows("ours")), csv(rows("theirs", text="Review", label="Topic"), "test.csv"))
    assert data.source.endswith("(columns Review, Topic)")


def test_the_splits_that_neither_needs_are_left_out(csv):
    ours, theirs = rows("ours", 60), rows("theirs", 60)
    ours["split"], theirs["split"] = ["train"] * 40 + ["test"] * 20, ["train"] * 20 + ["test"] * 40
    data = load(csv(ours), csv(theirs, "test.csv"))
    assert data.left_out == {"in the split 'test'": 20, "of the test set in the split 'train'": 20}
    assert min(int(text.split()[2]) for text in data.test.texts) >= 20


def test_labels_that_training_lacks_are_refused_by_name(csv):
    with pytest.raises(RequestError, match=r"has labels that .* lacks: c\. It has: a, b"):
        load(csv(rows("ours")), csv(rows("theirs", labels=("a", "b", "c")), "test.csv"))


def test_a_leak_between_the_two_is_found(csv):
    data = load(csv(rows("same")), csv(rows("same"), "test.csv"))
    assert data.checks["leaked_test_examples"] > 0


def test_a_data_set_is_not_its_own_test_set(csv):
    path = csv(rows("ours"))
    with pytest.raises(RequestError, match="would be trained on and tested"):
        load(path, path)


def test_a_bundled_set_can_be_the_test_set():
    data = load_data(make_config({"dataset": "movie-reviews-3", "test_dataset": "tweets-3"}))
    assert data.source == "bundled:movie-reviews-3, test bundled:tweets-3"
    assert len(data.test) == 1000


def test_a_missing_test_file_is_told(csv):
    with pytest.raises(RequestError, match="There is no file"):
        load(csv(rows("ours")), "nowhere.csv")


def test_a_configuration_is_for_the_hub(csv):
    with pytest.raises(RequestError, match="--dataset-config is for data sets of the Hub"):
        load_data(make_config({"dataset": csv(rows("ours")), "dataset_config": "en", **SIZES}))
