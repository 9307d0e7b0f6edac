"""Downloads of tables equal the screen, and nothing in them is read as code."""

import csv
import io
import re

import pandas as pd
import pytest

from dashboard.components import table_downloads
from dashboard.components.table_cells import FormattedNumber, cell_column

INTERVAL = "+3.1 (+0.8 to +5.4)"
ODD = 'a|b\\c "d"\ne & 5 % of _x_ #1 $2 {y} ~z^ <b> `k`'


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def test_csv_has_the_texts_on_the_screen():
    frame = pd.DataFrame(
        {
            "run": [ODD, "ü, ß"],
            "gap": cell_column([FormattedNumber(0.031, INTERVAL), FormattedNumber(None, "—")]),
            "n": [None, 7],
        }
    )
    assert read(table_downloads.to_csv(frame)) == [["run", "gap", "n"], [ODD, INTERVAL, "—"], ["ü, ß", "—", "7.0"]]


@pytest.mark.parametrize(
    "text",
    ["=1+2", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\tx", "\rx", "+3.1 (=1)"],
    ids=["equals", "plus", "minus", "at", "tab", "carriage-return", "interval-with-formula"],
)
def test_spreadsheets_run_no_text_as_a_formula(text):
    frame = pd.DataFrame({text: [text]})
    assert read(table_downloads.to_csv(frame)) == [[f"'{text}"], [f"'{text}"]]


@pytest.mark.parametrize(
    "text",
    [INTERVAL, "+3.1", "−0.2 (−1.0 to +0.6)", "82.4 (80.0–84.7)", "-5", "—"],
    ids=["points-interval", "points", "negative-interval", "score-interval", "integer", "dash"],
)
def test_formatted_numbers_are_not_escaped(text):
    assert read(table_downloads.to_csv(pd.DataFrame({"gap": [text]})))[1] == [text]


def test_markdown_escapes_markup_and_keeps_cells_on_one_line():
    lines = table_downloads.to_markdown(pd.DataFrame({"run": [ODD], "gap": [INTERVAL]}), "A *caption*").splitlines()
    assert lines[0] == r"A \*caption\*"
    assert lines[2:4] == ["| run | gap |", "| --- | ---: |"]
    assert len(re.findall(r"(?<!\\)\|", lines[4])) == 3
    assert r"a\|b\\c" in lines[4] and r"\_x\_" in lines[4] and r"\<b\>" in lines[4]


def test_latex_escapes_special_characters():
    text = table_downloads.to_latex(pd.DataFrame({"run_1": [ODD], "gap": ["−1.0 ± 0.5 × 2"]}), "5 % of n")
    assert r"a\textbar{}b\textbackslash{}c" in text
    assert r"e \& 5 \% of \_x\_ \#1 \$2 \{y\} \textasciitilde{}z\textasciicircum{} $<$b$>$" in text
    assert r"run\_1 & gap" in text
    assert r"$-$1.0 $\pm$ 0.5 $\times$ 2" in text
    assert r"\caption{5 \% of n}" in text
    assert text.isascii()


@pytest.mark.parametrize("sign", ["[", "*"], ids=["bracket", "star"])
def test_latex_reads_no_cell_as_an_option(sign):
    text = table_downloads.to_latex(pd.DataFrame({f"{sign}run": [f"{sign}2cm] a", "b"], "gap": ["1", "2"]}))
    assert not re.search(r"(\\\\|rule)\s*[\[*]", text)
    assert f"{{{sign}}}2cm] a & 1" in text and f"{{{sign}}}run & gap" in text


def test_empty_table_keeps_its_titles():
    frame = pd.DataFrame({"class": [], "F1": []})
    assert read(table_downloads.to_csv(frame)) == [["class", "F1"]]
    assert table_downloads.to_markdown(frame).startswith("| class | F1 |")
    assert "class & F1" in table_downloads.to_latex(frame)
