"""Data sets in the Hub's layout in a local folder."""

import datasets
import pytest

from core.config import make_config
from core.data.hub import read_hub_dataset
from core.data.sources import make_source
from core.data.splits import draw_splits
from core.data.tables import Table
from tests.error_codes import raises_code

SIZES = {"train_size": 30, "validation_size": 10, "test_size": 12}


def write(folder, names=("bad", "good"), **labels):
    """Write a Parquet file for each split, with these class indices; ``names``: None for plain integers."""
    label = datasets.ClassLabel(names=list(names)) if names else datasets.Value("int64")
    features = datasets.Features({"text": datasets.Value("string"), "label": label})
    for split, codes in labels.items():
        rows = {"text": [f"{split} {n}" for n in range(len(codes))], "label": codes}
        datasets.Dataset.from_dict(rows, features=features).to_parquet(folder / f"{split}.parquet")


def load_source_from(folder, **values):
    frame, revision = read_hub_dataset(str(folder))
    return make_source(Table("films", "films", "hub:films", revision, frame), make_config(values))


def test_class_labels_are_names_and_splits_are_kept(tmp_path):
    write(tmp_path, train=[0, 1] * 30, test=[0, 1] * 10)
    frame, _ = read_hub_dataset(str(tmp_path))
    assert set(frame["label"]) == {"bad", "good"}
    assert frame["__split__"].value_counts().to_dict() == {"train": 60, "test": 20}


def test_test_split_is_drawn_from_the_hubs_test_split(tmp_path):
    write(tmp_path, train=[0, 1] * 30, test=[0, 1] * 10)
    data = draw_splits(load_source_from(tmp_path, **SIZES), make_config(SIZES))
    assert all(text.startswith("test ") for text in data.test.texts)
    assert all(text.startswith("train ") for text in (*data.train.texts, *data.validation.texts))


def test_data_set_without_test_split_is_split(tmp_path):
    write(tmp_path, train=[0, 1] * 40)
    data = draw_splits(load_source_from(tmp_path, **SIZES), make_config(SIZES))
    assert not set(data.test.texts) & set(data.train.texts)


def test_unavailable_data_set_is_refused_with_those_that_are_available_offline():
    with raises_code("dataset_unavailable", "'nobody/no-such-set'", "movie-reviews"):
        read_hub_dataset("nobody/no-such-set")


@pytest.fixture
def two_configurations(tmp_path):
    for config in ("en", "de"):
        (tmp_path / config).mkdir()
        write(tmp_path / config, train=[0, 1] * 30)
    files = "\n".join(f"- config_name: {config}\n  data_files: {config}/train.parquet" for config in ("en", "de"))
    (tmp_path / "README.md").write_text(f"---\nconfigs:\n{files}\n---\n")
    return str(tmp_path)


def test_one_of_several_configurations_must_be_named(two_configurations):
    with raises_code("ambiguous_configuration", "en, de", "--dataset-config"):
        read_hub_dataset(two_configurations)
    assert len(read_hub_dataset(two_configurations, "de")[0]) == 60


def test_unknown_configuration_is_refused_with_a_similar_name(two_configurations):
    with raises_code("unknown_configuration", "'dee'", "en, de", "Did you mean 'de'?"):
        read_hub_dataset(two_configurations, "dee")


@pytest.mark.parametrize(
    ("names", "labels"),
    [pytest.param(("z", "a"), ("z", "a"), id="named"), pytest.param(None, ("0", "1"), id="integers")],
)
def test_labels_keep_the_order_of_their_codes_and_hidden_ones_are_excluded(tmp_path, names, labels):
    write(tmp_path, names, train=[0, 1] * 30, test=[-1] * 10)
    source = load_source_from(tmp_path)
    assert source.labels == labels
    assert source.excluded_rows == {"in the split 'test', which has no labels": 10}
    assert source.assigned_splits == {"train": "train"}
