"""Files without a header line: no row is taken for column names without a word."""

import pytest

from core.config import make_config
from core.data.file_tables import ReadOptions
from core.data.readers import read_table
from core.data.sources import load_source
from core.serving.batch_predict import read_input_table
from tests.error_codes import raises_code

ROWS = [(f"a rather long text, number {n}", "ab"[n % 2], str(n)) for n in range(12)]
NO_HEADER = ReadOptions(no_header=True)


def write(folder, name, rows, separator=","):
    quoted = [separator.join(f'"{cell}"' if separator in cell else cell for cell in row) for row in rows]
    (folder / name).write_text("\n".join(quoted) + "\n")
    return folder / name


@pytest.mark.parametrize(("name", "separator"), [("a.csv", ","), ("a.csv", ";"), ("a.tsv", "\t"), ("a.csv", "|")])
def test_columns_are_numbered_from_1(tmp_path, name, separator):
    frame = read_table(write(tmp_path, name, ROWS, separator), NO_HEADER).frame
    assert frame.columns.tolist() == ["1", "2", "3"]
    assert frame["1"].tolist() == [text for text, *_ in ROWS]
    assert frame["3"].tolist() == list(range(12))


def test_numbered_columns_are_detected_or_named(tmp_path):
    path = str(write(tmp_path, "a.csv", [row[:2] for row in ROWS]))
    source = load_source(make_config({"dataset": path, "no_header": True}))
    assert (source.text_column, source.label_column, len(source.frame)) == ("1", "2", 12)
    path = str(write(tmp_path, "b.csv", [row[::-1] for row in ROWS]))
    source = load_source(make_config({"dataset": path, "no_header": True, "text_column": "3", "label_column": "2"}))
    assert source.labels == ("a", "b")


def test_a_first_line_that_looks_like_an_example_is_pointed_out(tmp_path):
    with raises_code("no_column", "--no-header"):
        load_source(make_config({"dataset": str(write(tmp_path, "a.csv", ROWS))}))


def test_repeated_fields_of_a_first_row_are_no_repeated_names(tmp_path):
    path = write(tmp_path, "a.csv", [("x", "x"), ("y", "z")])
    with raises_code("damaged_file", "--no-header"):
        read_table(path)
    assert len(read_table(path, NO_HEADER).frame) == 2


def test_files_with_named_columns_are_refused(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "a"}')
    with raises_code("has_names", "--no-header"):
        read_table(tmp_path / "a.jsonl", NO_HEADER)


def test_the_only_column_of_texts_to_predict_has_a_known_name_or_is_refused(tmp_path):
    path = write(tmp_path, "a.csv", [row[:1] for row in ROWS])
    with raises_code("no_header", "--no-header", "--text-column"):
        read_input_table(path, None, "text")
    assert len(read_input_table(path, None, "text", NO_HEADER)) == 12
    path = write(tmp_path, "b.csv", [("words",), *(row[:1] for row in ROWS)])
    assert len(read_input_table(path, "words", "text")) == 12
    assert len(read_input_table(path, None, "words")) == 12
    (tmp_path / "c.jsonl").write_text('{"words": "a"}')
    assert len(read_input_table(tmp_path / "c.jsonl", None, "text")) == 1
