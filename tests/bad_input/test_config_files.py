"""Files of settings that are none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bad_input.asking import refused

ROOT = Path(__file__).resolve().parents[2]
BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 20))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "holds no settings", id="empty"),
        pytest.param(b"\n# nothing\n", "holds no settings", id="comment"),
        pytest.param(b"just words", "holds no settings", id="words"),
        pytest.param(b"- a\n- b\n", "holds no settings", id="list"),
        pytest.param(b"42", "holds no settings", id="number"),
        pytest.param(b"r: [1", "is not YAML", id="open-list"),
        pytest.param(b"r: : 8", "is not YAML", id="two-colons"),
        pytest.param(b"\tr: 8", "is not YAML", id="tab"),
        pytest.param(b"r: 8\n---\nr: 4", "is not YAML: expected a single document", id="two-documents"),
        pytest.param(b"\0\1\2\3", "is not YAML", id="control-bytes"),
        pytest.param(b"r: 8\0", "is not YAML", id="null-byte"),
        pytest.param(b"\xff\xfe" + "r: 8".encode("utf-16le"), "is not YAML", id="utf-16"),
        pytest.param(b"dataset: caf\xe9.csv", "is not YAML: 'utf-8' codec", id="latin-1"),
        pytest.param(b"PAR1" * 5000, "holds no settings", id="parquet"),
        pytest.param(b"a" * 200_001, "has more than 100,000 bytes", id="too-large"),
        pytest.param(BOMB.encode(), "an alias (*name) can't be used here", id="alias-bomb"),
        pytest.param(b"r: &r [*r]", "an alias (*name) can't be used here", id="alias-of-itself"),
        pytest.param(
            b"r: !!python/object/apply:os.system ['touch /tmp/hacked']",
            "could not determine a constructor",
            id="tag-call",
        ),
        pytest.param(b"r: !!python/name:os.system", "could not determine a constructor", id="tag-name"),
        pytest.param(b"r: !!binary aGVsbG8=", "could not determine a constructor", id="tag-binary"),
        pytest.param(b"r: !!int x", "holds a value that can't be read", id="tag-int"),
        pytest.param(b"r: !!bool x", "holds a value that can't be read", id="tag-bool"),
        pytest.param(b"r: " + b"[" * 9000, "nested too deeply", id="deep-lists"),
        pytest.param(b"r: " + b"{a: " * 9000, "nested too deeply", id="deep-objects"),
        pytest.param(b"r: " + b"9" * 5000, "holds a value that can't be read", id="huge-number"),
        pytest.param(b"lr: .inf", "inf is not a finite number", id="inf"),
        pytest.param(b"lr: .nan", "nan is not a finite number", id="nan"),
        pytest.param(b"r: 4\nr: 8", "'r' stands there twice", id="key-twice"),
        pytest.param(b"train-size: 10\ntrain_size: 20", "train_size stands there twice", id="key-twice-by-dash"),
        pytest.param(b"? [r]\n: 8", "unhashable key", id="list-as-key"),
        pytest.param(b"1: 2", "there is no setting '1'", id="number-as-key"),
        pytest.param(b"epoch: 3", "there is no setting 'epoch'. Did you mean 'epochs'", id="misspelled"),
        pytest.param(b"config: other.yaml", "there is no setting 'config'", id="config"),
        pytest.param(b"db: runs.db", "there is no setting 'db'", id="db"),
        pytest.param(b"? !!str " + b"k" * 120 + b"\n: 1", "there is no setting 'kkkk", id="long-key"),
        pytest.param(b"r: []", "r is an empty list", id="empty-list"),
        pytest.param(b"r: [[4, 8]]", "--r [4, 8] should be a valid integer", id="nested-list"),
        pytest.param(b"r: {a: 1}", "--r {'a': 1} should be a valid integer", id="object-for-rank"),
        pytest.param(b"r: true", "--r True should not be true or false", id="true-for-rank"),
        pytest.param(b"epochs: yes", "--epochs True should not be true or false", id="yes-for-epochs"),
        pytest.param(b"r: 2.5", "--r 2.5 should be a valid integer", id="decimal-for-rank"),
        pytest.param(b"r: ''", "--r '' should not be empty", id="empty-rank"),
        pytest.param(b"seed: 2020-01-01", "--seed '2020-01-01' should be a valid integer", id="date-for-seed"),
        pytest.param(b"text_column: 5", "--text-column 5 should be a valid string", id="number-for-column"),
        pytest.param(b"method: [lora, [ia3]]", "--method ['ia3'] should be a valid string", id="list-for-method"),
        pytest.param(b'model: "a\\0b"', "holds a character that can't be stored", id="null-byte-in-model"),
        pytest.param(b"model: ''", "--model '' should not be empty", id="empty-model"),
        pytest.param(b"dora: 7", "--dora 7 should be a valid boolean", id="number-for-dora"),
        pytest.param(b"splits: {tset: a}", "--splits", id="splits-misspelled"),
        pytest.param(b"splits: test", "--splits 'test' should be key=value", id="splits-word"),
        pytest.param(b"splits: [test=a, test]", "--splits 'test' should be key=value", id="splits-list"),
        pytest.param(b"splits: 5", "--splits", id="splits-number"),
        pytest.param(b"peft: [1, 2]", "--peft", id="peft-list"),
        pytest.param(b"peft: {1: {2: 3}}", "--peft", id="peft-numbers"),
        pytest.param(b"target_modules: {a: b}", "--target-modules", id="target-modules-object"),
        pytest.param(
            b"model: https://me:hunter2xyz@host/x",
            "--model 'https://me:***@host/x' seems to hold a token",
            id="token-in-model",
        ),
        pytest.param(b"seed: [" + b"1, " * 11_000 + b"1]", "11,001 runs", id="too-many-runs"),
    ],
)
def test_what_is_wrong_with_a_file_of_settings_is_said(content, said, tmp_path):
    (tmp_path / "run.yaml").write_bytes(content)
    argv = ["--config", str(tmp_path / "run.yaml"), "--db", str(tmp_path / "runs.db")]
    assert said in " ".join(refused(argv, tmp_path).split())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere.yaml", "can't be read"),
        (".", "is no file: a folder, a device or a pipe"),
        ("/dev/zero", "is no file: a folder, a device or a pipe"),
        ("pipe", "is no file: a folder, a device or a pipe"),
        ("circle", "can't be a path here"),
        pytest.param("x" * 5000, "can't be a path here", id="very-long-name"),
        pytest.param("x" * 300, "can't be a path here", id="long-name"),
        ("~nobody-of-this-name/run.yaml", "can't be a path here"),
        ("/proc/self/mem", "can't be read"),
        pytest.param("", "it names nothing", id="empty"),
    ],
)
def test_what_is_no_file_is_told(name, said, tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    monkeypatch.chdir(tmp_path)
    assert said in refused(["--config", name, "--db", str(tmp_path / "runs.db")], tmp_path)


def test_settings_from_a_pipe_are_refused_and_awaited_by_nobody(tmp_path):
    command = [sys.executable, "runner.py", "--config", "/dev/stdin", "--db", str(tmp_path / "runs.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True) as asked:
        assert asked.wait() == 2  # while the pipe is open, and nothing comes
        assert asked.stderr is not None
        assert "is no file: a folder, a device or a pipe" in asked.stderr.read()
    assert list(tmp_path.iterdir()) == []


def test_yaml_as_people_write_it_is_read(tmp_path):
    (tmp_path / "run.yaml").write_text("\ufeff# mine\nr: [four]\nlr: 1e-3\nlayers: last:4\n", encoding="utf-8")
    said = refused(["--config", str(tmp_path / "run.yaml"), "--db", str(tmp_path / "runs.db")], tmp_path)
    assert said.startswith("runner.py: --r 'four' should be a valid integer") and said.count("\n") == 1
