"""Damaged and malicious data sets in the layout of the Hugging Face Hub."""

import json
import pickle
import tarfile
import zipfile
from pathlib import Path

import datasets
import pandas as pd
import pytest

from core.data.hub import read_hub_dataset
from core.errors import RequestError
from tests.bad_input.damage import Damage, Payload, assert_nothing_executed, replace
from tests.bad_input.properties import assert_readable
from tests.command_line import SIZES, assert_refused

SCRIPT = """import datasets
from pathlib import Path
Path("executed").touch()
class Films(datasets.GeneratorBasedBuilder): ...
"""
PICKLE = pickle.dumps(Payload())


def write_parquet(folder: Path) -> None:
    pd.DataFrame({"text": ["a", "b"] * 9, "label": ["x", "y"] * 9}).to_parquet(folder / "train.parquet")


def write_script(folder: Path) -> None:
    (folder / f"{folder.name}.py").write_text(SCRIPT)


def write_card(text: str) -> Damage:
    """Write a dataset card beside a valid file and a pickle."""

    def write(folder: Path) -> None:
        write_parquet(folder)
        (folder / "train.pkl").write_bytes(PICKLE)
        (folder / "README.md").write_text(f"---\n{text}\n---\n")

    return write


def write_card_with_data_files(path: str) -> Damage:
    return write_card(json.dumps({"configs": [{"config_name": "default", "data_files": path}]}))


def write_pickled_shards(folder: Path) -> None:
    """Write a WebDataset whose examples are pickles."""
    for number in range(3):
        for ending in ("pkl", "pyd", "pickle", "pth"):
            (folder / f"{number}.{ending}").write_bytes(PICKLE)
    with tarfile.open(folder / "train.tar", "w") as archive:
        for path in sorted(folder.glob("[0-9].*")):
            archive.add(path, path.name)
            path.unlink()


def write_path_traversal_archive(folder: Path) -> None:
    with zipfile.ZipFile(folder / "train.zip", "w") as archive:
        archive.writestr("../../executed", "text")


def save_to_disk(folder: Path) -> None:
    datasets.Dataset.from_dict({"text": ["a"], "label": ["x"]}).save_to_disk(folder)
    (folder / "state.json").write_bytes(PICKLE)


FOLDERS: dict[str, Damage] = {
    "empty": lambda folder: None,
    "script": write_script,
    "script beside an empty file": lambda folder: (write_script(folder), (folder / "train.csv").touch()),
    **{f"pickle as {name}": replace(name, PICKLE) for name in ("train.pkl", "train.parquet", "train.npy", "train.pt")},
    "damaged parquet": replace("train.parquet", b"PAR1text"),
    "text as JSON": replace("train.json", "text"),
    "pickled shards": write_pickled_shards,
    "archive with path traversal": write_path_traversal_archive,
    "saved to disk": save_to_disk,
    "card with a YAML tag that executes code": write_card(
        "configs: !!python/object/apply:os.system ['touch executed']"
    ),
    "card that names a pickle": write_card_with_data_files("train.pkl"),
    "card that names a file outside the dataset": write_card_with_data_files("../../../../etc/passwd"),
    "card that names a missing file": write_card_with_data_files("nowhere.csv"),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_damaged_or_malicious_data_set_is_refused_and_executes_nothing(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "owner" / "films"
    folder.mkdir(parents=True)
    FOLDERS[name](folder)
    with pytest.raises(RequestError) as refusal:
        read_hub_dataset(str(folder))
    assert_readable(str(refusal.value))
    assert_nothing_executed(tmp_path)


@pytest.mark.parametrize("name", ["pandas", "webdataset", "generator", "owner/films", "../owner/films", "a/b/c"])
def test_a_local_folder_or_builder_is_not_loaded_as_a_hub_data_set(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.pkl").write_bytes(PICKLE)
    folder = tmp_path / "owner" / "films"
    folder.mkdir(parents=True)
    write_script(folder)
    assert name in assert_refused(["--dataset", name, "--method", "majority", *SIZES, "--db", "runs.db"], tmp_path)
    assert_nothing_executed(tmp_path)
