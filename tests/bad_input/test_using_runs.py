"""Recorded runs that are asked for what they can't do, and whose files somebody damaged."""

import gzip
import io
import json
import os
import pickle
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from sqlalchemy import create_engine, text

from core.store.run_writer import RunWriter
from tests.bad_input.asking import SIZES, ask, contents, refused
from tests.bad_input.test_model_folders import Damage, Harm, cut, holding, without
from tests.small_runs import create_store, record_run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, tiny_bert):
    """A folder with a database of three runs: LoRA, the majority class, and that of another test set."""
    folder = tmp_path_factory.mktemp("recorded")
    store = create_store(folder)
    record_run(store, tiny_bert, r=2)
    record_run(store, tiny_bert, method="majority")
    store.engine.dispose()
    rows = {"text": [f"song {n}" for n in range(30)], "label": ["good", "bad"] * 15}
    pd.DataFrame(rows).to_csv(folder / "songs.csv", index=False)
    other = ["--dataset", str(folder / "songs.csv"), "--method", "majority", *SIZES]
    assert ask([*other, "--db", str(folder / "runs.db")])[0] == 0
    return folder


@pytest.fixture
def used(recorded, tmp_path, monkeypatch):
    """A copy of the folder, with odd files in it, in which we are."""
    shutil.copytree(recorded, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("RUNS_DB", "runs.db")
    Path("folder").mkdir()
    Path("full").mkdir()
    Path("full/file").touch()
    Path("a.csv").write_text("text,label\na,b\n")
    Path("two.csv").write_text("one,other\na long enough text,b\nanother text,c\n")
    Path("latin.csv").write_bytes("text\ncafé\n".encode("latin-1"))
    Path("empty.csv").touch()
    Path("nothing.json").write_text("[]")
    Path("blank.jsonl").write_bytes(b"\x1c")
    Path("objects.jsonl").write_text("{}\n{}\n")
    Path("words.parquet").write_text("words")
    Path("cut.csv.gz").write_bytes(gzip.compress(b"text\na film\n")[:-9])
    Path("sheet.xlsx").write_bytes(b"PK")
    Path("circle").symlink_to("circle")
    os.mkfifo("pipe.csv")
    return tmp_path / "here"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        pytest.param(["show", "9"], "There is no run 9. The newest is 3.", id="show-unknown"),
        pytest.param(["delete", "9", "--yes"], "There is no run 9", id="delete-unknown"),
        pytest.param(["delete", "1"], "Say --yes to do it", id="delete-unconfirmed"),
        pytest.param(["recheck", "9"], "There is no run 9", id="recheck-unknown"),
        pytest.param(["resume", "9"], "run 9", id="resume-unknown"),
        pytest.param(["resume", "1"], "complete", id="resume-complete"),
        pytest.param(["compare", "1"], "the following arguments are required: other", id="compare-one"),
        pytest.param(["compare", "1", "9"], "There is no run 9", id="compare-second-unknown"),
        pytest.param(["compare", "9", "1"], "There is no run 9", id="compare-first-unknown"),
        pytest.param(["compare", "1", "1"], "itself", id="compare-itself"),
        pytest.param(["compare", "1", "2", "1"], "itself", id="compare-itself-later"),
        pytest.param(["compare", "1", "2", "2"], "twice", id="compare-twice"),
        pytest.param(["compare", "1", "3"], "their labels differ", id="compare-labels"),
        pytest.param(["compare", "1", "3", "--json"], "their labels differ", id="compare-labels-json"),
        pytest.param(["predict"], "the following arguments are required: run", id="predict-without-run"),
        pytest.param(["predict", "9", "a text"], "There is no run 9", id="predict-unknown"),
        pytest.param(
            ["predict", "1", "a text", "--file", "a.csv"], "takes texts or --file, not both", id="predict-text-and-file"
        ),
        pytest.param(
            ["predict", "1", "a text", "--text-column", "text"], "there is no --file", id="predict-column-without-file"
        ),
        pytest.param(
            ["predict", "1", "--file", "nowhere.csv"], "There is no file nowhere.csv", id="predict-file-unknown"
        ),
        pytest.param(["predict", "1", "--file", "b.csv"], "Did you mean 'a.csv'", id="predict-file-misspelled"),
        pytest.param(["predict", "1", "--file", "folder"], "is a folder", id="predict-folder"),
        pytest.param(["predict", "1", "--file", "pipe.csv"], "is no file with an end", id="predict-pipe"),
        pytest.param(["predict", "1", "--file", "/dev/zero"], "ends in ''", id="predict-device"),
        pytest.param(["predict", "1", "--file", "circle"], "can't be a path here", id="predict-circle"),
        pytest.param(["predict", "1", "--file", "sheet.xlsx"], "ends in '.xlsx'", id="predict-xlsx"),
        pytest.param(["predict", "1", "--file", "latin.csv"], "is not UTF-8", id="predict-latin-1"),
        pytest.param(["predict", "1", "--file", "empty.csv"], "is empty", id="predict-empty"),
        pytest.param(["predict", "1", "--file", "nothing.json"], "holds no rows", id="predict-json-empty"),
        pytest.param(["predict", "1", "--file", "blank.jsonl"], "holds no rows", id="predict-jsonl-blank"),
        pytest.param(["predict", "1", "--file", "objects.jsonl"], "holds no rows", id="predict-jsonl-objects"),
        pytest.param(
            ["predict", "1", "--file", "words.parquet"], "can't be read as PARQUET", id="predict-parquet-words"
        ),
        pytest.param(["predict", "1", "--file", "cut.csv.gz"], "is no whole gzip file", id="predict-gzip-cut"),
        pytest.param(["predict", "1", "--file", "two.csv"], "Name one with --text-column", id="predict-two-columns"),
        pytest.param(
            ["predict", "1", "--file", "a.csv", "--text-column", "txt"],
            "Did you mean 'text'",
            id="predict-column-misspelled",
        ),
        pytest.param(
            ["predict", "1", "--file", "a.csv", "--output", "a.csv"], "is the file that is read", id="output-is-input"
        ),
        pytest.param(
            ["predict", "1", "--file", "a.csv", "--output", "folder.csv/x.csv"],
            "There is no folder",
            id="output-folder-unknown",
        ),
        pytest.param(["predict", "1", "--file", "a.csv", "--output", "folder"], "ends in ''", id="output-folder"),
        pytest.param(["predict", "1", "--file", "a.csv", "--output", "x.xlsx"], "ends in '.xlsx'", id="output-xlsx"),
        pytest.param(
            ["predict", "1", "--file", "a.csv", "--output", "/proc/x.csv"], "can't be written", id="output-proc"
        ),
        pytest.param(
            ["predict", "1", "--file", "a.csv", "--output", "x" * 300 + ".csv"],
            "can't be a path here",
            id="output-long-name",
        ),
        pytest.param(["predict", "1", "x", "--output", "pipe.csv"], "pipe.csv", id="output-pipe"),
        pytest.param(["merge", "1", "full"], "is there already, and not an empty folder", id="merge-full-folder"),
        pytest.param(["merge", "1", "a.csv"], "is there already, and not an empty folder", id="merge-file"),
        pytest.param(["merge", "1", "nowhere/x"], "There is no folder nowhere", id="merge-folder-unknown"),
        pytest.param(["merge", "1", "/proc/x"], "can't be written", id="merge-proc"),
        pytest.param(["merge", "1", "circle"], "can't be a path here", id="merge-circle"),
        pytest.param(["merge", "1", ""], "it names nothing", id="merge-empty"),
        pytest.param(["merge", "1", "x" * 300], "can't be a path here", id="merge-long-name"),
        pytest.param(["merge", "2", "new"], "is a baseline", id="merge-baseline"),
        pytest.param(["merge", "9", "new"], "There is no run 9", id="merge-unknown"),
        pytest.param(["export", "1", "full"], "is there already, and not an empty folder", id="export-full-folder"),
        pytest.param(["export", "1", "a.csv/x"], "There is no folder", id="export-below-a-file"),
        pytest.param(["export", "1", "/dev/null"], "is there already, and not an empty folder", id="export-device"),
        pytest.param(["export", "2", "new"], "is a baseline", id="export-baseline"),
        pytest.param(["export", "1"], "the following arguments are required: DIR", id="export-without-folder"),
        pytest.param(["db"], "the following arguments are required: action", id="db-without-action"),
        pytest.param(["db", "burn"], "there is no 'burn'", id="db-unknown"),
        pytest.param(["db", "chek"], "Did you mean 'check'?", id="db-misspelled"),
    ],
)
def test_what_a_run_can_not_do_is_said(argv, said, used, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"y\n")))
    assert said in refused(argv, used)


