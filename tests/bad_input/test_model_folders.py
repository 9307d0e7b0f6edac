"""Folders that are taken for models, and are none."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch

from tests.bad_input.asking import SIZES, ask, refused

Damage = Callable[[Path], object]


class Harm:
    """What a pickle does to who loads it."""

    def __reduce__(self):
        return Path("hacked").touch, ()


def without(name: str) -> Damage:
    return lambda folder: (folder / name).unlink()


def holding(name: str, content: str | bytes) -> Damage:
    return lambda folder: (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def saying(**settings: object) -> Damage:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | settings))

    return change


def cut(name: str, share: float) -> Damage:
    def change(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(len(content) * share)])

    return change


def flipped(folder: Path) -> None:
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[:8] = b"\xff" * 8  # the length of its header
    (folder / "model.safetensors").write_bytes(content)


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Harm()))


def pickled_adapter(folder: Path) -> None:
    pickled(folder)
    torch.save({}, folder / "adapter_model.bin")


def in_shards(*names: str) -> Damage:
    """Say that the weights lie in other files, one of them beside the folder."""

    def change(folder: Path) -> None:
        weights = {f"bert.layer.{number}": name for number, name in enumerate(names)}
        (folder / "model.safetensors").rename(folder / "model-1.safetensors")
        (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weights}))
        (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Harm()))

    return change


def in_pickled_shards(folder: Path) -> None:
    pickled(folder)
    (folder / "pytorch_model.bin").rename(folder / "pytorch_model-1.bin")
    index = {"metadata": {}, "weight_map": {"bert.embeddings": "pytorch_model-1.bin"}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))


def with_code(**named: object) -> Damage:
    """Name Python code that comes along, in the tokenizer's config."""

    def change(folder: Path) -> None:
        (folder / "own.py").write_text("from pathlib import Path\nPath('hacked').touch()\n")
        path = folder / "tokenizer_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | named))

    return change


def in_a_circle(folder: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        (folder / name).unlink()
        (folder / name).symlink_to(folder / name)


CASES: dict[str, Damage] = {
    "nothing at all": lambda folder: [path.unlink() for path in folder.iterdir()],
    "no config": without("config.json"),
    "no weights": without("model.safetensors"),
    "no tokenizer": lambda folder: [path.unlink() for path in (*folder.glob("*token*"), folder / "vocab.txt")],
    "an empty config": holding("config.json", ""),
    "a config of words": holding("config.json", "words"),
    "a list as a config": holding("config.json", "[]"),
    "a number as a config": holding("config.json", "42"),
    "an empty object": holding("config.json", "{}"),
    "a config that is cut": cut("config.json", 0.5),
    "a config in latin-1": holding("config.json", '{"a": "\xe9"}'.encode("latin-1")),
    "a deep config": holding("config.json", "[" * 100_000),
    "an unknown kind": saying(model_type="nonsense"),
    "a kind that is a number": saying(model_type=42),
    "a kind that is no classifier": saying(model_type="clip_text_model"),
    "a width of words": saying(hidden_size="wide"),
    "no width": saying(hidden_size=None),
    "a width of nothing": saying(hidden_size=0),
    "a width below nothing": saying(hidden_size=-32),
    "a width past all memory": saying(hidden_size=1 << 40),
    "a width that the heads do not divide": saying(hidden_size=33),
    "layers as a list": saying(num_hidden_layers=[2]),
    "a vocabulary that is too small": saying(vocab_size=3),
    "code of its own": saying(auto_map={"AutoConfig": "code.Config"}),
    "an activation of no one": saying(hidden_act="nonsense"),
    "empty weights": holding("model.safetensors", ""),
    "weights that are cut": cut("model.safetensors", 0.5),
    "weights that are cut in their header": cut("model.safetensors", 0.001),
    "weights with a wrong header": flipped,
    "weights of words": holding("model.safetensors", "words " * 99),
    "pickled weights": pickled,
    "pickled weights and adapter": pickled_adapter,
    "pickled shards": in_pickled_shards,
    "shards that are pickles": in_shards("pytorch_model.bin"),
    "shards that are not there": in_shards("model-1.safetensors", "model-2.safetensors"),
    "shards that climb": in_shards("../../etc/passwd"),
    "an index of words": lambda folder: (
        in_shards("model-1.safetensors")(folder),
        (folder / "model.safetensors.index.json").write_text("words"),
    ),
    "a tokenizer with code": with_code(auto_map={"AutoTokenizer": ["own.Own", None]}),
    "code from elsewhere": saying(auto_map={"AutoModelForSequenceClassification": "owner/name--own.Own"}),
    "an adapter beside": lambda folder: (
        torch.save(Harm(), folder / "adapter_model.bin"),
        (folder / "adapter_config.json").write_text('{"peft_type": "LORA", "base_model_name_or_path": "gpt2"}'),
    ),
    "an adapter's config alone": lambda folder: (
        [path.unlink() for path in folder.iterdir()],
        (folder / "adapter_config.json").write_text('{"peft_type": "LORA", "base_model_name_or_path": "gpt2"}'),
    ),
    "links in a circle": in_a_circle,
    "a broken tokenizer": holding("tokenizer.json", "{"),
    "a tokenizer of another kind": holding("tokenizer.json", "[1, 2]"),
    "a broken tokenizer's config": holding("tokenizer_config.json", "{"),
}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("films") / "films.csv"
    pd.DataFrame({"text": [f"a film {n}" for n in range(30)], "label": ["good", "bad"] * 15}).to_csv(path, index=False)
    return str(path)


@pytest.mark.parametrize("name", CASES)
def test_a_folder_that_is_no_model_is_refused(name, tmp_path, tiny_bert, films, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_bert, tmp_path / "model")
    CASES[name](tmp_path / "model")
    argv = ["--model", "model", "--dataset", films, *SIZES, "--epochs", "1", "--no-baselines", "--db", "runs.db"]
    said = refused(argv, tmp_path)
    assert "model" in said
    assert not Path("hacked").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere/at/all", "neither a folder nor"),
        ("/nowhere", "neither a folder nor"),
        ("../..", "holds no"),
        ("films.csv", "films.csv"),
        ("circle", "can't be a path here"),
        ("~nobody-of-this-name", "can't be a path here"),
        pytest.param("x" * 300, "can't be a path here", id="long-name"),
        ("/dev/zero", "/dev/zero"),
        ("a b?c#d", "neither a folder nor"),
        ("https://example.org/model", "neither a folder nor"),
        ("--model", "expected at least one argument"),
    ],
)
def test_a_name_of_no_model_is_refused(name, said, tmp_path, films, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(films, "films.csv")
    Path("circle").symlink_to("circle")
    argv = ["--dataset", films, *SIZES, "--no-baselines", "--db", "runs.db", "--model", name]
    assert said in refused(argv, tmp_path)


@pytest.mark.parametrize("damage", [saying(hidden_size=64), saying(num_hidden_layers=4)], ids=["hidden-size", "layers"])
def test_weights_of_another_model_fail_the_run_with_the_reason_in_its_record(damage, tmp_path, tiny_bert, films):
    shutil.copytree(tiny_bert, tmp_path / "model")
    damage(tmp_path / "model")
    argv = ["--model", str(tmp_path / "model"), "--dataset", films, *SIZES, "--no-baselines"]
    code, out, err = ask([*argv, "--db", str(tmp_path / "runs.db")])
    assert code == 1
    assert "its weights lack" in out + err and "Traceback" not in out + err
    assert not [path for path in (tmp_path / "adapters").rglob("*") if path.is_file()]
