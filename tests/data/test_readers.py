import gzip
import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest

from core.data.readers import read_table
from core.errors import RequestError

ROWS = b"text,label\ngood,pos\nbad,neg\n"
EXPECTED = {"text": ["good", "bad"], "label": ["pos", "neg"]}


def read(folder: Path, name: str, content: bytes) -> dict[str, list[object]]:
    (folder / name).write_bytes(content)
    return read_table(folder / name)[0].to_dict("list")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("a.csv.gz", gzip.compress(ROWS), id="csv-gz"),
        pytest.param("a.TSV.GZ", gzip.compress(ROWS.replace(b",", b"\t")), id="tsv-gz-capitals"),
        pytest.param(
            "a.jsonl.gz",
            gzip.compress(b'{"text": "good", "label": "pos"}\n{"text": "bad", "label": "neg"}'),
            id="jsonl-gz",
        ),
        pytest.param(
            "a.json", b'[{"text": "good", "label": "pos"},\n {"text": "bad", "label": "neg"}]', id="json-array"
        ),
        pytest.param("a.json", b'{"text": "good", "label": "pos"}\n\n{"text": "bad", "label": "neg"}', id="json-lines"),
        pytest.param("bom.csv", b"\xef\xbb\xbf" + ROWS, id="byte-order-mark"),
        pytest.param("crlf.csv", ROWS.replace(b"\n", b"\r\n"), id="crlf"),
        pytest.param("semicolon.csv", ROWS.replace(b",", b";"), id="semicolons"),
        pytest.param("tabs.csv", ROWS.replace(b",", b"\t"), id="tabs"),
    ],
)
def test_compression_and_encoding_give_the_same_rows(tmp_path, name, content):
    assert read(tmp_path, name, content) == EXPECTED


def test_revision_is_the_hash_of_the_file(tmp_path):
    packed = gzip.compress(ROWS)
    (tmp_path / "a.csv.gz").write_bytes(packed)
    assert read_table(tmp_path / "a.csv.gz")[1] == hashlib.sha256(packed).hexdigest()


def test_quoted_text_keeps_line_breaks_and_separators(tmp_path):
    assert read(tmp_path, "a.csv", b'text,label\n"one,\ntwo; ""three""",x\n')["text"] == ['one,\ntwo; "three"']


def test_semicolon_in_a_text_is_not_a_separator(tmp_path):
    assert read(tmp_path, "a.csv", b"text,label\nwell; good,pos\n")["text"] == ["well; good"]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        pytest.param("a.csv.gz", gzip.compress(ROWS)[:-9], "not a complete gzip file", id="gzip-cut"),
        pytest.param("a.csv.gz", ROWS, "not a complete gzip file", id="gzip-not"),
        pytest.param("a.csv.gz", gzip.compress(b""), "is empty", id="gzip-of-nothing"),
        pytest.param("a.csv", gzip.compress(ROWS), "contains gzip", id="gzip-without-ending"),
        pytest.param("a.csv", b"PK\x03\x04rest", "zip archive, perhaps an Excel file", id="zip"),
        pytest.param("a.csv", b'{"text": "a"}\n', "contains JSON", id="json-as-csv"),
        pytest.param("a.csv", b"<!DOCTYPE html><html>", "contains a web page", id="html"),
        pytest.param("a.csv", ROWS.decode().encode("utf-16"), "is UTF-16.*iconv -f utf-16 -t utf-8 a.csv", id="utf-16"),
        pytest.param("a.csv", b"text,label\na\0b,x\n", "NUL byte in line 2", id="null-byte"),
        pytest.param("a.csv", b"text,text\na,b\n", "contains 'text' twice", id="column-twice"),
        pytest.param(
            "a.csv",
            b"text,label\na,b\nnice, really,pos\n",
            "Expected 2 fields in line 3, saw 3.*in quotes",
            id="unquoted-comma-later",
        ),
        pytest.param(
            "a.csv",
            b"text,label\nnice, really,pos\n",
            "more fields than its header, which has 2.*in quotes",
            id="unquoted-comma-first",
        ),
        pytest.param("a.jsonl", b'{"text": "a"}\n[1]\n', "record 2", id="jsonl-list"),
        pytest.param("a.jsonl", b'{"text": "a"}\ntext\n', "line 2: Expecting value", id="jsonl-words"),
        pytest.param("a.parquet", ROWS, "Cannot read .* as PARQUET", id="parquet-not"),
    ],
)
def test_malformed_file_is_refused_with_the_reason(tmp_path, name, content, expected):
    with pytest.raises(RequestError, match=expected):
        read(tmp_path, name, content)


def test_records_may_lack_a_key(tmp_path):
    rows = [{"text": "a", "label": 1}, {"text": "b"}]
    read_back = read(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows)).encode())
    assert read_back["text"] == ["a", "b"]
    assert read_back["label"][0] == 1
    assert pd.isna(read_back["label"][1])
