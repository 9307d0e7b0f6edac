"""Flags and values that no command accepts."""

from typing import Any, get_args

import pytest

from core.config import RunConfig, flag
from tests.command_line import assert_refused

TOKEN = "hf_" + "aB3dE5gH7j" * 3  # not a real one


def types_of(annotation: Any) -> set[Any]:
    return {annotation} | {kind for inner in get_args(annotation) for kind in types_of(inner)}


@pytest.mark.parametrize("name", RunConfig.model_fields)
def test_every_flag_refuses_a_value_of_another_type_and_names_itself(name, tmp_path):
    textual = not types_of(RunConfig.model_fields[name].annotation) & {bool, int, float}
    argv = [f"{flag(name)}={'' if textual else 'text'}", "--db", str(tmp_path / "runs.db")]
    assert flag(name) in assert_refused(argv, tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("--seed", value) for value in ("", "-1", "1.5", "1e400", "0x10", "①", "true", "4;8")),
        pytest.param("--seed", "9" * 5000, id="seed-5000-digits"),
        *(("--dropout", value) for value in ("nan", "-inf", "1", "1,5")),
        *(("--dora", value) for value in ("", "2")),
        *(("--layers", value) for value in ("   ", "last:0", "0,,1")),
        pytest.param("--model", "x" * 5000, id="model-5000-characters"),
        pytest.param("--model", f"https://me:{TOKEN}@host/x", id="model-with-token"),
        ("--peft", "=1"),
        ("--target-modules", ","),
    ],
)
def test_a_flag_refuses_values_out_of_range_or_form(name, value, tmp_path):
    message = assert_refused([f"{name}={value}", "--db", str(tmp_path / "runs.db")], tmp_path)
    assert name in message
    assert TOKEN not in message


@pytest.mark.parametrize(
    ("argv", "fragment"),
    [
        (["--r"], "--r"),
        (["--r", "4", "--r", "8"], "--r"),
        (["--dora", "--no-dora"], "--dora"),
        (["--no-dora", "true"], "--no-dora"),
        (["--db", "a.db", "--db", "b.db"], "--db"),
        (["--db", " "], "--db"),
        pytest.param(["--name", "x" * 201], "--name", id="long name"),
        pytest.param(["--name", f"with {TOKEN}"], "--name", id="name with token"),
        (["--lrr", "1"], "--lr"),
        (["-r", "4"], "-r"),
        (["--", "x"], "--"),
        (["--no-baselines", ""], "''"),
        (["--no-baselines=1"], "--no-baselines"),
        (["--baselines", "knn", "--no-baselines"], "--no-baselines"),
        (["--baselines", "tfdif"], "'tfidf'"),
        ([""], "''"),
        (["lsit"], "list"),
        (["list", "show"], "show"),
        (["--db", "runs.db", "list"], "python runner.py list"),
        pytest.param(["caf\udce9"], "argument 1: character 4", id="not UTF-8"),
        pytest.param(["--dataset", "a\0b.csv"], "argument 2: character 2", id="NUL"),
        (["--checkpoint-every", "-1"], "--checkpoint-every"),
        (["resume", "1", "--checkpoint-every", "nan"], "--checkpoint-every"),
        (["compare", "1", "2", "--margin", "101"], "--margin"),
        (["list", "--r", "4"], "--r"),
        (["methods", "lora"], "lora"),
        (["delete", "1", "2", "--yes"], "2"),
        (["merge", "1"], "DIR"),
        (["predict", "1", "--output"], "--output"),
        (["db"], "check"),
        (["db", "--fix"], "check"),
        (["db", "chek"], "check"),
        (["db", "upgrade", "--fix"], "--fix"),
        (["db", "check", "check"], "check"),
    ],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, list) else "",
)
def test_a_wrong_command_line_is_refused_naming_the_argument(argv, fragment, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNS_DB", str(tmp_path / "runs.db"))
    assert fragment in assert_refused(argv, tmp_path)


@pytest.mark.parametrize(
    ("argv", "fragment"),
    [
        (["--method", "LoRA"], "'lora'"),
        (["--method", "majority", "--r", "4"], "--r"),
        (["--batch-size", "10", "--gradient-accumulation", "3"], "--gradient-accumulation"),
        (["--init", "pissa", "--quantize", "8bit"], "--init"),
        (["--init", "loftq"], "--quantize"),
        (["--splits", "tset=a"], "--splits"),
        (["--peft", "no_such=1"], "no_such"),
        (["--peft", "scaling=.inf", "--method", "fourierft"], "--peft"),
        (["--peft", "n_frequency=!!python/object/apply:os.system [id]", "--method", "fourierft"], "n_frequency"),
        pytest.param(["--peft", f"n_frequency={'[' * 3000}", "--method", "fourierft"], "n_frequency", id="deep YAML"),
        pytest.param(
            ["--seed", *map(str, range(200)), "--r", *map(str, range(1, 100))], "19,800", id="a grid of 19,800 runs"
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_settings_that_do_not_fit_together_are_refused(argv, fragment, tmp_path):
    assert fragment in assert_refused([*argv, "--db", str(tmp_path / "runs.db")], tmp_path)


@pytest.mark.parametrize("command", ["show", "predict", "merge", "export", "recheck", "delete", "resume", "compare"])
def test_every_command_on_a_run_refuses_a_run_id_of_0(command, tmp_path):
    rest = {"compare": ["1"], "merge": [str(tmp_path / "x")], "export": [str(tmp_path / "x")]}.get(command, [])
    assert_refused([command, "0", *rest, "--db", str(tmp_path / "runs.db")], tmp_path)


@pytest.mark.parametrize(
    "number",
    ["-1", str(2**31), pytest.param("9" * 5000, id="5000 digits"), "one", "1.0", "１", "1_0", ""],
)
def test_a_run_id_is_a_positive_integer(number, tmp_path):
    assert "positive integer" in assert_refused(["show", number, "--db", str(tmp_path / "runs.db")], tmp_path)
