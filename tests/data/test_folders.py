"""Folders and zip archives of data files are read like one file with splits."""

import gzip
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from core.config import make_config
from core.data import load_data
from core.data.sources import load_source
from tests.error_codes import raises_code

UNREADABLE = Path("/proc/self/mem")
SIZES = {"train_size": 10, "validation_size": 6, "test_size": 6}


def rows(name, size=20):
    return pd.DataFrame({"text": [f"{name} text {n}" for n in range(size)], "label": list("ab") * (size // 2)})


def write_splits(folder, names, suffix=".csv"):
    folder.mkdir()
    for name in names:
        path = folder / f"{name}{suffix}"
        path.parent.mkdir(exist_ok=True)
        rows(name.split("/")[-1].split("-")[0]).to_parquet(path) if suffix == ".parquet" else rows(name).to_csv(
            path, index=False
        )
    return folder


def write_classes(folder):
    for split in ("train", "test"):
        for label in ("neg", "pos", *(["unsup"] if split == "train" else [])):
            (folder / split / label).mkdir(parents=True)
            for n in range(12):
                (folder / split / label / f"{n}_7.txt").write_text(f"{split} text {n} of {label}")
    (folder / "README").write_text("about")
    (folder / "imdb.vocab").write_text("the")
    return folder


def pack(folder):
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.rglob("*"):
            archive.write(file, file.relative_to(folder.parent))
    return path


def origins(path):
    data = load_data(make_config({"dataset": str(path), **SIZES}))
    return {name: {text.split()[0] for text in split.texts} for name, split in data.splits.items()}


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("names", [("train", "valid", "test"), ("train", "dev", "test"), ("train", "val", "test")])
def test_files_are_splits(tmp_path, names, packed):
    folder = write_splits(tmp_path / "set", names)
    (folder / "README.txt").write_text("about")
    assert origins(pack(folder) if packed else folder) == {
        "train": {"train"},
        "validation": {names[1]},
        "test": {"test"},
    }


def test_parquet_shards_are_joined(tmp_path):
    names = [f"data/{name}-0000{n}-of-00002" for name in ("train", "test") for n in range(2)]
    source = load_source(make_config({"dataset": str(write_splits(tmp_path / "set", names, ".parquet"))}))
    assert (len(source.frame), source.assigned_splits) == (80, {"train": "train", "test": "test"})


def test_files_without_names_of_splits_are_joined(tmp_path):
    source = load_source(make_config({"dataset": str(write_splits(tmp_path / "set", ("part1", "part2")))}))
    assert (len(source.frame), source.assigned_splits) == (40, {})


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_folders_are_classes(tmp_path, packed):
    folder = write_classes(tmp_path / "aclImdb")
    source = load_source(make_config({"dataset": str(pack(folder) if packed else folder)}))
    assert (source.labels, len(source.frame)) == (("neg", "pos"), 48)
    assert source.assigned_splits == {"train": "train", "test": "test"}
    assert "12 files in 'unsup'" in source.notes[0]


def test_classes_may_be_named_like_splits(tmp_path):
    for label in ("crash", "timeout", "test-failure"):
        (tmp_path / "set" / label).mkdir(parents=True)
        for n in range(12):
            (tmp_path / "set" / label / f"{n}.txt").write_text(f"log {n} of {label}")
    source = load_source(make_config({"dataset": str(tmp_path / "set")}))
    assert (source.labels, len(source.frame), source.assigned_splits) == (
        ("crash", "test-failure", "timeout"),
        36,
        {},
    )


def test_texts_of_classes_may_be_gzipped_or_blank(tmp_path):
    folder = write_classes(tmp_path / "set")
    (folder / "test" / "pos" / "gzipped.txt.gz").write_bytes(gzip.compress(b"a gzipped text"))
    (folder / "test" / "pos" / "empty.txt").write_text("")
    (folder / "test" / "pos" / "blank.txt").write_text("\n")
    source = load_source(make_config({"dataset": str(folder)}))
    assert len(source.frame) == 49 and "a gzipped text" in set(source.frame["text"])
    assert sum(source.excluded_rows.values()) == 2


def test_folders_that_are_nested_too_deeply_are_refused(tmp_path):
    (tmp_path / "a/b/c/d/e").mkdir(parents=True)
    with raises_code("too_deep", "e"):
        load_source(make_config({"dataset": str(tmp_path)}))


@pytest.mark.skipif(not UNREADABLE.exists(), reason="needs a file that no user can read")
def test_file_that_cannot_be_read_is_refused(tmp_path):
    folder = write_splits(tmp_path / "set", ("train",))
    (folder / "test.csv").symlink_to(UNREADABLE)
    with raises_code("unreadable_file", "set"):
        load_source(make_config({"dataset": str(folder)}))


def test_damaged_member_of_an_archive_is_refused(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train.csv", rows("train").to_csv(index=False))
    content = bytearray(path.read_bytes())
    content[39:60] = bytes([255]) * 21
    path.write_bytes(content)
    with raises_code("damaged_file", "a.zip"):
        load_source(make_config({"dataset": str(path)}))


@pytest.mark.parametrize("has_splits", [False, True])
def test_saved_data_set_is_read(tmp_path, has_splits):
    features = Features({"text": Value("string"), "label": ClassLabel(names=["neg", "pos"])})
    data = Dataset.from_dict({"text": [f"text {n}" for n in range(20)], "label": [0, 1] * 10}, features=features)
    (DatasetDict({"train": data, "test": data}) if has_splits else data).save_to_disk(tmp_path / "set")
    source = load_source(make_config({"dataset": str(tmp_path / "set")}))
    assert (source.labels, len(source.frame)) == (("neg", "pos"), 40 if has_splits else 20)
    assert bool(source.assigned_splits) == has_splits


def test_paths_out_of_an_archive_are_not_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../train.csv", rows("train").to_csv(index=False))
    (tmp_path.parent / "train.csv").write_text("text,label\n")
    before = sorted(tmp_path.rglob("*"))
    with raises_code("is_folder", "no data files"):
        load_source(make_config({"dataset": str(tmp_path / "a.zip")}))
    assert sorted(tmp_path.rglob("*")) == before


def test_bomb_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for n in range(5):
            archive.writestr(f"{n}.csv", bytes(1 << 28))
    with raises_code("too_large", "a.zip"):
        load_source(make_config({"dataset": str(tmp_path / "a.zip")}))


@pytest.mark.parametrize(
    ("files", "code", "fact"),
    [
        pytest.param({}, "is_folder", "no data files", id="empty"),
        pytest.param({"a.csv": rows("a"), "a.tsv": rows("a")}, "is_folder", "several formats", id="formats"),
        pytest.param(
            {"train.csv": rows("a"), "more.csv": rows("a")}, "ambiguous_splits", "more.csv", id="unknown-split"
        ),
        pytest.param({"a.csv": rows("a"), "b.csv": rows("b").assign(n=1)}, "different_columns", ": n.", id="columns"),
    ],
)
def test_folders_that_are_ambiguous_are_refused(tmp_path, files, code, fact):
    for name, frame in files.items():
        frame.to_csv(tmp_path / name, index=False)
    with raises_code(code, fact):
        load_source(make_config({"dataset": str(tmp_path)}))


@pytest.mark.parametrize("name", ["https://example.org/a.csv", "s3://bucket/a.csv", "hf://models/owner/name"])
def test_addresses_are_refused(name):
    with raises_code("address", name):
        load_source(make_config({"dataset": name}))


@pytest.mark.parametrize("address", ["hf://datasets/{}", "https://huggingface.co/datasets/{}/"])
def test_addresses_of_the_hub_are_names(address):
    with raises_code("dataset_unavailable", "'no-owner/no-name'"):
        load_source(make_config({"dataset": address.format("no-owner/no-name")}))
