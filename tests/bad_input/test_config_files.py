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
        (b"", "holds no settings"),
        (b"\n# nothing\n", "holds no settings"),
        (b"just words", "holds no settings"),
        (b"- a\n- b\n", "holds no settings"),
        (b"42", "holds no settings"),
        (b"r: [1", "is not YAML"),
        (b"r: : 8", "is not YAML"),
        (b"\tr: 8", "is not YAML"),
        (b"r: 8\n---\nr: 4", "is not YAML: expected a single document"),
        (b"\0\1\2\3", "is not YAML"),
        (b"r: 8\0", "is not YAML"),
        (b"\xff\xfe" + "r: 8".encode("utf-16le"), "is not YAML"),
        (b"dataset: caf\xe9.csv", "is not YAML: 'utf-8' codec"),
        (b"PAR1" * 5000, "holds no settings"),
        (b"a" * 200_001, "has more than 100,000 bytes"),
        (BOMB.encode(), "an alias (*name) can't be used here"),
        (b"r: &r [*r]", "an alias (*name) can't be used here"),
        (b"r: !!python/object/apply:os.system ['touch /tmp/hacked']", "could not determine a constructor"),
        (b"r: !!python/name:os.system", "could not determine a constructor"),
        (b"r: !!binary aGVsbG8=", "could not determine a constructor"),
        (b"r: !!int x", "holds a value that can't be read"),
        (b"r: !!bool x", "holds a value that can't be read"),
        (b"r: " + b"[" * 9000, "nested too deeply"),
        (b"r: " + b"{a: " * 9000, "nested too deeply"),
        (b"r: " + b"9" * 5000, "holds a value that can't be read"),
        (b"lr: .inf", "inf is not a finite number"),
        (b"lr: .nan", "nan is not a finite number"),
        (b"r: 4\nr: 8", "'r' stands there twice"),
        (b"train-size: 10\ntrain_size: 20", "train_size stands there twice"),
        (b"? [r]\n: 8", "unhashable key"),
        (b"1: 2", "there is no setting '1'"),
        (b"epoch: 3", "there is no setting 'epoch'. Did you mean 'epochs'"),
        (b"config: other.yaml", "there is no setting 'config'"),
        (b"db: runs.db", "there is no setting 'db'"),
        (b"? !!str " + b"k" * 120 + b"\n: 1", "there is no setting 'kkkk"),
        (b"r: []", "r is an empty list"),
        (b"r: [[4, 8]]", "--r [4, 8] should be a valid integer"),
        (b"r: {a: 1}", "--r {'a': 1} should be a valid integer"),
        (b"r: true", "--r True should not be true or false"),
        (b"epochs: yes", "--epochs True should not be true or false"),
        (b"r: 2.5", "--r 2.5 should be a valid integer"),
        (b"r: ''", "--r '' should not be empty"),
        (b"seed: 2020-01-01", "--seed '2020-01-01' should be a valid integer"),
        (b"text_column: 5", "--text-column 5 should be a valid string"),
        (b"method: [lora, [ia3]]", "--method ['ia3'] should be a valid string"),
        (b'model: "a\\0b"', "holds a character that can't be stored"),
        (b"model: ''", "--model '' should not be empty"),
        (b"dora: 7", "--dora 7 should be a valid boolean"),
        (b"splits: {tset: a}", "--splits"),
        (b"splits: test", "--splits 'test' should be key=value"),
        (b"splits: [test=a, test]", "--splits 'test' should be key=value"),
        (b"splits: 5", "--splits"),
        (b"peft: [1, 2]", "--peft"),
        (b"peft: {1: {2: 3}}", "--peft"),
        (b"target_modules: {a: b}", "--target-modules"),
        (b"model: https://me:hunter2xyz@host/x", "--model 'https://me:***@host/x' seems to hold a token"),
        (b"seed: [" + b"1, " * 11_000 + b"1]", "make 11,001 runs; 10,000 are the most"),
    ],
    ids=lambda one: repr(one)[:30] if isinstance(one, bytes) else "",
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
        ("x" * 5000, "can't be a path here"),
        ("x" * 300, "can't be a path here"),
        ("~nobody-of-this-name/run.yaml", "can't be a path here"),
        ("/proc/self/mem", "can't be read"),
        ("", "it names nothing"),
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
