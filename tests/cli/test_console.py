import contextlib
import json
import re

import pytest

from cli.console import print_json, print_table, print_text
from tests.command_line import Terminal


def print_in_terminal(monkeypatch, width: int, *arguments, **options) -> list[str]:
    """Print a table in a terminal of some width; return its lines without colors."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    with contextlib.redirect_stdout(terminal):
        print_table(*arguments, **options)
    return re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue()).splitlines()


def test_a_narrow_terminal_hides_the_last_columns_and_names_them(monkeypatch):
    columns = ("run", "name", "macro F1", "accuracy")
    rows = [("1", "lora-r8", "82.4 (80.0–84.7)", "83.0 (81.0–85.0)")]
    lines = print_in_terminal(monkeypatch, 60, columns, rows, text_columns=2)
    assert any("accuracy" in line for line in lines[:2])
    lines = print_in_terminal(monkeypatch, 40, columns, rows, text_columns=2)
    assert all(len(line.rstrip()) <= 40 for line in lines[:-2])
    assert "82.4 (80.0–84.7)" in lines[3] and "accuracy" not in lines[1]
    assert "accuracy" in " ".join(lines[4:])


def test_a_column_of_sentences_wraps_instead_of_being_hidden(monkeypatch):
    rows = [("lora", "a sentence that is much too long for a narrow terminal")]
    lines = print_in_terminal(monkeypatch, 40, ("method", "description"), rows, wrap="description")
    assert len([line for line in lines if line.strip()]) > 3
    assert "narrow terminal" in " ".join(" ".join(lines).split())


def test_a_log_file_gets_all_columns(capsys):
    columns = [f"column {number}" for number in range(12)]
    print_table(columns, [["value"] * 12])
    assert "column 11" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["\x1b[31mred", "\u202egnp", "a\x07b"])
def test_control_characters_are_printed_as_signs(text, capsys):
    print_text(text)
    print_table(("name",), [(text,)])
    out = capsys.readouterr().out
    assert "⟨U+" in out and not set(out) & {"\x1b", "\u202e", "\x07"}


def test_markup_in_a_cell_is_printed_as_it_is(capsys):
    print_table(("name",), [("[red]x[/red]",)])
    assert "[red]x[/red]" in capsys.readouterr().out


def test_json_escapes_control_characters_and_keeps_the_values(capsys):
    value = {"text": "\x1b[31m\u202e é", "none": None}
    print_json(value)
    out = capsys.readouterr().out
    assert json.loads(out) == value and not set(out) & {"\x1b", "\u202e"}
