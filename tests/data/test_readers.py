"""Every supported format is read into the same table; damaged files are refused."""

import gzip
import hashlib
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from datasets import ClassLabel, Dataset, Features, Value
from pyarrow import parquet

from core.data.file_tables import ReadOptions
from core.data.readers import read_table
from tests.error_codes import raises_code

ROWS = b"text,label\ngood,pos\nbad,neg\n"
JSON_LINES = b'{"text": "good", "label": "pos"}\n\n{"text": "bad", "label": "neg"}'
EXPECTED = {"text": ["good", "bad"], "label": ["pos", "neg"]}


def read(folder: Path, name: str, content: bytes) -> dict[str, list[object]]:
    (folder / name).write_bytes(content)
    return read_table(folder / name)[0].to_dict("list")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("a.csv.gz", gzip.compress(ROWS), id="csv-gz"),
        pytest.param("a.TSV.GZ", gzip.compress(ROWS.replace(b",", b"\t")), id="tsv-gz-capitals"),
        pytest.param("a.jsonl.gz", gzip.compress(JSON_LINES), id="jsonl-gz"),
        pytest.param("a.json", b"[" + JSON_LINES.replace(b"\n\n", b",\n") + b"]", id="json-array"),
        pytest.param("a.json", JSON_LINES, id="json-lines"),
        pytest.param("bom.csv", b"\xef\xbb\xbf" + ROWS, id="byte-order-mark"),
        pytest.param("crlf.csv", ROWS.replace(b"\n", b"\r\n"), id="crlf"),
        pytest.param("semicolon.csv", ROWS.replace(b",", b";"), id="semicolons"),
        pytest.param("pipes.csv", ROWS.replace(b",", b"|"), id="pipes"),
        pytest.param("tabs.csv", ROWS.replace(b",", b"\t"), id="tabs"),
    ],
)
def test_all_formats_give_the_same_rows(tmp_path, name, content):
    assert read(tmp_path, name, content) == EXPECTED


def test_parquet_gives_the_same_rows_without_the_index_of_pandas(tmp_path):
    pd.DataFrame(EXPECTED).iloc[::-1].iloc[::-1].to_parquet(tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet")[0].to_dict("list") == EXPECTED


def test_revision_is_the_hash_of_the_compressed_file(tmp_path):
    compressed = gzip.compress(ROWS)
    (tmp_path / "a.csv.gz").write_bytes(compressed)
    assert read_table(tmp_path / "a.csv.gz")[1] == hashlib.sha256(compressed).hexdigest()


def test_quoted_text_keeps_line_breaks_and_separators(tmp_path):
    assert read(tmp_path, "a.csv", b'text,label\n"one,\ntwo; ""three""",x\n')["text"] == ['one,\ntwo; "three"']


def test_semicolon_in_a_text_is_not_a_separator(tmp_path):
    assert read(tmp_path, "a.csv", b"text,label\nwell; good,pos\n")["text"] == ["well; good"]


def test_numbers_are_read_as_text_on_request(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"text,n\na,007\n")
    assert read_table(tmp_path / "a.csv")[0]["n"].tolist() == [7]
    assert read_table(tmp_path / "a.csv", ReadOptions(as_text=True))[0]["n"].tolist() == ["007"]


@pytest.mark.parametrize(
    ("name", "content", "code", "fact"),
    [
        pytest.param("a.doc", b"PK", "unknown_format", "'.doc'", id="unknown-suffix"),
        pytest.param("a.csv", b" \n", "empty_file", "a.csv", id="blank"),
        pytest.param("a.csv.gz", gzip.compress(b""), "empty_file", "a.csv.gz", id="gzip-empty"),
        pytest.param("a.csv.gz", gzip.compress(ROWS)[:-9], "damaged_file", "gzip", id="gzip-truncated"),
        pytest.param("a.csv.gz", ROWS, "damaged_file", "gzip", id="gzip-not-compressed"),
        pytest.param("a.csv", gzip.compress(ROWS), "wrong_format", "gzip", id="csv-is-gzip"),
        pytest.param("a.csv", b'{"text": "a"}\n', "wrong_format", "JSON", id="csv-is-json"),
        pytest.param("a.csv", ROWS.decode().encode("utf-16-le"), "not_utf8", "--encoding utf-16-le", id="utf-16"),
        pytest.param("a.csv", b"text,label\na\0b,x\n", "not_utf8", "line 2", id="nul"),
        pytest.param("a.csv", b"text,label\na,b\ncaf\xe9,x\n", "not_utf8", "0xe9 in line 3", id="latin-1"),
        pytest.param("a.csv", b"text,text\na,b\n", "damaged_file", "'text'", id="repeated-column"),
        pytest.param("a.csv", b"text,label\na,b\nc, d,e\n", "damaged_file", "line 3, saw 3", id="long-row"),
        pytest.param("a.csv", b"text,label\nc, d,e\n", "damaged_file", "has 2", id="short-header"),
        pytest.param("a.jsonl", b'{"text": "a"}\n[1]\n', "damaged_file", "record 2", id="jsonl-list"),
        pytest.param("a.jsonl", b'{"text": "a"}\ntext\n', "damaged_file", "line 2", id="jsonl-words"),
        pytest.param("a.parquet", ROWS, "damaged_file", "PARQUET", id="parquet-is-csv"),
    ],
)
def test_file_that_cannot_be_read_is_refused(tmp_path, name, content, code, fact):
    with raises_code(code, name, fact):
        read(tmp_path, name, content)


def test_device_is_refused(tmp_path):
    (tmp_path / "a.csv").symlink_to("/dev/zero")
    with raises_code("not_a_file"):
        read_table(tmp_path / "a.csv")


def test_missing_key_is_a_missing_value(tmp_path):
    rows = [{"text": "a", "label": 1}, {"text": "b"}]
    columns = read(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows)).encode())
    assert columns["text"] == ["a", "b"]
    assert columns["label"][0] == 1
    assert pd.isna(columns["label"][1])


def test_class_labels_in_parquet_have_their_names(tmp_path):
    features = Features({"text": Value("string"), "label": ClassLabel(names=["neg", "pos"])})
    rows = {"text": list("abcd"), "label": [0, 1, -1, 1]}
    Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "a.parquet")
    column = read_table(tmp_path / "a.parquet").frame["label"]
    assert column.cat.categories.tolist() == ["neg", "pos"]
    assert column.astype(object).where(column.notna(), None).tolist() == ["neg", "pos", None, "pos"]


@pytest.mark.parametrize("metadata", [b"{", b'{"info": {"features": {"label": {"_type": "ClassLabel"}}}}'])
def test_damaged_class_labels_are_refused(tmp_path, metadata):
    table = pa.table({"text": ["a"], "label": [7]}).replace_schema_metadata({b"huggingface": metadata})
    parquet.write_table(table, tmp_path / "a.parquet")
    with raises_code("damaged_file", "a.parquet"):
        read_table(tmp_path / "a.parquet")


@pytest.mark.parametrize("separator", list(",;|\t"))
def test_separator_line_is_no_header(tmp_path, separator):
    content = f"sep={separator}\r\n".encode() + ROWS.replace(b",", separator.encode())
    assert read(tmp_path, "a.csv", content) == EXPECTED
