"""The Hub's loader, on data sets in the Hub's own form that lie here."""

import datasets
import pytest

from core.config import make_config
from core.data.hub import read_hub
from core.data.source import as_source
from core.data.splits import split
from core.errors import RequestError

FEATURES = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["bad", "good"])})


def write(folder, **sizes):
    for name, size in sizes.items():
        rows = {"text": [f"{name} {n}" for n in range(size)], "label": [n % 2 for n in range(size)]}
        datasets.Dataset.from_dict(rows, features=FEATURES).to_parquet(folder / f"{name}.parquet")


def test_class_labels_come_back_as_names_and_splits_are_kept(tmp_path):
    write(tmp_path, train=60, test=20)
    frame, _ = read_hub(str(tmp_path))
    assert set(frame["label"]) == {"bad", "good"}
    assert frame["__split__"].value_counts().to_dict() == {"train": 60, "test": 20}


def test_the_sources_test_split_is_the_one_that_is_measured(tmp_path):
    write(tmp_path, train=60, test=20)
    config = make_config({"train_size": 30, "validation_size": 10, "test_size": 12})
    frame, revision = read_hub(str(tmp_path))
    data = split(as_source(config, "films", "hub:films", revision, frame), config)
    assert all(text.startswith("test ") for text in data.test.texts)
    assert all(text.startswith("train ") for text in (*data.train.texts, *data.validation.texts))


def test_a_data_set_without_a_test_split_is_split_here(tmp_path):
    write(tmp_path, train=80)
    config = make_config({"train_size": 30, "validation_size": 10, "test_size": 12})
    frame, revision = read_hub(str(tmp_path))
    data = split(as_source(config, "films", "hub:films", revision, frame), config)
    assert len(set(data.test.texts) & set(data.train.texts)) == 0


def test_a_data_set_that_cannot_be_had_says_what_works(tmp_path):
    with pytest.raises(RequestError, match="Without a network these work"):
        read_hub("nobody/no-such-set")