@pytest.mark.parametrize(
    ("piped", "said"),
    [
        pytest.param(b"", "holds no text", id="empty"),
        pytest.param(b"\n\n \n", "holds no text", id="blank-lines"),
        pytest.param(b"caf\xe9\n", "is not UTF-8 (byte 3)", id="latin-1"),
        pytest.param(b"\xff\xfea\0", "is not UTF-8 (byte 0)", id="utf-16"),
        pytest.param(bytes(range(256)), "is not UTF-8", id="every-byte"),
    ],
)
def test_what_is_piped_in_has_to_be_text(piped, said, used, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(piped)))
    assert said in refused(["predict", "1"], used)


def test_without_any_standard_input_a_text_is_asked_for(used):
    command = [sys.executable, str(ROOT / "runner.py"), "predict", "1", "<&-"]
    done = subprocess.run(" ".join(command), shell=True, capture_output=True, text=True, cwd=used)
    assert (done.returncode, "predict needs a text" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(
    "given",
    ["", " ", "\t", "a\x1b[31m", "\u202e", "x" * 200_000, "🏴‍☠️" * 500, "</s>[PAD]"],
    ids=["empty", "space", "tab", "escape-sequence", "right-to-left-override", "very-long", "emojis", "special-tokens"],
)
def test_odd_texts_are_classified_or_left_out(given, used):
    code, out, err = ask(["predict", "1", given, "a film", "--json"])
    assert code == 0, err
    assert len(json.loads(out)) == 2


def naming(**settings: object) -> Damage:
    def change(folder: Path) -> None:
        path = folder / "adapter_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | settings))

    return change


def replaced_by_a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("words")


def pickled(folder: Path) -> None:
    (folder / "adapter_model.safetensors").unlink()
    (folder / "adapter_model.bin").write_bytes(pickle.dumps(Harm()))


DAMAGES: dict[str, Damage] = {
    "gone": shutil.rmtree,
    "a file": replaced_by_a_file,
    "empty": lambda folder: [path.unlink() for path in folder.iterdir() if path.is_file()],
    "no config": without("adapter_config.json"),
    "no weights": without("adapter_model.safetensors"),
    "config of words": holding("adapter_config.json", "words"),
    "config that is a list": holding("adapter_config.json", "[]"),
    "config that is empty": holding("adapter_config.json", "{}"),
    "config that is deep": holding("adapter_config.json", "[" * 100_000),
    "config of another base": naming(base_model_name_or_path="gpt2"),
    "config of another kind": naming(peft_type="NONSENSE"),
    "config of another method": naming(peft_type="IA3"),
    "config with a wrong rank": naming(r="two"),
    "config with another rank": naming(r=4),
    "config with a negative rank": naming(r=-4),
    "config of modules that are not there": naming(target_modules=["nonsense"]),
    "weights that are cut": cut("adapter_model.safetensors", 0.5),
    "weights that are empty": holding("adapter_model.safetensors", ""),
    "weights of words": holding("adapter_model.safetensors", "words " * 50),
    "weights of nothing": lambda folder: save_file({}, folder / "adapter_model.safetensors"),
    "weights of another adapter": lambda folder: save_file(
        {"base_model.model.other.lora_A.weight": torch.zeros(2, 2)}, folder / "adapter_model.safetensors"
    ),
    "pickled weights": pickled,
    "links in a circle": lambda folder: in_a_circle_of(folder, "adapter_config.json", "adapter_model.safetensors"),
}


def in_a_circle_of(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).unlink()
        (folder / name).symlink_to(folder / name)


@pytest.mark.parametrize("command", ["predict", "export", "merge", "recheck"])
@pytest.mark.parametrize("name", ["gone", "config with another rank", "weights that are cut", "pickled weights"])
def test_files_that_are_not_those_that_were_saved_are_refused(name, command, used):
    (folder,) = (used / "adapters").glob("1-*")
    DAMAGES[name](folder)
    said = refused([command, "1", *{"predict": ["a film"], "recheck": []}.get(command, ["new"])], used)
    assert "are not those that it saved" in said or "are gone" in said
    assert not Path("hacked").exists()


def forget_the_hashes():
    """Make the records such that nothing tells of the files how they were."""
    with closing(sqlite3.connect("runs.db")) as connection, connection:
        connection.execute("UPDATE runs SET adapter_sha256 = NULL")


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_adapter_is_refused_by_what_it_holds(name, used):
    forget_the_hashes()
    (folder,) = (used / "adapters").glob("1-*")
    DAMAGES[name](folder)
    said = refused(["predict", "1", "a film"], used)
    assert "adapter" in said or "run 1" in said
    assert not Path("hacked").exists()


@pytest.fixture(scope="module")
def of_each_kind(tmp_path_factory, tiny_bert):
    """A folder with a run of every kind whose files are not an adapter's, and no word of how they were."""
    folder = tmp_path_factory.mktemp("kinds")
    store = create_store(folder)
    for method in ("majority", "tfidf", "frozen", "untrained", "full"):
        RunWriter.reopen(store, record_run(store, tiny_bert, method=method).id).update(adapter_sha256=None)
    store.engine.dispose()
    return folder


FILE_DAMAGES: dict[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "empty": lambda file: file.write_bytes(b""),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-9]),
    "words": lambda file: file.write_text("words"),
    "a pickle": lambda file: file.write_bytes(pickle.dumps(Harm())),
    "another's": lambda file: save_file({"other": torch.zeros(2)}, file),
}


