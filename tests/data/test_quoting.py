"""Quotation marks that enclose nothing never join rows without a word."""

import pytest

from core.data.readers import read_table
from tests.error_codes import raises_code


def lines(separator, **changed):
    """Return the lines of a table of 20 texts; ``changed``: texts by row, such as ``r3='"odd'``."""
    texts = [changed.get(f"r{n}", f"text {n}") for n in range(20)]
    return [f"text{separator}label", *(f"{text}{separator}{'ab'[n % 2]}" for n, text in enumerate(texts))]


def read(folder, name, rows):
    (folder / name).write_text("\n".join(rows) + "\n")
    return read_table(folder / name)


@pytest.mark.parametrize(("name", "separator"), [("a.tsv", "\t"), ("a.csv", ","), ("b.csv", ";")])
@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"r3": '"open', "r9": '"open too'}, id="two-open"),
        pytest.param({"r3": '"open', "r4": 'closes it"'}, id="adjacent"),
        pytest.param({"r3": '"open'}, id="one-open"),
        pytest.param({"r3": '"open', "r9": 'said "so" twice', "r12": '"open'}, id="quotes-within"),
    ],
)
def test_open_quotes_are_characters(tmp_path, name, separator, changed):
    file = read(tmp_path, name, lines(separator, **changed))
    assert len(file.frame) == 20
    assert file.frame["text"][3] == '"open'
    assert set(file.frame["label"]) == {"a", "b"}
    assert len(file.notes) == 1


def test_columns_before_the_text_identify_rows(tmp_path):
    rows = [f"{n}\t{'ab'[n % 2]}\t{chr(34) if n in (3, 9) else ''}text {n}" for n in range(20)]
    assert len(read(tmp_path, "a.tsv", ["id\tlabel\ttext", *rows]).frame) == 20


def test_open_quote_among_quoted_texts_is_refused_with_its_line(tmp_path):
    with raises_code("damaged_file", "line 5", "1 rows"):
        read(tmp_path, "a.csv", lines(",", r1='"quoted"', r3='"open', r4='closes it"'))


def test_quoted_texts_of_several_lines_are_texts(tmp_path):
    file = read(tmp_path, "a.csv", lines(",", r3='"one,\nand ""two"""', r4='"1,\n2,\n3,a\n"'))
    assert (len(file.frame), file.notes) == (20, ())
    assert file.frame["text"][3] == 'one,\nand "two"'


def test_texts_of_several_lines_in_a_single_column_are_stated(tmp_path):
    file = read(tmp_path, "a.csv", ["text", '"one', 'two"', "three"])
    assert len(file.frame) == 2
    assert "1 quoted" in file.notes[0]
