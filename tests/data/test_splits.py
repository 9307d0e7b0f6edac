import numpy as np
import pytest

from core.config import make_config
from core.data import load_data
from core.data.source_splits import SPLIT_COLUMN
from core.data.sources import Table, make_source
from core.data.splits import draw_splits, stratified_order
from core.errors import RequestError

SIZES = {"train_size": 60, "validation_size": 20, "test_size": 20}


def reviews(**values):
    return load_data(make_config(values))


def rows(labels):
    return {"text": [f"text {i}" for i in range(len(labels))], "label": labels}


def test_test_split_is_independent_of_training_size():
    small, large = reviews(train_size=200), reviews(train_size=2000)
    assert small.test.fingerprint == large.test.fingerprint
    assert small.evaluation_fingerprint == large.evaluation_fingerprint
    assert small.validation.fingerprint == large.validation.fingerprint


def test_smaller_training_split_is_a_prefix_of_a_larger_one():
    small, large = reviews(train_size=200), reviews(train_size=2000)
    assert small.train.texts == large.train.texts[:200]


def test_splits_are_independent_of_the_seed():
    assert reviews(seed=1).fingerprint == reviews(seed=2).fingerprint


def test_smaller_test_split_is_a_subset_of_a_larger_one():
    assert set(reviews(test_size=100).test.texts) <= set(reviews(test_size=1000).test.texts)


def test_splits_are_disjoint():
    data = reviews()
    ids = [{extra["id"] for extra in part.extra} for part in data.splits.values()]
    assert sum(map(len, ids)) == len(set.union(*ids)) == 3500


def test_splits_are_stratified():
    data = reviews(dataset="movie-reviews-3")
    shares = [np.bincount(part.labels, minlength=3) / len(part) for part in data.splits.values()]
    assert np.ptp(shares, axis=0).max() < 0.002


def test_file_sorted_by_label_is_shuffled(csv):
    data = load_data(make_config({"dataset": csv(rows(["neg"] * 100 + ["pos"] * 100)), **SIZES}))
    for part in data.splits.values():
        assert 0.4 < part.labels.mean() < 0.6
        assert len(set(part.labels[:10])) == 2


def test_rare_label_is_in_every_split(csv):
    data = load_data(make_config({"dataset": csv(rows(["a"] * 197 + ["b"] * 3)), **SIZES}))
    assert all((part.labels == 1).sum() == 1 for part in data.splits.values())


def test_label_with_one_example_is_refused(csv):
    with pytest.raises(RequestError, match="Label 'b' has 1 example for train"):
        load_data(make_config({"dataset": csv(rows(["a"] * 150 + ["b"])), **SIZES}))


def test_too_large_splits_are_refused_with_fitting_sizes(csv):
    path = csv(rows(["a", "b"] * 100))
    with pytest.raises(RequestError, match="200 usable rows.*2,000 train") as error:
        load_data(make_config({"dataset": path}))
    words = str(error.value).split("For example: ")[1].split()
    sizes = {flag[2:].replace("-", "_"): value for flag, value in zip(words[::2], words[1::2], strict=True)}
    assert len(load_data(make_config({"dataset": path, **sizes})).test) == 50


def test_split_smaller_than_the_number_of_labels_is_refused(csv):
    with pytest.raises(RequestError, match="--test-size 2"):
        load_data(make_config({"dataset": csv(rows(["a", "b", "c"] * 50)), **SIZES, "test_size": 2}))


def test_splits_of_the_source_are_kept():
    import pandas as pd

    frame = pd.DataFrame(rows(["a", "b"] * 100))
    frame[SPLIT_COLUMN] = ["train"] * 150 + ["test"] * 50
    config = make_config(SIZES)
    data = draw_splits(make_source(Table("hub", "hub", "hub:hub", None, frame), config), config)
    test_numbers = {int(text.split()[1]) for text in data.test.texts}
    assert min(test_numbers) >= 150
    assert max(int(text.split()[1]) for text in (*data.train.texts, *data.validation.texts)) < 150


def test_fingerprint_distinguishes_versions(csv):
    one = load_data(make_config({"dataset": csv(rows(["a", "b"] * 100)), **SIZES}))
    changed = rows(["a", "b"] * 100)
    changed["text"][7] = "another text"
    other = load_data(make_config({"dataset": csv(changed), **SIZES}))
    assert one.fingerprint != other.fingerprint


def test_label_names_are_part_of_the_evaluation_fingerprint(csv):
    one = load_data(make_config({"dataset": csv(rows(["a", "b"] * 100)), **SIZES}))
    other = load_data(make_config({"dataset": csv(rows(["a", "c"] * 100)), **SIZES}))
    assert one.test.fingerprint == other.test.fingerprint
    assert one.evaluation_fingerprint != other.evaluation_fingerprint


def test_every_prefix_of_the_order_is_stratified():
    codes = np.array([0] * 900 + [1] * 100)
    order = stratified_order(codes, np.random.default_rng(0))
    assert sorted(order) == list(range(1000))
    for size in (10, 50, 200, 500):
        assert abs((codes[order[:size]] == 1).sum() - size / 10) <= 2


def test_examples_are_left_for_later_splits():
    codes = np.array([0] * 10 + [1] * 3)
    order = stratified_order(codes, np.random.default_rng(0), leave=2)
    assert np.bincount(codes[order]).tolist() == [8, 1]


def test_checks_count_duplicates_and_leaks(csv):
    texts = ["Same  text", "same text"] * 50 + [f"text {i}" for i in range(100)]
    data = load_data(make_config({"dataset": csv({"text": texts, "label": ["a", "b"] * 100}), **SIZES}))
    assert data.checks["leaked_test_examples"] > 0
    assert data.checks["duplicates"]["train"] > 0