@pytest.mark.parametrize("damage", FILE_DAMAGES)
@pytest.mark.parametrize("method", ["majority", "tfidf", "frozen", "untrained", "full"])
def test_damaged_files_of_every_kind_of_run_are_refused(method, damage, of_each_kind, tmp_path, monkeypatch):
    shutil.copytree(of_each_kind, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    (weights,) = Path("adapters").glob(f"*-{method}/*.safetensors")
    FILE_DAMAGES[damage](weights)
    said = refused(["predict", weights.parent.name.partition("-")[0], "a film", "--db", "runs.db"], tmp_path)
    assert any(word in said for word in ("run ", weights.name, "can't be loaded", "its weights lack"))
    assert not list(tmp_path.rglob("hacked"))


@pytest.mark.parametrize(
    "vocabulary",
    ["", "words", "{}", "[]", "[1, 2]", "[[]]", "null", "[" * 100_000],
    ids=["empty", "words", "object", "list", "numbers", "nested-list", "null", "deeply-nested"],
)
def test_a_damaged_vocabulary_is_refused(vocabulary, of_each_kind, tmp_path, monkeypatch):
    shutil.copytree(of_each_kind, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    (file,) = Path("adapters").glob("*/vocabulary.json")
    file.write_text(vocabulary)
    refused(["predict", "2", "a film", "--db", "runs.db"], tmp_path)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        pytest.param("config", "{", id="config-cut"),
        pytest.param("config", "[]", id="config-list"),
        pytest.param("config", "{}", id="config-empty"),
        pytest.param("config", '{"method": "nonsense"}', id="config-unknown-method"),
        pytest.param("config", '{"r": "two"}', id="config-bad-rank"),
        pytest.param("config", '{"no_such": 1}', id="config-unknown-setting"),
        ("config", "null"),
        ("adapter_path", "../.."),
        ("adapter_path", "/etc"),
        ("adapter_path", "adapters/nowhere"),
        pytest.param("adapter_path", "adapters/\0", id="adapter_path-null-byte"),
        ("adapter_path", None),
        ("status", "nonsense"),
        ("dataset_id", None),
        ("created_at", "yesterday"),
        ("created_at", 5),
        pytest.param("heartbeat_at", b"\x19", id="heartbeat_at-bytes"),
        ("ended_at", 1e300),
        pytest.param("environment", "{", id="environment-cut"),
        pytest.param("model_revision", "\ud7ff", id="model_revision-non-ascii"),
    ],
)
def test_a_damaged_row_is_told(column, value, used):
    engine = create_engine("sqlite:///runs.db")
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE runs SET {column} = :value WHERE id = 1"), {"value": value})
    engine.dispose()
    before = contents(used)
    for argv in (["show", "1"], ["list"], ["predict", "1", "a film"], ["compare", "2", "1"], ["export", "1", "new"]):
        code, _, err = ask(argv)
        assert code in (0, 2), (argv, err)
        assert "Traceback" not in err and "unexpected " not in err, (argv, err)
        assert not (code == 0 and argv[0] == "export") or shutil.rmtree("new") is None
    assert contents(used) == before
