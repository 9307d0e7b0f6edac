"""Config files that are damaged, malicious, or not config files."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import assert_refused

ROOT = Path(__file__).resolve().parents[2]
BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 20))


def refuse(content: bytes, folder: Path) -> str:
    (folder / "run.yaml").write_bytes(content)
    return assert_refused(["--config", str(folder / "run.yaml"), "--db", str(folder / "runs.db")], folder)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"just words", id="a text"),
        pytest.param(b"- a\n- b\n", id="a list"),
        pytest.param(b"r: [1", id="an open list"),
        pytest.param(b"r: 8\n---\nr: 4", id="two documents"),
        pytest.param(b"r: 8\0", id="NUL"),
        pytest.param(b"\xff\xfe" + "r: 8".encode("utf-16le"), id="UTF-16"),
        pytest.param(b"dataset: caf\xe9.csv", id="Latin-1"),
        pytest.param(b"a" * 200_001, id="large"),
        pytest.param(BOMB.encode(), id="YAML bomb"),
        pytest.param(b"r: &r [*r]", id="a recursive alias"),
        pytest.param(b"r: !!python/object/apply:os.system ['touch executed']", id="code"),
        pytest.param(b"r: !!binary aGVsbG8=", id="binary"),
        pytest.param(b"r: !!int x", id="an invalid integer"),
        pytest.param(b"r: " + b"{a: " * 9000, id="deep nesting"),
        pytest.param(b"r: " + b"9" * 5000, id="5000 digits"),
        pytest.param(b"? [r]\n: 8", id="a list as key"),
    ],
)
def test_a_file_without_settings_is_refused(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "--config" in refuse(content, tmp_path)


@pytest.mark.parametrize(
    ("content", "fragment"),
    [
        ("lr: .inf", "inf"),
        ("r: 4\nr: 8", "'r'"),
        ("train-size: 10\ntrain_size: 20", "train_size"),
        ("1: 2", "'1'"),
        ("epoch: 3", "'epochs'"),
        ("db: runs.db", "'db'"),
        pytest.param("? !!str " + "k" * 120 + "\n: 1", "'kkkk", id="a long key"),
        ("r: []", "r is an empty list"),
        ("r: [[4, 8]]", "--r"),
        ("r: {a: 1}", "--r"),
        ("r: true", "--r"),
        ("r: 2.5", "--r"),
        ("seed: 2020-01-01", "--seed"),
        ("text_column: 5", "--text-column"),
        ("method: [lora, [ia3]]", "--method"),
        ('model: "a\\0b"', "--model"),
        ("model: ''", "--model"),
        ("dora: 7", "--dora"),
        ("splits: {tset: a}", "--splits"),
        ("splits: 5", "--splits"),
        ("peft: {1: {2: 3}}", "--peft"),
        ("target_modules: {a: b}", "--target-modules"),
        ("model: https://me:hunter2xyz@host/x", "--model 'https://me:***@host/x'"),
        pytest.param("seed: [" + "1, " * 11_000 + "1]", "11,001", id="11,001 seeds"),
    ],
)
def test_a_wrong_value_is_refused_naming_its_setting(content, fragment, tmp_path):
    assert fragment in refuse(content.encode(), tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        *("nowhere.yaml", ".", "/dev/zero", "pipe", "circle", "~no-such-user/run.yaml", "/proc/self/mem", ""),
        pytest.param("x" * 300, id="a long name"),
    ],
)
def test_a_path_that_is_not_a_regular_file_is_refused(name, tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    monkeypatch.chdir(tmp_path)
    assert "--config" in assert_refused(["--config", name, "--db", str(tmp_path / "runs.db")], tmp_path)


def test_standard_input_as_config_file_is_refused_without_reading_it(tmp_path):
    command = [sys.executable, "runner.py", "--config", "/dev/stdin", "--db", str(tmp_path / "runs.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True) as process:
        assert process.wait() == 2  # while the pipe is open and nothing is written to it
        assert process.stderr is not None
        assert "--config /dev/stdin" in process.stderr.read()
    assert list(tmp_path.iterdir()) == []


def test_yaml_with_byte_order_mark_comments_and_plain_exponents_is_read(tmp_path):
    message = refuse("\ufeff# mine\nr: [four]\nlr: 1e-3\nlayers: last:4\n".encode(), tmp_path)
    assert "--r 'four'" in message and "--lr" not in message and "--layers" not in message
