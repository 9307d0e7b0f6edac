"""Every layout in which labeled text is exported is read into the same rows."""

import json

import pandas as pd
import pytest

from core.config import make_config
from core.data.file_tables import ReadOptions
from core.data.readers import read_table
from core.data.source_splits import SPLIT_COLUMN
from core.data.sources import load_source
from tests.error_codes import raises_code

ROWS = [{"text": f"text, number {n}", "label": "ab"[n % 2]} for n in range(6)]
FRAME = pd.DataFrame(ROWS)


def read(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
    return read_table(path).frame


def label_studio(row):
    result = {"type": "choices", "value": {"choices": [row["label"]]}}
    return {"id": 1, "data": {"text": row["text"]}, "annotations": [{"result": [result]}]}


@pytest.mark.parametrize(
    "content",
    [
        *(
            pytest.param(FRAME.to_json(orient=name), id=name)
            for name in ("records", "columns", "index", "split", "table")
        ),
        pytest.param({"data": ROWS}, id="data"),
        pytest.param(json.dumps({"data": ROWS}), id="data-on-one-line"),
        pytest.param({"version": "1", "data": ROWS}, id="data-and-version"),
        pytest.param({"examples": ROWS}, id="another-key"),
        pytest.param(FRAME.to_dict("list"), id="lists-by-column"),
        pytest.param([label_studio(row) for row in ROWS], id="label-studio"),
        pytest.param([{**row, "label": [row["label"]]} for row in ROWS], id="doccano"),
    ],
)
def test_json_layouts_give_the_same_rows(tmp_path, content):
    frame = read(tmp_path / "a.json", content)
    assert frame["text"].tolist() == FRAME["text"].tolist()
    source = load_source(make_config({"dataset": str(tmp_path / "a.json")}))
    assert source.frame["label"].tolist() == FRAME["label"].tolist()


def test_json_lists_by_split_are_splits(tmp_path):
    frame = read(tmp_path / "a.json", {"train": ROWS[:4], "test": ROWS[4:]})
    assert frame[SPLIT_COLUMN].tolist() == ["train"] * 4 + ["test"] * 2


def test_indented_object_is_one_record(tmp_path):
    assert read(tmp_path / "a.json", ROWS[0]).to_dict("records") == ROWS[:1]


def test_several_labels_of_an_annotation_are_recognized(tmp_path):
    tasks = [label_studio(row) for row in ROWS]
    tasks[0]["annotations"][0]["result"][0]["value"]["choices"] = ["a", "b"]
    read(tmp_path / "a.json", tasks)
    with raises_code("not_a_label", "Multi-label"):
        load_source(make_config({"dataset": str(tmp_path / "a.json")}))


@pytest.mark.parametrize("annotation", ["x", {"result": ["x", {"value": None}]}, {"result": None}])
def test_annotations_of_another_layout_give_no_label(tmp_path, annotation):
    frame = read(tmp_path / "a.json", [{"data": {"text": "good"}, "annotations": [annotation]}])
    assert frame.to_dict("records") == [{"text": "good", "label": None}]


def test_fasttext_labels_are_read(tmp_path):
    lines = [f"__label__{row['label']} {row['text']}" for row in ROWS]
    assert read(tmp_path / "a.txt", "\n".join([*lines, ""])).to_dict("records") == ROWS


def test_text_file_has_one_text_a_line(tmp_path):
    assert read(tmp_path / "a.txt", "one\n\n__label__x y\r\n").to_dict("list") == {"text": ["one", "", "__label__x y"]}


def test_first_sheet_with_rows_is_read(tmp_path):
    path = tmp_path / "a.xlsx"
    with pd.ExcelWriter(path) as writer:
        pd.DataFrame().to_excel(writer, sheet_name="empty")
        FRAME.to_excel(writer, sheet_name="rows", index=False)
        FRAME.to_excel(writer, sheet_name="more", index=False)
    file = read_table(path)
    assert file.frame.to_dict("records") == ROWS
    assert "'rows'" in file.notes[0]
    assert read_table(path, ReadOptions(no_header=True)).frame.iloc[0].tolist() == ["text", "label"]
