"""The Hub's loader, on data sets in the Hub's own form that lie here."""

import datasets
import pytest

from core.config import make_config
from core.data.hub import read_hub_dataset
from core.data.sources import Table, make_source
from core.data.splits import draw_splits
from core.errors import RequestError

FEATURES = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["bad", "good"])})


def write(folder, **sizes):
    for name, size in sizes.items():
        rows = {"text": [f"{name} {n}" for n in range(size)], "label": [n % 2 for n in range(size)]}
        datasets.Dataset.from_dict(rows, features=FEATURES).to_parquet(folder / f"{name}.parquet")


def test_class_labels_are_names_and_splits_are_kept(tmp_path):
    write(tmp_path, train=60, test=20)
    frame, _ = read_hub_dataset(str(tmp_path))
    assert set(frame["label"]) == {"bad", "good"}
    assert frame["__split__"].value_counts().to_dict() == {"train": 60, "test": 20}


def test_test_split_of_the_source_is_used(tmp_path):
    write(tmp_path, train=60, test=20)
    config = make_config({"train_size": 30, "validation_size": 10, "test_size": 12})
    frame, revision = read_hub_dataset(str(tmp_path))
    data = draw_splits(make_source(Table("films", "films", "hub:films", revision, frame), config), config)
    assert all(text.startswith("test ") for text in data.test.texts)
    assert all(text.startswith("train ") for text in (*data.train.texts, *data.validation.texts))


def test_dataset_without_test_split_is_split(tmp_path):
    write(tmp_path, train=80)
    config = make_config({"train_size": 30, "validation_size": 10, "test_size": 12})
    frame, revision = read_hub_dataset(str(tmp_path))
    data = draw_splits(make_source(Table("films", "films", "hub:films", revision, frame), config), config)
    assert len(set(data.test.texts) & set(data.train.texts)) == 0


def test_unavailable_dataset_is_refused_with_alternatives(tmp_path):
    with pytest.raises(RequestError, match="Available offline"):
        read_hub_dataset("nobody/no-such-set")


def several(folder):
    for config in ("en", "de"):
        (folder / config).mkdir()
        write(folder / config, train=60)
    files = "\n".join(f"- config_name: {config}\n  data_files: {config}/train.parquet" for config in ("en", "de"))
    (folder / "README.md").write_text(f"---\nconfigs:\n{files}\n---\n")


def test_several_configurations_are_listed_and_one_can_be_named(tmp_path):
    several(tmp_path)
    with pytest.raises(RequestError, match="has several configurations: en, de. Name one with --dataset-config"):
        read_hub_dataset(str(tmp_path))
    with pytest.raises(RequestError, match="--dataset-config 'dee' is not in .*It has: en, de. Did you mean 'de'"):
        read_hub_dataset(str(tmp_path), "dee")
    assert len(read_hub_dataset(str(tmp_path), "de")[0]) == 60


def test_labels_keep_the_order_of_their_codes_and_hidden_ones_are_excluded(tmp_path):
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["z", "a"])})
    for name, codes in {"train": [0, 1] * 30, "test": [-1] * 10}.items():
        columns = {"text": [f"{name} {n}" for n in range(len(codes))], "label": codes}
        datasets.Dataset.from_dict(columns, features=features).to_parquet(tmp_path / f"{name}.parquet")
    frame, revision = read_hub_dataset(str(tmp_path))
    source = make_source(Table("films", "films", "hub:films", revision, frame), make_config({}))
    assert source.labels == ("z", "a")
    assert source.excluded == {"in the split 'test', which has no labels": 10}
    assert source.split_names == {"train": "train"}


def test_hidden_labels_without_names_are_minus_one(tmp_path):
    for name, codes in {"train": [0, 1] * 30, "test": [-1] * 10}.items():
        columns = {"text": [f"{name} {n}" for n in range(len(codes))], "label": codes}
        datasets.Dataset.from_dict(columns).to_parquet(tmp_path / f"{name}.parquet")
    frame, revision = read_hub_dataset(str(tmp_path))
    source = make_source(Table("films", "films", "hub:films", revision, frame), make_config({}))
    assert source.labels == ("0", "1")
    assert source.excluded == {"in the split 'test', which has no labels": 10}
