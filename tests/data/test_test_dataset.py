"""The test and the validation split can come from other data sets."""

import pytest

from core.config import make_config
from core.data import load_data
from tests.error_codes import raises_code

SIZES = {"train_size": 20, "validation_size": 6, "test_size": 8}


def make_rows(name, size=40, labels=("a", "b"), text="text", label="label"):
    return {text: [f"{name} text {n}" for n in range(size)], label: [labels[n % len(labels)] for n in range(size)]}


@pytest.fixture
def main(csv):
    return csv(make_rows("main"))


def load(path, test, **values):
    return load_data(make_config({"dataset": path, "test_dataset": test, **SIZES, **values}))


def test_test_split_comes_from_the_test_data_set_only(csv, main):
    data = load(main, csv(make_rows("test"), "test.csv"))
    assert {text.split()[0] for text in data.test.texts} == {"test"}
    assert {text.split()[0] for text in (*data.train.texts, *data.validation.texts)} == {"main"}


def test_source_and_revision_name_both_data_sets(csv, main):
    test = csv(make_rows("test"), "test.csv")
    data = load(main, test)
    assert data.source == f"file:{main}, test file:{test}"
    assert ", test " in data.revision


def test_fingerprint_depends_on_the_source_but_the_evaluation_fingerprint_does_not(csv, main):
    data = load(main, csv(make_rows("test"), "test.csv"))
    copied = load(main, csv(make_rows("test"), "other.csv"))
    assert data.fingerprint != copied.fingerprint
    assert data.evaluation_fingerprint == copied.evaluation_fingerprint


def test_columns_can_have_other_names(csv, main):
    data = load(main, csv(make_rows("test", text="Review", label="Topic"), "test.csv"))
    assert data.source.endswith("(columns Review, Topic)")


def test_unneeded_splits_of_both_are_excluded(csv):
    main, test = make_rows("main", 60), make_rows("test", 60)
    main["split"], test["split"] = ["train"] * 40 + ["test"] * 20, ["train"] * 20 + ["test"] * 40
    data = load(csv(main), csv(test, "test.csv"))
    assert data.excluded_rows == {"in the split 'test'": 20, "of the test set in the split 'train'": 20}
    assert min(int(text.split()[2]) for text in data.test.texts) >= 20


def test_labels_without_training_examples_are_refused(csv, main):
    with raises_code("unknown_labels", "lacks: c.", "a, b"):
        load(main, csv(make_rows("test", labels=("a", "b", "c")), "test.csv"))


def test_leaks_between_the_data_sets_are_found(csv, main):
    assert load(main, csv(make_rows("main"), "test.csv")).checks["leaked_test_examples"] > 0


def test_data_set_cannot_be_its_own_test_set(main):
    with raises_code("same_dataset", main):
        load(main, main)


def test_folder_cannot_be_its_own_test_set(csv, main, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path.parent)
    with raises_code("same_dataset", "--test-dataset", f"./{tmp_path.name}"):
        load(tmp_path.name, f"./{tmp_path.name}")


def test_validation_and_test_data_set_must_differ(csv, main):
    held_out = csv(make_rows("held-out"), "held-out.csv")
    with raises_code("same_dataset", "--validation-dataset", held_out):
        load(main, held_out, validation_dataset=held_out)


def test_bundled_data_can_be_the_test_set():
    data = load_data(make_config({"dataset": "movie-reviews-3", "test_dataset": "tweets-3"}))
    assert data.source == "bundled:movie-reviews-3, test bundled:tweets-3"
    assert len(data.test) == 1000


def test_validation_split_comes_from_the_validation_data_set_only(csv, main):
    validation = csv(make_rows("validation"), "validation.csv")
    data = load(main, csv(make_rows("test"), "test.csv"), validation_dataset=validation)
    origins = {name: {text.split()[0] for text in split.texts} for name, split in data.splits.items()}
    assert origins == {"train": {"main"}, "validation": {"validation"}, "test": {"test"}}
    without_test = load(main, None, validation_dataset=validation)
    assert {text.split()[0] for text in without_test.test.texts} == {"main"}
    assert without_test.source == f"file:{main}, validation file:{validation}"


def test_missing_test_file_is_refused(main):
    with raises_code("no_file", "nowhere.csv"):
        load(main, "nowhere.csv")


def test_configuration_is_refused_for_a_file(main):
    with raises_code("not_from_hub", "--dataset-config"):
        load_data(make_config({"dataset": main, "dataset_config": "en", **SIZES}))
