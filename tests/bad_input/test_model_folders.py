"""Model folders that are damaged, malicious, or not models."""

import json
import pickle
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch

from tests.bad_input import damage
from tests.bad_input.damage import Damage, Payload, assert_nothing_executed
from tests.command_line import SIZES, assert_refused, run_cli


def edit_config(**values: object) -> Damage:
    return damage.edit_json("config.json", **values)


def damage_header(folder: Path) -> None:
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[:8] = b"\xff" * 8  # the length of the header
    (folder / "model.safetensors").write_bytes(content)


pickle_weights = damage.replace_by_pickle("model.safetensors", "pytorch_model.bin")


def shard_weights(*names: str) -> Damage:
    """Add an index that names the given files as shards of the weights."""

    def change(folder: Path) -> None:
        weights = {f"bert.layer.{number}": name for number, name in enumerate(names)}
        (folder / "model.safetensors").rename(folder / "model-1.safetensors")
        (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weights}))
        (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Payload()))

    return change


def pickle_shards(folder: Path) -> None:
    pickle_weights(folder)
    (folder / "pytorch_model.bin").rename(folder / "pytorch_model-1.bin")
    index = {"metadata": {}, "weight_map": {"bert.embeddings": "pytorch_model-1.bin"}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))


def add_tokenizer_code(folder: Path) -> None:
    (folder / "own.py").write_text("from pathlib import Path\nPath('executed').touch()\n")
    damage.edit_json("tokenizer_config.json", auto_map={"AutoTokenizer": ["own.Own", None]})(folder)


def add_adapter_config(folder: Path) -> None:
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA", "base_model_name_or_path": "gpt2"}')


CASES: dict[str, Damage] = {
    "empty": damage.delete_all,
    "no config": damage.delete("config.json"),
    "no weights": damage.delete("model.safetensors"),
    "no tokenizer": lambda folder: [path.unlink() for path in (*folder.glob("*token*"), folder / "vocab.txt")],
    "empty config": damage.replace("config.json", ""),
    "config is a list": damage.replace("config.json", "[]"),
    "config is an empty object": damage.replace("config.json", "{}"),
    "config is truncated": damage.truncate("config.json", 0.5),
    "config in Latin-1": damage.replace("config.json", '{"a": "\xe9"}'.encode("latin-1")),
    "deeply nested config": damage.replace("config.json", "[" * 100_000),
    "unknown model type": edit_config(model_type="nonsense"),
    "model type is a number": edit_config(model_type=42),
    "no classifier": edit_config(model_type="clip_text_model"),
    "hidden size is a text": edit_config(hidden_size="wide"),
    "hidden size is null": edit_config(hidden_size=None),
    "hidden size is negative": edit_config(hidden_size=-32),
    "hidden size exceeds memory": edit_config(hidden_size=1 << 40),
    "hidden size not divisible by heads": edit_config(hidden_size=33),
    "layers are a list": edit_config(num_hidden_layers=[2]),
    "small vocabulary": edit_config(vocab_size=3),
    "unknown activation": edit_config(hidden_act="nonsense"),
    "model with code": edit_config(auto_map={"AutoConfig": "code.Config"}),
    "code from the Hub": edit_config(auto_map={"AutoModelForSequenceClassification": "owner/name--own.Own"}),
    "tokenizer with code": add_tokenizer_code,
    "empty weights": damage.replace("model.safetensors", ""),
    "truncated weights": damage.truncate("model.safetensors", 0.5),
    "truncated header of weights": damage.truncate("model.safetensors", 0.001),
    "wrong header of weights": damage_header,
    "pickled weights": pickle_weights,
    "pickled shards": pickle_shards,
    "index of pickled shards": shard_weights("pytorch_model.bin"),
    "missing shard": shard_weights("model-1.safetensors", "model-2.safetensors"),
    "shard outside the folder": shard_weights("../../etc/passwd"),
    "index is not JSON": lambda folder: (
        shard_weights("model-1.safetensors")(folder),
        damage.replace("model.safetensors.index.json", "text")(folder),
    ),
    "adapter beside the model": lambda folder: (
        torch.save(Payload(), folder / "adapter_model.bin"),
        add_adapter_config(folder),
    ),
    "adapter config only": lambda folder: (damage.delete_all(folder), add_adapter_config(folder)),
    "circular links": damage.link_to_itself("config.json", "model.safetensors"),
    "truncated tokenizer": damage.replace("tokenizer.json", "{"),
    "tokenizer is a list": damage.replace("tokenizer.json", "[1, 2]"),
    "truncated tokenizer config": damage.replace("tokenizer_config.json", "{"),
}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("films") / "films.csv"
    pd.DataFrame({"text": [f"a film {n}" for n in range(30)], "label": ["good", "bad"] * 15}).to_csv(path, index=False)
    return str(path)


@pytest.mark.parametrize("name", CASES)
def test_a_damaged_model_folder_is_refused_and_executes_nothing(name, tmp_path, tiny_bert, films, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_bert, tmp_path / "model")
    CASES[name](tmp_path / "model")
    argv = ["--model", "model", "--dataset", films, *SIZES, "--epochs", "1", "--no-baselines", "--db", "runs.db"]
    assert "model" in assert_refused(argv, tmp_path)
    assert_nothing_executed(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        *("nowhere/at/all", "/nowhere", "../..", "films.csv", "circle", "~no-such-user", "/dev/zero", "a b?c#d"),
        "https://example.org/model",
        pytest.param("x" * 300, id="long name"),
    ],
)
def test_a_name_that_is_not_a_model_is_refused(name, tmp_path, films, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(films, "films.csv")
    Path("circle").symlink_to("circle")
    argv = ["--dataset", films, *SIZES, "--no-baselines", "--db", "runs.db", "--model", name]
    assert name[:100] in assert_refused(argv, tmp_path)


@pytest.mark.parametrize(
    "values", [{"hidden_size": 64}, {"num_hidden_layers": 4}], ids=["other hidden size", "more layers"]
)
def test_weights_of_another_model_fail_the_run_and_leave_no_files(values, tmp_path, tiny_bert, films):
    shutil.copytree(tiny_bert, tmp_path / "model")
    edit_config(**values)(tmp_path / "model")
    argv = ["--model", str(tmp_path / "model"), "--dataset", films, *SIZES, "--no-baselines"]
    code, out, err = run_cli([*argv, "--db", str(tmp_path / "runs.db")])
    assert code == 1
    assert "weights" in out + err and "Traceback" not in out + err
    assert not [path for path in (tmp_path / "adapters").rglob("*") if path.is_file()]
