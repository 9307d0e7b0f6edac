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
ODD_IDS = {
    "": "empty",
    "9" * 30: "long-number",
    "9" * 5000: "very-long-number",
    "①": "circled-digit",
    "½": "fraction-sign",
    "9" * 5000 + "x": "very-long-word",
    "   ": "blank",
    "x" * 5000: "very-long-word",
    TOKEN: "token",
    f"https://me:{TOKEN}@host/x": "token-in-url",
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


@pytest.mark.parametrize(("name", "value"), odd_values(), ids=lambda one: ODD_IDS.get(one, one))
def test_every_flag_refuses_what_it_can_not_mean(name, value, tmp_path):
    said = refused([f"{name}={value}", "--db", str(tmp_path / "runs.db")], tmp_path)
    assert name in said
    assert TOKEN not in said


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        pytest.param(["--r"], "--r: expected at least one argument", id="r-without-value"),
        pytest.param(
            ["--r", "4", "--r", "8"], "--r is given twice. Several values stand behind one: --r 1 2", id="r-twice"
        ),
        pytest.param(["--db", "a.db", "--db", "b.db"], "--db is given twice", id="db-twice"),
        pytest.param(["--config", "a", "--config", "b"], "--config is given twice", id="config-twice"),
        pytest.param(["list", "--db", ""], "it names nothing", id="list-db-empty"),
        pytest.param(["--db", " "], "it names nothing", id="db-blank"),
        pytest.param(["--name", ""], "it names nothing", id="name-empty"),
        pytest.param(["--name", "x" * 201], "a name has 200 characters at most, this one has 201", id="name-long"),
        pytest.param(["--name", f"with {TOKEN}"], "it seems to hold a token", id="name-with-token"),
        pytest.param(["--nonsense"], "there is no --nonsense here", id="unknown"),
        pytest.param(["--lrr", "1"], "Did you mean '--lr'", id="misspelled"),
        pytest.param(["-r", "4"], "there is no -r here", id="short-flag"),
        pytest.param(["--", "x"], " here", id="double-dash"),
        pytest.param(["--no-baselines", ""], "there is no '' here", id="switch-then-empty"),
        pytest.param(["list", "--debug", ""], "there is no '' here", id="list-debug-empty"),
        pytest.param(["list", "--json", "  "], "there is no '  ' here", id="list-json-blank"),
        pytest.param([""], "there is no command ''", id="empty-command"),
        pytest.param(["lsit"], "Did you mean 'list'", id="command-misspelled"),
        pytest.param(["list", "show"], "a command comes first", id="two-commands"),
        pytest.param(["--no-baselines=1"], "ignored explicit argument", id="switch-with-value"),
        pytest.param(["caf\udce9"], "word 1 of the command (character 4 of it) is not UTF-8", id="not-utf-8"),
        pytest.param(
            ["--dataset", "a\0b.csv"],
            "word 2 of the command (character 2 of it) is not UTF-8, or a NUL",
            id="null-byte",
        ),
        pytest.param(["--peft", "x"], "--peft 'x' should be key=value", id="peft-word"),
        pytest.param(["--peft", "=1"], "should be key=value", id="peft-without-key"),
        pytest.param(["--peft", "scaling=.inf", "--method", "fourierft"], "--peft", id="peft-inf"),
        pytest.param(
            ["--peft", "n_frequency=!!python/object/apply:os.system [id]", "--method", "fourierft"],
            "a valid integer",
            id="peft-tag",
        ),
        pytest.param(
            ["--peft", f"n_frequency={'[' * 3000}", "--method", "fourierft"], "a valid integer", id="peft-deep"
        ),
        pytest.param(["--peft", "no_such=1"], "no such field", id="peft-unknown"),
        pytest.param(["--splits", "tset=a"], "--splits", id="splits-misspelled"),
        pytest.param(["--splits", "test"], "should be key=value", id="splits-word"),
        pytest.param(
            ["--seed", *map(str, range(200)), "--r", *map(str, range(1, 100))],
            "19,800 runs",
            id="too-many-runs",
        ),
        pytest.param(["--method", "majority", "--r", "4"], "--r has no effect", id="rank-without-use"),
        pytest.param(["--method", "LoRA"], "Did you mean 'lora'", id="method-capitals"),
        pytest.param(
            ["--batch-size", "10", "--gradient-accumulation", "3"], "does not divide", id="steps-not-divisible"
        ),
        pytest.param(["--target-modules", ","], "--target-modules", id="target-modules-comma"),
        pytest.param(["--layers", "last:0"], "should be like last:4", id="layers-zero"),
        pytest.param(["--layers", "0,,1"], "should be like last:4", id="layers-gap"),
        pytest.param(["--dora", "true", "false", "maybe"], "--dora", id="dora-three-values"),
        pytest.param(["--dropout", "1"], "should be less than 1", id="dropout-one"),
        pytest.param(["--init", "pissa", "--quantize", "8bit"], "--init pissa", id="pissa-quantized"),
        pytest.param(["--checkpoint-every", "-1"], "'-1' is no number of seconds from 0", id="checkpoint-negative"),
        pytest.param(["--checkpoint-every", "nan"], "'nan' is no number of seconds from 0", id="checkpoint-nan"),
        pytest.param(["list", "x"], "there is no x here", id="list-word"),
        pytest.param(["list", "--groups=1"], "ignored explicit argument", id="list-groups-value"),
        pytest.param(["list", "--json", "--json"], "There is no database", id="list-json-twice"),
        pytest.param(["list", "--r", "4"], "there is no --r here", id="list-rank"),
        pytest.param(["methods", "lora"], "there is no lora here", id="methods-word"),
        pytest.param(["methods", "--probe=yes"], "ignored explicit argument", id="methods-probe-value"),
        pytest.param(["methods", "--jsn"], "Did you mean '--json'", id="methods-misspelled"),
        pytest.param(["delete", "1", "2", "--yes"], "there is no 2 here", id="delete-two"),
        pytest.param(["delete"], "the following arguments are required: run", id="delete-without-run"),
        pytest.param(["resume", "1", "--lr", "1"], "there is no --lr here", id="resume-rate"),
        pytest.param(
            ["resume", "1", "--checkpoint-every", "soon"],
            "'soon' is no number of seconds from 0",
            id="resume-checkpoint-word",
        ),
        pytest.param(["recheck"], "the following arguments are required: run", id="recheck-without-run"),
        pytest.param(["recheck", "1", "2"], "there is no 2 here", id="recheck-two"),
        pytest.param(["db"], "the following arguments are required: action", id="db-without-action"),
        pytest.param(["db", "downgrade"], "Did you mean 'upgrade'", id="db-misspelled"),
        pytest.param(["db", "upgrade", "--mend"], "--mend and --json belong to", id="upgrade-mend"),
        pytest.param(["db", "recover", "--json"], "--mend and --json belong to", id="recover-json"),
        pytest.param(["db", "check", "check"], "there is no check here", id="check-twice"),
        pytest.param(["merge", "1"], "the following arguments are required: DIR", id="merge-without-folder"),
        pytest.param(["export", "1", "a", "b"], "there is no b here", id="export-two-folders"),
        pytest.param(["predict", "1", "--output"], "--output: expected one argument", id="predict-without-output"),
        pytest.param(["predict", "1", "--file", ""], "it names nothing", id="predict-file-empty"),
    ],
)
def test_what_is_wrong_with_a_command_is_said(argv, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNS_DB", str(tmp_path / "runs.db"))
    assert said in refused(argv, tmp_path)


NUMBERED = ["show", "predict", "merge", "export", "recheck", "delete", "resume", "compare"]


@pytest.mark.parametrize("command", NUMBERED)
@pytest.mark.parametrize(
    "number",
    ["0", "-1", str(2**31), str(2**63), "9" * 5000, "one", "1.0", "１", "1_0", ""],
    ids=["zero", "negative", "32-bit", "64-bit", "very-long", "word", "decimal", "full-width", "underscore", "empty"],
)
def test_a_run_has_a_number_from_1_on(command, number, tmp_path):
    rest = {"compare": ["1"], "merge": [str(tmp_path / "x")], "export": [str(tmp_path / "x")]}.get(command, [])
    assert "is no run's number" in refused([command, number, *rest, "--db", str(tmp_path / "runs.db")], tmp_path)


@pytest.mark.parametrize(
    "margin", ["-1", "nan", "inf", "101", "x", ""], ids=["negative", "nan", "inf", "over-100", "word", "empty"]
)
def test_a_margin_is_a_number_of_points(margin, tmp_path):
    said = refused(["compare", "1", "2", f"--margin={margin}", "--db", str(tmp_path / "runs.db")], tmp_path)
    assert "is no number of points from 0 to 100" in said
