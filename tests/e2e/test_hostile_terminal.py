"""The command line on a hostile record: what it prints can't steer a terminal, and what it writes runs nowhere."""

import csv
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cli.commands.predict import print_predictions
from cli.main import main
from core.models.baselines import MajorityClassifier
from core.serving.batch_predict import Rows, write_predictions
from core.serving.inference import LoadedRun
from tests.hostile import FORMULAS, INVISIBLE, TEXTS, Hostile, record_hostile

STEERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
RUNS = re.compile(r"[\s\x00-\x1f\ufeff]*[=+\-@＝]")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Hostile:
    return record_hostile(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def printed(hostile, capsys):
    def run(*arguments) -> str:
        main([*map(str, arguments), "--db", str(hostile.database)])
        said = capsys.readouterr()
        return said.out + said.err

    return run


@pytest.mark.parametrize(
    "command",
    [["list"], ["list", "--groups"], ["show", 1], ["show", 4], ["compare", 2, 1, 3]],
    ids=["list", "list-groups", "show-adapter", "show-failed", "compare"],
)
def test_nothing_that_is_printed_steers_the_terminal(command, printed):
    assert not STEERS.findall(printed(*command))
    if command[0] != "list":
        as_json = printed(*command, "--json")
        assert not STEERS.findall(as_json)
        json.loads(as_json)


def test_names_read_as_text_and_begin_no_line_of_their_own(printed):
    said = printed("compare", 2, 1)
    assert "⟨U+202E⟩" in said
    assert said.startswith("Run 1 (") and ") against run 2 (" in said.splitlines()[0]


def test_answers_to_hostile_texts_are_printed_as_text(capsys):
    print_predictions(TEXTS, ["a", INVISIBLE[0][:5]], np.full((len(TEXTS), 2), 0.5), as_json=False)
    said = capsys.readouterr().out
    assert said.count("⟨U+001B⟩[31m") == 2
    assert not STEERS.findall(said)


def test_a_wrong_request_repeats_what_was_typed_as_text(printed):
    said = printed("predict", 1, "--file", INVISIBLE[0] + ".csv")
    assert "does not exist ⟨U+001B⟩[31mred" in said
    assert not STEERS.findall(said)


def test_rows_on_a_terminal_are_shown_and_into_a_pipe_are_kept(hostile, tmp_path):
    file = tmp_path / "my.csv"
    pd.DataFrame({"text": [INVISIBLE[0]]}).to_csv(file, index=False)
    at_terminal, in_pipe = (_rows_of(hostile, file, terminal=terminal) for terminal in (True, False))
    assert "⟨U+001B⟩[31mred⟨U+001B⟩[2J" in at_terminal and "\x1b" not in at_terminal
    assert INVISIBLE[0] in in_pipe


def _rows_of(hostile: Hostile, file: Path, *, terminal: bool) -> str:
    """Return what `predict --file` writes, to a terminal or into a pipe."""
    command = [sys.executable, "runner.py", "predict", "1", "--file", str(file), "--db", str(hostile.database)]
    reader, writer = pty.openpty() if terminal else os.pipe()
    with subprocess.Popen(command, stdout=writer, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL):
        os.close(writer)
        read = b""
        while part := _part(reader):
            read += part
    os.close(reader)
    return read.decode()


def _part(reader: int) -> bytes:
    try:
        return os.read(reader, 65_536)
    except OSError:  # how a terminal says that the other side is gone
        return b""


@pytest.mark.parametrize("ending", [".csv", ".tsv"])
def test_what_predict_adds_to_a_file_is_no_formula_and_the_own_cells_stay(ending, tmp_path):
    labels = (*FORMULAS[:4], "-1", "fine")
    loaded = LoadedRun(1, labels, MajorityClassifier(np.array([0.5, 0.1, 0.1, 0.1, 0.1, 0.1])))
    own = pd.DataFrame({"text": list(FORMULAS), FORMULAS[0]: ["=1"] * len(FORMULAS)})
    with (tmp_path / f"out{ending}").open("w", newline="", encoding="utf-8") as target:
        write_predictions(loaded, Rows(own, "text"), target, ending)
    with (tmp_path / f"out{ending}").open(newline="", encoding="utf-8") as written:
        heads, *rows = csv.reader(written, delimiter="," if ending == ".csv" else "\t")
    assert heads[:2] == list(own) and [row[0] for row in rows] == list(FORMULAS)
    assert {row[2] for row in rows} == {f"'{FORMULAS[0]}"}
    assert not [cell for row in (heads, *rows) for cell in row[2:] if RUNS.match(cell)]
    assert "probability_-1" in heads
