"""Splits are stratified, disjoint, and independent of the seed and of each other's sizes."""

import numpy as np
import pandas as pd
import pytest

from core.config import make_config
from core.data import load_data
from core.data.source_splits import SPLIT_COLUMN
from core.data.sources import make_source
from core.data.splits import draw_splits, stratified_order
from core.data.tables import Table
from tests.error_codes import raises_code

SIZES = {"train_size": 60, "validation_size": 20, "test_size": 20}


def load_reviews(**values):
    return load_data(make_config(values))


def load_csv(path, **values):
    return load_data(make_config({"dataset": path, **SIZES, **values}))


def make_rows(labels):
    return {"text": [f"text {i}" for i in range(len(labels))], "label": labels}


@pytest.fixture(scope="module")
def small():
    return load_reviews(train_size=200)


@pytest.fixture(scope="module")
def large():
    return load_reviews(train_size=2000)


def test_test_split_is_independent_of_training_size(small, large):
    assert small.test.fingerprint == large.test.fingerprint
    assert small.evaluation_fingerprint == large.evaluation_fingerprint
    assert small.validation.fingerprint == large.validation.fingerprint


def test_smaller_training_split_is_a_prefix_of_a_larger_one(small, large):
    assert small.train.texts == large.train.texts[:200]


def test_splits_are_independent_of_the_seed():
    assert load_reviews(seed=1).fingerprint == load_reviews(seed=2).fingerprint


def test_smaller_test_split_is_a_subset_of_a_larger_one(large):
    assert set(load_reviews(test_size=100).test.texts) <= set(large.test.texts)


def test_splits_are_disjoint(large):
    ids = [{extra["id"] for extra in split.extra} for split in large.splits.values()]
    assert sum(map(len, ids)) == len(set.union(*ids)) == 3500


def test_splits_are_stratified():
    data = load_reviews(dataset="movie-reviews-3")
    shares = [np.bincount(split.labels, minlength=3) / len(split) for split in data.splits.values()]
    assert np.ptp(shares, axis=0).max() < 0.002


def test_file_sorted_by_label_is_shuffled(csv):
    data = load_csv(csv(make_rows(["neg"] * 100 + ["pos"] * 100)))
    for split in data.splits.values():
        assert 0.4 < split.labels.mean() < 0.6
        assert len(set(split.labels[:10])) == 2


def test_rare_label_is_in_every_split(csv):
    data = load_csv(csv(make_rows(["a"] * 197 + ["b"] * 3)))
    assert all((split.labels == 1).sum() == 1 for split in data.splits.values())


def test_label_with_fewer_examples_than_splits_is_refused(csv):
    with raises_code("rare_label", "'b'", "1 example ", "at least 3", "--label-column"):
        load_csv(csv(make_rows(["a"] * 150 + ["b"])))


def test_sizes_beyond_the_data_are_refused(csv):
    with raises_code("too_few_rows", "200", "2,000 train", "--test-size 50"):
        load_csv(csv(make_rows(["a", "b"] * 100)), train_size=2000)


def test_split_smaller_than_the_number_of_labels_is_refused(csv):
    with raises_code("size_below_labels", "--test-size 2", "3"):
        load_csv(csv(make_rows(["a", "b", "c"] * 50)), test_size=2)


def test_splits_of_the_source_are_kept():
    frame = pd.DataFrame(make_rows(["a", "b"] * 100))
    frame[SPLIT_COLUMN] = ["train"] * 150 + ["test"] * 50
    config = make_config(SIZES)
    data = draw_splits(make_source(Table("hub", "hub", "hub:hub", None, frame), config), config)
    assert min(int(text.split()[1]) for text in data.test.texts) >= 150
    assert max(int(text.split()[1]) for text in (*data.train.texts, *data.validation.texts)) < 150


def test_fingerprint_depends_on_the_texts(csv):
    original = load_csv(csv(make_rows(["a", "b"] * 100)))
    changed = make_rows(["a", "b"] * 100)
    changed["text"][7] = "another text"
    assert load_csv(csv(changed)).fingerprint != original.fingerprint


def test_evaluation_fingerprint_depends_on_the_label_names(csv):
    data = load_csv(csv(make_rows(["a", "b"] * 100)))
    renamed = load_csv(csv(make_rows(["a", "c"] * 100)))
    assert data.test.fingerprint == renamed.test.fingerprint
    assert data.evaluation_fingerprint != renamed.evaluation_fingerprint


def test_every_prefix_of_the_order_is_stratified():
    codes = np.array([0] * 900 + [1] * 100)
    order = stratified_order(codes, np.random.default_rng(0))
    assert sorted(order) == list(range(1000))
    for size in (10, 50, 200, 500):
        assert abs((codes[order[:size]] == 1).sum() - size / 10) <= 2


def test_examples_are_reserved_for_later_splits():
    codes = np.array([0] * 10 + [1] * 3)
    order = stratified_order(codes, np.random.default_rng(0), reserve=2)
    assert np.bincount(codes[order]).tolist() == [8, 1]


def test_checks_cover_the_drawn_splits(csv):
    texts = ["Same  text", "same text"] * 50 + [f"text {i}" for i in range(100)]
    data = load_csv(csv({"text": texts, "label": ["a", "b"] * 100}))
    assert data.checks["leaked_test_examples"] > 0
    assert data.checks["duplicates"]["train"] > 0
