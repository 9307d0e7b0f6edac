"""The sizes of splits fit the source unless numbers are requested."""

import numpy as np
import pytest

from core.config import make_config
from core.data import load_data
from core.data.sources import SPLITS
from core.errors import RequestError
from tests.error_codes import raises_code


def make_rows(labels=2, **splits):
    """Return labeled texts of a number of labels, with the column 'split'."""
    names = [name for name, size in splits.items() for _ in range(size)]
    return {
        "text": [f"text {n}" for n in range(len(names))],
        "label": [f"label {n % labels}" for n in range(len(names))],
        "split": names,
    }


def load(path, **values):
    return load_data(make_config({"dataset": path, **values}))


def sizes_of(data):
    return tuple(len(split) for split in data.splits.values())


@pytest.mark.parametrize(
    ("splits", "sizes"),
    [
        pytest.param({"all": 5000}, (2000, 500, 1000), id="enough-rows"),
        pytest.param({"all": 1000}, (600, 150, 250), id="one-pool"),
        pytest.param({"all": 100}, (50, 25, 25), id="few-rows"),
        pytest.param({"train": 400, "test": 60}, (320, 80, 60), id="source-has-a-test-split"),
        pytest.param({"train": 400, "validation": 30, "test": 3000}, (400, 30, 1000), id="source-has-all-splits"),
    ],
)
def test_sizes_follow_from_the_number_of_rows(csv, splits, sizes):
    assert sizes_of(load(csv(make_rows(**splits)))) == sizes


@pytest.mark.parametrize(("labels", "rows"), [(2, 6), (2, 16), (3, 24), (3, 9), (20, 61), (150, 450)])
def test_every_label_is_in_every_split_of_small_data(csv, labels, rows):
    data = load(csv(make_rows(labels, all=rows)))
    assert sum(sizes_of(data)) == rows
    assert all(len(np.unique(split.labels)) == labels for split in data.splits.values())
    assert len(data.validation) + len(data.test) >= 0.3 * rows


def test_runs_with_several_training_sizes_share_validation_and_test_examples(csv):
    path = csv(make_rows(all=300))
    smaller, larger = (load(path, train_size=size) for size in (50, 100))
    assert smaller.evaluation_fingerprint == larger.evaluation_fingerprint
    assert smaller.validation.fingerprint == larger.validation.fingerprint
    assert sizes_of(larger) == (100, 45, 75)


def test_requested_sizes_leave_the_rest_to_the_other_splits(csv):
    path = csv(make_rows(all=300))
    assert sizes_of(load(path, train_size=280)) == (280, 10, 10)
    assert sizes_of(load(path, test_size=200)) == (55, 45, 200)


@pytest.mark.parametrize(
    ("splits", "requested"),
    [
        ({"all": 60}, {"train_size": 60}),
        ({"train": 60, "test": 10}, {"test_size": 20}),
        ({"train": 30, "validation": 4, "test": 8}, {"train_size": 2000, "validation_size": 500, "test_size": 1000}),
    ],
    ids=["one-pool", "two-pools", "three-pools"],
)
def test_requested_sizes_that_do_not_fit_are_refused_with_sizes_that_do(csv, splits, requested):
    path = csv(make_rows(**splits))
    with pytest.raises(RequestError) as error:
        load(path, **requested)
    assert error.value.code == "too_few_rows"
    words = str(error.value).split("For example: ")[1].split()
    suggested = {flag[2:].replace("-", "_"): value for flag, value in zip(words[::2], words[1::2], strict=True)}
    assert sizes_of(load(path, **suggested)) == tuple(int(suggested[f"{name}_size"]) for name in SPLITS)


def test_source_split_without_a_label_is_refused_with_another_split_to_draw_from(csv):
    rows = make_rows(train=60, validation=20, test=20)
    rows["label"][60:80] = ["label 0"] * 20
    with raises_code("rare_label", "'label 1'", "0 examples for validation", "--splits validation="):
        load(csv(rows))
    data = load(csv(rows), splits={"validation": "train"})
    assert sizes_of(data) == (40, 20, 20) and set(data.validation.labels) == {0, 1}
