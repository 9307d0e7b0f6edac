"""Words of the command line that can't be meant."""

from typing import Any, get_args

import pytest

from core.config import RunConfig, flag
from tests.bad_input.asking import refused

TOKEN = "hf_" + "aB3dE5gH7j" * 3  # no real one
ODD = {
    int: ["", "two", "-1", "1.5", "nan", "1e400", "9" * 30, "9" * 5000, "0x10", "①", "true", "4;8"],
    float: ["", "fast", "-1", "nan", "inf", "-inf", "1e999", "1,5", "½", "9" * 5000 + "x"],
    bool: ["", "maybe", "2", "ja", "nan"],
    str: ["", "   ", "x" * 5000, TOKEN, f"https://me:{TOKEN}@host/x"],
}


def kinds(annotation: Any) -> set[Any]:
    return {annotation} | {kind for inner in get_args(annotation) for kind in kinds(inner)}


def odd_values() -> list[tuple[str, str]]:
    cases = []
    for name, field in RunConfig.model_fields.items():
        known = kinds(field.annotation)
        kind = next((one for one in (bool, int, float) if one in known), str)
        cases += [(flag(name), value) for value in ODD[kind]]
    return cases


@pytest.mark.parametrize(("name", "value"), odd_values(), ids=lambda one: one[:20])
def test_every_flag_refuses_what_it_can_not_mean(name, value, tmp_path):
    said = refused([f"{name}={value}", "--db", str(tmp_path / "runs.db")], tmp_path)
    assert name in said
    assert TOKEN not in said


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--r"], "--r: expected at least one argument"),
        (["--r", "4", "--r", "8"], "--r is given twice. Several values stand behind one: --r 1 2"),
        (["--db", "a.db", "--db", "b.db"], "--db is given twice"),
        (["--config", "a", "--config", "b"], "--config is given twice"),
        (["list", "--db", ""], "it names nothing"),
        (["--db", " "], "it names nothing"),
        (["--name", ""], "it names nothing"),
        (["--name", "x" * 201], "a name has 200 characters at most, this one has 201"),
        (["--name", f"with {TOKEN}"], "it seems to hold a token"),
        (["--nonsense"], "there is no --nonsense here"),
        (["--lrr", "1"], "Did you mean '--lr'"),
        (["-r", "4"], "there is no -r here"),
        (["--", "x"], " here"),
        (["--no-baselines", ""], "there is no '' here"),
        (["list", "--debug", ""], "there is no '' here"),
        (["list", "--json", "  "], "there is no '  ' here"),
        ([""], "there is no command ''"),
        (["lsit"], "Did you mean 'list'"),
        (["list", "show"], "a command comes first"),
        (["--no-baselines=1"], "ignored explicit argument"),
        (["caf\udce9"], "word 1 of the command (character 4 of it) is not UTF-8"),
        (["--dataset", "a\0b.csv"], "word 2 of the command (character 2 of it) is not UTF-8, or a NUL"),
        (["--peft", "x"], "--peft 'x' should be key=value"),
        (["--peft", "=1"], "should be key=value"),
        (["--peft", "scaling=.inf", "--method", "fourierft"], "--peft"),
        (["--peft", "n_frequency=!!python/object/apply:os.system [id]", "--method", "fourierft"], "a valid integer"),
        (["--peft", f"n_frequency={'[' * 3000}", "--method", "fourierft"], "a valid integer"),
        (["--peft", "no_such=1"], "no such field"),
        (["--splits", "tset=a"], "--splits"),
        (["--splits", "test"], "should be key=value"),
        (["--seed", *map(str, range(200)), "--r", *map(str, range(1, 100))], "make 19,800 runs; 10,000 are the most"),
        (["--method", "majority", "--r", "4"], "--r does nothing for --method majority"),
        (["--method", "LoRA"], "Did you mean 'lora'"),
        (["--batch-size", "10", "--gradient-accumulation", "3"], "does not divide"),
        (["--target-modules", ","], "--target-modules"),
        (["--layers", "last:0"], "should be like last:4"),
        (["--layers", "0,,1"], "should be like last:4"),
        (["--dora", "true", "false", "maybe"], "--dora"),
        (["--dropout", "1"], "should be less than 1"),
        (["--init", "pissa", "--quantize", "8bit"], "it does not go with --quantize"),
        (["--checkpoint-every", "-1"], "'-1' is no number of seconds from 0"),
        (["--checkpoint-every", "nan"], "'nan' is no number of seconds from 0"),
        (["list", "x"], "there is no x here"),
        (["list", "--groups=1"], "ignored explicit argument"),
        (["list", "--json", "--json"], "There is no database"),
        (["list", "--r", "4"], "there is no --r here"),
        (["methods", "lora"], "there is no lora here"),
        (["methods", "--probe=yes"], "ignored explicit argument"),
        (["methods", "--jsn"], "Did you mean '--json'"),
        (["delete", "1", "2", "--yes"], "there is no 2 here"),
        (["delete"], "the following arguments are required: run"),
        (["resume", "1", "--lr", "1"], "there is no --lr here"),
        (["resume", "1", "--checkpoint-every", "soon"], "'soon' is no number of seconds from 0"),
        (["recheck"], "the following arguments are required: run"),
        (["recheck", "1", "2"], "there is no 2 here"),
        (["db"], "the following arguments are required: action"),
        (["db", "downgrade"], "Did you mean 'upgrade'"),
        (["db", "upgrade", "--mend"], "--mend and --json belong to"),
        (["db", "recover", "--json"], "--mend and --json belong to"),
        (["db", "check", "check"], "there is no check here"),
        (["merge", "1"], "the following arguments are required: DIR"),
        (["export", "1", "a", "b"], "there is no b here"),
        (["predict", "1", "--output"], "--output: expected one argument"),
        (["predict", "1", "--file", ""], "it names nothing"),
    ],
    ids=lambda one: " ".join(one)[:40] if isinstance(one, list) else "",
)
def test_what_is_wrong_with_a_command_is_said(argv, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNS_DB", str(tmp_path / "runs.db"))
    assert said in refused(argv, tmp_path)


NUMBERED = ["show", "predict", "merge", "export", "recheck", "delete", "resume", "compare"]


@pytest.mark.parametrize("command", NUMBERED)
@pytest.mark.parametrize("number", ["0", "-1", str(2**31), str(2**63), "9" * 5000, "one", "1.0", "１", "1_0", ""])
def test_a_run_has_a_number_from_1_on(command, number, tmp_path):
    rest = {"compare": ["1"], "merge": [str(tmp_path / "x")], "export": [str(tmp_path / "x")]}.get(command, [])
    assert "is no run's number" in refused([command, number, *rest, "--db", str(tmp_path / "runs.db")], tmp_path)


@pytest.mark.parametrize("margin", ["-1", "nan", "inf", "101", "x", ""])
def test_a_margin_is_a_number_of_points(margin, tmp_path):
    said = refused(["compare", "1", "2", f"--margin={margin}", "--db", str(tmp_path / "runs.db")], tmp_path)
    assert "is no number of points from 0 to 100" in said
