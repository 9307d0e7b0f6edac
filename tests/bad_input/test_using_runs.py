"""Commands that a recorded run does not support, and runs with damaged files or rows."""

import gzip
import io
import json
import os
import pickle
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from sqlalchemy import create_engine, text

from core.store.run_writer import RunWriter
from tests.bad_input import damage
from tests.bad_input.damage import Damage, Payload, assert_nothing_executed
from tests.command_line import SIZES, assert_refused, folder_contents, run_cli
from tests.small_runs import create_store, record_run

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, tiny_bert):
    """Return a folder with a database of three runs: LoRA, the majority class, and one on another data set."""
    folder = tmp_path_factory.mktemp("recorded")
    store = create_store(folder)
    record_run(store, tiny_bert, r=2)
    record_run(store, tiny_bert, method="majority")
    store.engine.dispose()
    rows = {"text": [f"song {n}" for n in range(30)], "label": ["good", "bad"] * 15}
    pd.DataFrame(rows).to_csv(folder / "songs.csv", index=False)
    argv = ["--dataset", str(folder / "songs.csv"), "--method", "majority", *SIZES]
    assert run_cli([*argv, "--db", str(folder / "runs.db")]).code == 0
    return folder


@pytest.fixture
def folder(recorded, tmp_path, monkeypatch):
    """Return a copy of the folder, with files that `predict` cannot use; it is the current folder."""
    shutil.copytree(recorded, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    monkeypatch.setenv("RUNS_DB", "runs.db")
    Path("folder").mkdir()
    Path("full").mkdir()
    Path("full/file").touch()
    Path("a.csv").write_text("text,label\na,b\n")
    Path("two.csv").write_text("one,other\na long enough text,b\nanother text,c\n")
    Path("latin.csv").write_bytes("text\ncafé\n".encode("latin-1"))
    Path("empty.csv").touch()
    Path("objects.jsonl").write_text("{}\n{}\n")
    Path("text.parquet").write_text("text")
    Path("truncated.csv.gz").write_bytes(gzip.compress(b"text\na film\n")[:-9])
    Path("sheet.xlsx").write_bytes(b"PK")
    Path("circle").symlink_to("circle")
    os.mkfifo("pipe.csv")
    return tmp_path / "copy"


@pytest.mark.parametrize(
    ("argv", "fragment"),
    [
        *(([command, "9", *rest], "run 9") for command, rest in (("show", []), ("delete", ["--yes"]), ("resume", []))),
        *((["predict", "9", "text"], "run 9"), (["merge", "9", "new"], "run 9"), (["recheck", "9"], "run 9")),
        (["delete", "1"], "--yes"),
        (["resume", "1"], "complete"),
        (["compare", "1", "9"], "run 9"),
        (["compare", "1", "2", "1"], "Run 1"),
        (["compare", "1", "3"], "labels"),
        (["merge", "2", "new"], "baseline"),
        (["export", "2", "new"], "baseline"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_that_the_run_does_not_support_is_refused(argv, fragment, folder, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"y\n")))
    assert fragment in assert_refused(argv, folder)


@pytest.mark.parametrize(
    ("argv", "fragment"),
    [
        (["a text", "--file", "a.csv"], "--file"),
        (["a text", "--text-column", "text"], "--text-column"),
        *((["--file", name], name) for name in ("nowhere.csv", "folder", "pipe.csv", "/dev/zero", "circle")),
        *((["--file", name], name) for name in ("sheet.xlsx", "latin.csv", "empty.csv", "objects.jsonl")),
        *((["--file", name], name) for name in ("text.parquet", "truncated.csv.gz")),
        (["--file", "two.csv"], "--text-column"),
        (["--file", "a.csv", "--text-column", "txt"], "'text'"),
        *((["--file", "a.csv", "--output", name], name) for name in ("a.csv", "folder", "/proc/x.csv")),
        (["a text", "--output", "pipe.csv"], "pipe.csv"),
        (["a text", "--output", "nowhere/x.csv"], "nowhere"),
        (["a text", "--output", "x.xlsx"], ".csv, .tsv, .jsonl"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_predict_refuses_files_that_it_cannot_read_or_write(argv, fragment, folder):
    assert fragment in assert_refused(["predict", "1", *argv], folder)


@pytest.mark.parametrize("command", ["merge", "export"])
@pytest.mark.parametrize("target", ["full", "a.csv", "nowhere/x", "/proc/x", "circle"])
def test_merge_and_export_refuse_a_folder_that_cannot_be_created(command, target, folder):
    assert target.partition("/x")[0] in assert_refused([command, "1", target], folder)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\n\n \n", id="blank lines"),
        pytest.param(b"caf\xe9\n", id="Latin-1"),
        pytest.param(b"\xff\xfea", id="half of UTF-16"),
    ],
)
def test_standard_input_without_text_is_refused(content, folder, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert "Standard input" in assert_refused(["predict", "1"], folder)


def test_predict_without_texts_and_standard_input_is_refused(folder, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    assert "--file" in assert_refused(["predict", "1"], folder)


@pytest.mark.parametrize(
    "given",
    ["", "\t", "a\x1b[31m", "\u202e", "x" * 200_000, "🏴‍☠️" * 500, "</s>[PAD]"],
    ids=["empty", "tab", "escape-sequence", "right-to-left-override", "very-long", "emojis", "special-tokens"],
)
def test_predict_handles_an_unusual_text(given, folder):
    code, out, err = run_cli(["predict", "1", given, "a film", "--json"])
    assert code == 0, err
    assert len(json.loads(out)) == 2


DAMAGES: dict[str, Damage] = {
    "no folder": shutil.rmtree,
    "a file instead of the folder": damage.replace_by_file,
    "empty folder": damage.delete_all,
    "no config": damage.delete(CONFIG),
    "no weights": damage.delete(WEIGHTS),
    "config is not JSON": damage.replace(CONFIG, "text"),
    "config is a list": damage.replace(CONFIG, "[]"),
    "config is empty": damage.replace(CONFIG, "{}"),
    "deeply nested config": damage.replace(CONFIG, "[" * 100_000),
    "other base model": damage.edit_json(CONFIG, base_model_name_or_path="gpt2"),
    "unknown PEFT type": damage.edit_json(CONFIG, peft_type="NONSENSE"),
    "other PEFT type": damage.edit_json(CONFIG, peft_type="IA3"),
    "rank is a text": damage.edit_json(CONFIG, r="two"),
    "other rank": damage.edit_json(CONFIG, r=4),
    "negative rank": damage.edit_json(CONFIG, r=-4),
    "unknown modules": damage.edit_json(CONFIG, target_modules=["nonsense"]),
    "truncated weights": damage.truncate(WEIGHTS, 0.5),
    "weights of text": damage.replace(WEIGHTS, "text " * 50),
    "no tensors": lambda folder: save_file({}, folder / WEIGHTS),
    "other tensors": lambda folder: save_file(
        {"base_model.model.other.lora_A.weight": torch.zeros(2, 2)}, folder / WEIGHTS
    ),
    "pickled weights": damage.replace_by_pickle(WEIGHTS, "adapter_model.bin"),
    "circular links": damage.link_to_itself(CONFIG, WEIGHTS),
}


@pytest.mark.parametrize(
    ("command", "name"),
    [
        *(("predict", name) for name in ("no folder", "other rank", "truncated weights", "pickled weights")),
        *((command, "other rank") for command in ("export", "merge", "recheck")),
    ],
)
def test_adapter_files_that_do_not_match_their_checksum_are_refused(command, name, folder):
    (adapter,) = (folder / "adapters").glob("1-*")
    DAMAGES[name](adapter)
    argv = [command, "1", *{"predict": ["a film"], "recheck": []}.get(command, ["new"])]
    assert "run 1" in assert_refused(argv, folder).lower()
    assert_nothing_executed(folder)


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_adapter_without_a_checksum_is_refused(name, folder):
    with closing(sqlite3.connect("runs.db")) as connection, connection:
        connection.execute("UPDATE runs SET adapter_sha256 = NULL")
    (adapter,) = (folder / "adapters").glob("1-*")
    DAMAGES[name](adapter)
    message = assert_refused(["predict", "1", "a film"], folder)
    assert "adapter" in message or "run 1" in message
    assert_nothing_executed(folder)


@pytest.fixture(scope="module")
def runs_of_every_kind(tmp_path_factory, tiny_bert):
    """Return a folder with a run of every kind except adapters, without checksums."""
    folder = tmp_path_factory.mktemp("kinds")
    store = create_store(folder)
    for method in ("majority", "tfidf", "frozen", "untrained", "full"):
        RunWriter.reopen(store, record_run(store, tiny_bert, method=method).id).update(adapter_sha256=None)
    store.engine.dispose()
    return folder


@pytest.fixture
def kinds(runs_of_every_kind, tmp_path, monkeypatch):
    shutil.copytree(runs_of_every_kind, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


FILE_DAMAGES = {
    "missing": Path.unlink,
    "truncated": lambda file: file.write_bytes(file.read_bytes()[:-9]),
    "text": lambda file: file.write_text("text"),
    "pickle": lambda file: file.write_bytes(pickle.dumps(Payload())),
    "other tensors": lambda file: save_file({"other": torch.zeros(2)}, file),
}


@pytest.mark.parametrize(
    ("method", "name"),
    [
        *(("tfidf", name) for name in FILE_DAMAGES),
        *(("full", name) for name in FILE_DAMAGES),
        *((method, "other tensors") for method in ("majority", "frozen", "untrained")),
    ],
)
def test_damaged_files_of_a_run_without_adapter_are_refused(method, name, kinds):
    (weights,) = Path("adapters").glob(f"*-{method}/*.safetensors")
    FILE_DAMAGES[name](weights)
    run_id = weights.parent.name.partition("-")[0]
    message = assert_refused(["predict", run_id, "a film", "--db", "runs.db"], kinds)
    assert any(
        word in message for word in (f"run {run_id}", f"Run {run_id}", weights.name, "weights", "cannot be loaded")
    ), message
    assert_nothing_executed(kinds)


@pytest.mark.parametrize(
    "vocabulary",
    ["", "{}", "[1, 2]", "null", pytest.param("[" * 100_000, id="deeply nested")],
)
def test_a_damaged_vocabulary_is_refused(vocabulary, kinds):
    (file,) = Path("adapters").glob("*/vocabulary.json")
    file.write_text(vocabulary)
    assert_refused(["predict", "2", "a film", "--db", "runs.db"], kinds)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("config", "{"),
        ("config", "[]"),
        ("config", "{}"),
        ("config", '{"method": "nonsense"}'),
        ("config", '{"no_such": 1}'),
        ("config", "null"),
        ("adapter_path", "../.."),
        ("adapter_path", "adapters/nowhere"),
        pytest.param("adapter_path", "adapters/\0", id="adapter_path-NUL"),
        ("adapter_path", None),
        ("status", "nonsense"),
        ("dataset_id", None),
        ("created_at", "yesterday"),
        ("created_at", 5),
        pytest.param("heartbeat_at", b"\x19", id="heartbeat_at-bytes"),
        ("ended_at", 1e300),
        ("environment", "{"),
    ],
)
def test_a_damaged_row_is_shown_or_refused_without_a_traceback(column, value, folder):
    engine = create_engine("sqlite:///runs.db")
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE runs SET {column} = :value WHERE id = 1"), {"value": value})
    engine.dispose()
    before = folder_contents(folder)
    for argv in (["show", "1"], ["list"], ["predict", "1", "a film"], ["compare", "2", "1"], ["export", "1", "new"]):
        code, _, err = run_cli(argv)
        assert code in (0, 2), (argv, err)
        assert "Traceback" not in err and "unexpected " not in err, (argv, err)
        shutil.rmtree("new", ignore_errors=True)
    assert folder_contents(folder) == before
