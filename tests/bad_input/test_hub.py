"""Data sets in the Hub's own form that are none, are damaged, or mean harm."""

import json
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import datasets
import pandas as pd
import pytest

from core.data.hub import read_hub_dataset
from core.errors import RequestError
from tests.bad_input.asking import SIZES, refused
from tests.bad_input.properties import assert_plain
from tests.bad_input.test_model_folders import Harm

SCRIPT = """import datasets
from pathlib import Path
Path("hacked").touch()
class Films(datasets.GeneratorBasedBuilder): ...
"""
PICKLE = pickle.dumps(Harm())


def parquet(folder: Path) -> None:
    pd.DataFrame({"text": ["a", "b"] * 9, "label": ["x", "y"] * 9}).to_parquet(folder / "train.parquet")


def script(folder: Path) -> None:
    (folder / f"{folder.name}.py").write_text(SCRIPT)


def pickled_frame(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(PICKLE) and None


def card(**said: object) -> Callable[[Path], None]:
    """Write a card that says so of the data, beside a sound file and a pickle."""

    def write(folder: Path) -> None:
        parquet(folder)
        (folder / "train.pkl").write_bytes(PICKLE)
        (folder / "README.md").write_text(f"---\n{json.dumps(said)}\n---\n")

    return write


def shards(folder: Path) -> None:
    """Write a WebDataset whose examples are pickles."""
    for number in range(3):
        for ending in ("pkl", "pyd", "pickle", "pth"):
            (folder / f"{number}.{ending}").write_bytes(PICKLE)
    with tarfile.open(folder / "train.tar", "w") as packed:
        for path in sorted(folder.glob("[0-9].*")):
            packed.add(path, path.name)
            path.unlink()


def climbing(folder: Path) -> None:
    with zipfile.ZipFile(folder / "train.zip", "w") as packed:
        packed.writestr("../../hacked", "climbed")


def saved_to_disk(folder: Path) -> None:
    datasets.Dataset.from_dict({"text": ["a"], "label": ["x"]}).save_to_disk(folder)
    (folder / "state.json").write_bytes(PICKLE)


FOLDERS: dict[str, Callable[[Path], object]] = {
    "empty": lambda folder: None,
    "script": script,
    "script beside data of nothing": lambda folder: (script(folder), (folder / "train.csv").touch()),
    "pickle": pickled_frame("train.pkl"),
    "pickle of pandas": pickled_frame("train.pickle"),
    "pickle named parquet": pickled_frame("train.parquet"),
    "pickle named arrow": pickled_frame("train.arrow"),
    "numbers that are pickled": pickled_frame("train.npy"),
    "weights for data": pickled_frame("train.pt"),
    "half a parquet": lambda folder: (folder / "train.parquet").write_bytes(b"PAR1words"),
    "json of words": lambda folder: (folder / "train.json").write_text("words"),
    "shards of pickles": shards,
    "archive that climbs": climbing,
    "saved to disk": saved_to_disk,
    "card of YAML that runs": lambda folder: (
        parquet(folder),
        (folder / "README.md").write_text("---\nconfigs: !!python/object/apply:os.system ['touch hacked']\n---\n"),
    ),
    "card that names a pickle": card(configs=[{"config_name": "default", "data_files": "train.pkl"}]),
    "card that climbs": card(configs=[{"config_name": "default", "data_files": "../../../../etc/passwd"}]),
    "card of files that are not there": card(configs=[{"config_name": "default", "data_files": "nowhere.csv"}]),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_what_is_no_data_set_is_refused_and_not_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "owner" / "films"
    folder.mkdir(parents=True)
    FOLDERS[name](folder)
    with pytest.raises(RequestError) as refusal:
        read_hub_dataset(str(folder))
    assert_plain(str(refusal.value))
    assert not list(tmp_path.rglob("hacked"))


@pytest.mark.parametrize(
    "name",
    ["pandas", "csv", "json", "webdataset", "cache", "spark", "generator", "owner/films", "../owner/films", "a/b/c"],
)
def test_what_lies_here_is_no_data_set_of_the_hub(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.pkl").write_bytes(PICKLE)
    folder = tmp_path / "owner" / "films"
    folder.mkdir(parents=True)
    script(folder)
    argv = ["--dataset", name, "--method", "majority", *SIZES, "--db", "runs.db"]
    said = refused(argv, tmp_path)
    assert name in said
    assert not list(tmp_path.rglob("hacked"))
