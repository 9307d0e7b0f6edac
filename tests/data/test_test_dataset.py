import pytest

from core.config import make_config
from core.data import load_data
from core.errors import RequestError

SIZES = {"train_size": 20, "validation_size": 6, "test_size": 8}


def rows(name, size=40, labels=("a", "b"), text="text", label="label"):
    return {text: [f"{name} text {n}" for n in range(size)], label: [labels[n % len(labels)] for n in range(size)]}


def load(path, test, **values):
    return load_data(make_config({"dataset": path, "test_dataset": test, **SIZES, **values}))


def test_test_split_comes_from_the_test_dataset(csv):
    data = load(csv(rows("ours")), csv(rows("theirs"), "test.csv"))
    assert {text.split()[0] for text in data.test.texts} == {"theirs"}
    assert {text.split()[0] for text in (*data.train.texts, *data.validation.texts)} == {"ours"}


def test_both_sources_are_recorded(csv):
    ours, theirs = csv(rows("ours")), csv(rows("theirs"), "test.csv")
    data = load(ours, theirs)
    assert data.source == f"file:{ours}, test file:{theirs}"
    assert ", test " in data.revision
    assert data.fingerprint != load(ours, csv(rows("theirs"), "other.csv")).fingerprint
    assert data.evaluation_fingerprint == load(ours, csv(rows("theirs"), "other.csv")).evaluation_fingerprint


def test_test_dataset_may_have_other_column_names(csv):
    data = load(csv(rows("ours")), csv(rows("theirs", text="Review", label="Topic"), "test.csv"))
    assert data.source.endswith("(columns Review, Topic)")


def test_unneeded_splits_are_excluded(csv):
    ours, theirs = rows("ours", 60), rows("theirs", 60)
    ours["split"], theirs["split"] = ["train"] * 40 + ["test"] * 20, ["train"] * 20 + ["test"] * 40
    data = load(csv(ours), csv(theirs, "test.csv"))
    assert data.excluded == {"in the split 'test'": 20, "of the test set in the split 'train'": 20}
    assert min(int(text.split()[2]) for text in data.test.texts) >= 20


def test_labels_missing_from_training_are_refused(csv):
    with pytest.raises(RequestError, match=r"lacks: c\. "):
        load(csv(rows("ours")), csv(rows("theirs", labels=("a", "b", "c")), "test.csv"))


def test_leak_between_dataset_and_test_dataset_is_detected(csv):
    data = load(csv(rows("same")), csv(rows("same"), "test.csv"))
    assert data.checks["leaked_test_examples"] > 0


def test_dataset_cannot_be_its_own_test_dataset(csv):
    path = csv(rows("ours"))
    with pytest.raises(RequestError, match="--test-dataset .* is --dataset itself"):
        load(path, path)


def test_bundled_set_can_be_the_test_set():
    data = load_data(make_config({"dataset": "movie-reviews-3", "test_dataset": "tweets-3"}))
    assert data.source == "bundled:movie-reviews-3, test bundled:tweets-3"
    assert len(data.test) == 1000


def test_missing_test_file_is_refused(csv):
    with pytest.raises(RequestError, match="does not exist"):
        load(csv(rows("ours")), "nowhere.csv")


def test_dataset_config_applies_to_the_hub_only(csv):
    with pytest.raises(RequestError, match="--dataset-config"):
        load_data(make_config({"dataset": csv(rows("ours")), "dataset_config": "en", **SIZES}))
