"""The command line on untrusted records: output cannot control a terminal, and files hold no formulas."""

import csv
import io
import json
import re

import numpy as np
import pandas as pd
import pytest

from cli.commands.predict import print_predictions
from core.models.baselines import MajorityClassifier
from core.serving.batch_predict import InputTable, write_predictions
from core.serving.inference import LoadedRun
from tests.command_line import Terminal, run_cli
from tests.hostile import FORMULAS, INVISIBLE, TEXTS, HostileDatabase, make_hostile_database

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
FORMULA = re.compile(r"[\s\x00-\x1f\ufeff]*[=+\-@＝]")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> HostileDatabase:
    return make_hostile_database(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def output_of(hostile):
    """Execute a command on the database; return its complete output."""

    def execute(*argv) -> str:
        result = run_cli([*map(str, argv), "--db", str(hostile.database)])
        return result.out + result.err

    return execute


@pytest.mark.parametrize(
    "command",
    [["list"], ["list", "--groups"], ["show", 1], ["show", 4], ["compare", 2, 1, 3]],
    ids=["list", "list-groups", "show-adapter", "show-failed", "compare"],
)
def test_no_output_controls_the_terminal(command, output_of):
    assert not CONTROL.findall(output_of(*command))
    if command[0] != "list":
        as_json = output_of(*command, "--json")
        assert not CONTROL.findall(as_json)
        json.loads(as_json)


def test_a_name_cannot_start_a_line(output_of):
    output = output_of("compare", 2, 1)
    assert "⟨U+202E⟩" in output
    assert output.startswith("Run 1 (") and "run 2 (" in output.splitlines()[0]


def test_predictions_for_control_characters_are_printed_as_text(capsys):
    print_predictions(TEXTS, ["a", INVISIBLE[0][:5]], np.full((len(TEXTS), 2), 0.5), as_json=False)
    output = capsys.readouterr().out
    assert output.count("⟨U+001B⟩[31m") == 2
    assert not CONTROL.findall(output)


def test_an_error_message_repeats_an_argument_as_text(output_of):
    output = output_of("predict", 1, "--file", INVISIBLE[0] + ".csv")
    assert "⟨U+001B⟩[31mred" in output
    assert not CONTROL.findall(output)


@pytest.mark.parametrize(("stream", "raw"), [(Terminal(), False), (io.StringIO(), True)], ids=["terminal", "pipe"])
def test_rows_are_escaped_in_a_terminal_and_unchanged_in_a_pipe(stream, raw, hostile, tmp_path, monkeypatch):
    file = tmp_path / "my.csv"
    pd.DataFrame({"text": [INVISIBLE[0]]}).to_csv(file, index=False)
    out = run_cli(["predict", "1", "--file", str(file), "--db", str(hostile.database)], stdout=stream).out
    assert (INVISIBLE[0] in out, "\x1b" in out, "⟨U+001B⟩[31mred" in out) == (raw, raw, not raw)


@pytest.mark.parametrize("ending", [".csv", ".tsv"])
def test_columns_that_predict_adds_hold_no_formula_and_other_cells_are_unchanged(ending, tmp_path):
    labels = (*FORMULAS[:4], "-1", "fine")
    loaded = LoadedRun(1, labels, MajorityClassifier(np.array([0.5, 0.1, 0.1, 0.1, 0.1, 0.1])))
    source = pd.DataFrame({"text": list(FORMULAS), FORMULAS[0]: ["=1"] * len(FORMULAS)})
    with (tmp_path / f"out{ending}").open("w", newline="", encoding="utf-8") as target:
        write_predictions(loaded, InputTable(source, "text"), target, ending)
    with (tmp_path / f"out{ending}").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file, delimiter="," if ending == ".csv" else "\t")
    assert header[:2] == list(source) and [row[0] for row in rows] == list(FORMULAS)
    assert {row[2] for row in rows} == {f"'{FORMULAS[0]}"}
    assert not [cell for row in (header, *rows) for cell in row[2:] if FORMULA.match(cell)]
    assert "probability_-1" in header
