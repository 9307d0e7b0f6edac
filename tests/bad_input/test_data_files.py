"""Data files that are damaged, malicious, or not labeled texts."""

import contextlib
import datetime
import decimal
import gzip
import io
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from core.data.readers import MAX_FILE_BYTES
from tests.command_line import SIZES, assert_refused, run_cli

WORDS = ("good", "bad")
ROWS = [{"text": f"a {WORDS[n % 2]} film {n}", "label": WORDS[n % 2]} for n in range(30)]


def csv_bytes(rows: list[dict[str, Any]] = ROWS, separator: str = ",") -> bytes:
    return pd.DataFrame(rows).to_csv(index=False, sep=separator).encode()


def json_lines(rows: list[dict[str, Any]]) -> bytes:
    return "\n".join(map(json.dumps, rows)).encode()


def rows_with(**columns: Any) -> list[dict[str, Any]]:
    """Return `ROWS` with changed columns: one value for all rows, or a list of values that is repeated."""
    return [
        row | {name: value[n % len(value)] if isinstance(value, list) else value for name, value in columns.items()}
        for n, row in enumerate(ROWS)
    ]


def parquet_bytes(rows: list[dict[str, Any]], **types: pa.DataType) -> bytes:
    table = pa.Table.from_pylist(rows)
    for name, type_ in types.items():
        index = table.column_names.index(name)
        table = table.set_column(index, name, pa.array([row[name] for row in rows], type_))
    file = io.BytesIO()
    parquet.write_table(table, file)
    return file.getvalue()


def parquet_with_repeated_name() -> bytes:
    file = io.BytesIO()
    column = pa.array(["a", "b"])
    parquet.write_table(pa.Table.from_arrays([column, column, column], ["text", "label", "label"]), file)
    return file.getvalue()


def parquet_not_utf8() -> bytes:
    file = io.BytesIO()
    labels = pa.array([b"good", b"\x80ad"] * 15).view(pa.utf8())
    parquet.write_table(pa.table({"text": [row["text"] for row in ROWS], "label": labels}), file)
    return file.getvalue()


PARQUET = parquet_bytes(ROWS)
LONG_LABEL = "l" * 10_000
CASES: dict[str, tuple[bytes, str]] = {
    "empty.csv": (b"", ""),
    "blank.csv": (b" \n\n\t\n", ""),
    "header only.csv": (b"text,label\n", ""),
    "one column.csv": (b"text\na\nb\n", ""),
    "one class.csv": (csv_bytes(rows_with(label="good")), "'good'"),
    "three rows.csv": (csv_bytes(ROWS[:3]), "'bad'"),
    "no texts.csv": (csv_bytes(rows_with(text="")), ""),
    "numbers as texts.csv": (csv_bytes(rows_with(text=[1, 2.5, 3])), "1.0"),
    "scores as labels.csv": (csv_bytes(rows_with(label=[0.1, 0.2, 0.35])), "label"),
    "infinite labels.csv": (csv_bytes(rows_with(label=["inf", "1e999"])), "label"),
    "ids as labels.csv": (csv_bytes(rows_with(label=list(range(30)))), "label"),
    "long labels.csv": (csv_bytes(rows_with(label=[LONG_LABEL, "b"])), "10,000"),
    "repeated column.csv": (b"text,label,label\na,b,c\n", "'label'"),
    "column names that differ in spaces.csv": (b'text,label," label "\na,b,c\n', "'label'"),
    "unnamed columns.csv": (b",\na,b\nc,d\na,b\nc,d\n", "column"),
    "no header.csv": (csv_bytes()[csv_bytes().index(b"\n") + 1 :], "header"),
    "long row.csv": (b"text,label\na,b\na,b,c,d\n", "line 3"),
    "short header.csv": (b"text,label\na,b,c\n", "header"),
    "open quote.csv": (b'text,label\n"a,good\nb,bad\n', ""),
    "half of utf-16.csv": (csv_bytes().decode().encode("utf-16")[:-1], "UTF-16"),
    "gb18030.csv": (csv_bytes(rows_with(text="这个电影")).decode().encode("gb18030"), "--encoding gb18030"),
    "wrong encoding.csv": (csv_bytes(rows_with(text="这是一".encode("gb18030").decode("latin-1"))), "gb18030"),
    "utf-16 without mark.csv": (csv_bytes().decode().encode("utf-16le"), "NUL"),
    "latin-1.csv": ("text,label\ncafé,good\n".encode("latin-1"), "line 2"),
    "nul.csv": (b"text,label\na\0b,good\n", "line 2"),
    "html.csv": (b"<!DOCTYPE html><html><body>404", "web page"),
    "excel.csv": (b"PK\x03\x04" + bytes(50), "Excel"),
    "3,000 columns.csv": (",".join(f"c{n}" for n in range(3_000)).encode() + b"\n" + b"1," * 2_999 + b"1\n", "2,950"),
    "truncated.csv.gz": (gzip.compress(csv_bytes())[:-9], "gzip"),
    "not compressed.csv.gz": (csv_bytes(), "gzip"),
    "compressed twice.csv.gz": (gzip.compress(gzip.compress(csv_bytes())), "gzip"),
    "wrong checksum.csv.gz": (gzip.compress(csv_bytes())[:-8] + bytes(4) + gzip.compress(csv_bytes())[-4:], "CRC"),
    "truncated.jsonl": (json_lines(ROWS)[:-9], "line 30"),
    "text.json": (b"text", "line 1"),
    "number.json": (b"42", ""),
    "object.json": (b'{"data": [{"text": "a", "label": "b"}]}', ""),
    "empty list.json": (b"[]", ""),
    "empty objects.jsonl": (b"{}\n{}\n", ""),
    "two values.json": (b"[] []", "line 1"),
    "deep.jsonl": (b'{"text": ' + b"[" * 200_000, "nested"),
    "lists as labels.jsonl": (json_lines(rows_with(label=[["a", "b"]])), "label"),
    "a list among texts.jsonl": (json_lines(rows_with(text=["a text", ["b"]])), "text"),
    "nan as label.jsonl": (b'{"text": "a", "label": NaN}\n' * 9, ""),
    "truncated.parquet": (PARQUET[:-20], "PARQUET"),
    "csv.parquet": (csv_bytes(), "PARQUET"),
    "damaged.parquet": (PARQUET[:-60] + b"\xff" * 30 + PARQUET[-30:], "PARQUET"),
    "not utf-8.parquet": (parquet_not_utf8(), "PARQUET"),
    "repeated column.parquet": (parquet_with_repeated_name(), "'label'"),
    "bytes as labels.parquet": (parquet_bytes(rows_with(label=[b"a", b"b"])), "label"),
    "dates as texts.parquet": (parquet_bytes(rows_with(text=datetime.date(2020, 1, 1))), "text"),
    "decimals.parquet": (parquet_bytes(rows_with(label=[decimal.Decimal("1.5"), decimal.Decimal(2)])), "label"),
    "damaged.xlsx": (b"PK\x03\x04", "XLSX"),
    "damaged.zip": (b"PK\x03\x04", "zip"),
    "unknown.doc": (csv_bytes(), "'.doc'"),
    "no ending": (csv_bytes(), "''"),
}
"""Content and expected fragment of the message, by file name; an empty fragment means the file name."""


@pytest.mark.parametrize("name", CASES)
def test_a_file_without_labeled_texts_is_refused(name, tmp_path):
    content, fragment = CASES[name]
    (tmp_path / name).write_bytes(content)
    argv = ["--dataset", str(tmp_path / name), "--method", "majority", *SIZES, "--db", str(tmp_path / "runs.db")]
    message = assert_refused(argv, tmp_path)
    assert (fragment or name) in message


@pytest.mark.parametrize(
    ("flag", "name"),
    [
        *(("--dataset", name) for name in ("pipe.csv", "/dev/zero", "circle.csv", "nowhere.csv")),
        *(("--dataset", name) for name in ("~no-such-user/a.csv", "valid.csv/a.csv", "huge.csv", "bomb.csv.gz")),
        *(("--dataset", name) for name in ("no/such/set", "../../etc/passwd", "csv", "https://example.org/a.csv", "")),
        pytest.param("--dataset", "x" * 300 + ".csv", id="long name"),
        *(("--test-dataset", name) for name in ("nowhere.csv", "no/such/set", "nowhere.zip")),
    ],
)
def test_a_path_that_is_not_a_data_file_is_refused(flag, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.csv")
    Path("circle.csv").symlink_to("circle.csv")
    Path("valid.csv").write_bytes(csv_bytes())
    if name == "huge.csv":
        with Path(name).open("wb") as file:
            file.truncate(MAX_FILE_BYTES + 1)  # a sparse file
    if name == "bomb.csv.gz":
        part = gzip.compress(bytes(1 << 26), 9)
        Path(name).write_bytes(part * (MAX_FILE_BYTES // (1 << 26) + 1))
    argv = ["--dataset", "valid.csv"] if flag == "--test-dataset" else []
    message = assert_refused([*argv, flag, name, "--method", "majority", *SIZES, "--db", "runs.db"], tmp_path)
    assert name[:100] in message


@pytest.mark.parametrize(
    ("settings", "fragment"),
    [
        (["--text-column", "txt"], "--text-column 'txt'"),
        (["--label-column", "text"], "column"),
        (["--split-column", "split"], "--split-column 'split'"),
        (["--split-column", "label"], "column"),
        (["--splits", "test=holdout"], "splits"),
        (["--dataset-config", "sst2"], "--dataset-config"),
        (["--test-dataset", "{file}"], "test"),
        (["--train-size", "29"], "29"),
    ],
    ids=" ".join,
)
def test_settings_that_do_not_fit_the_file_are_refused(settings, fragment, tmp_path):
    path = tmp_path / "valid.csv"
    path.write_bytes(csv_bytes())
    sizes = [] if "--train-size" in settings else SIZES
    argv = ["--dataset", str(path), *(word.replace("{file}", str(path)) for word in settings)]
    message = assert_refused([*argv, "--method", "majority", *sizes, "--db", str(tmp_path / "runs.db")], tmp_path)
    assert fragment in message


@pytest.mark.parametrize("names", [["a" * 5_000, "b" * 5_000], [f"part {n}" for n in range(500)]], ids=["long", "many"])
def test_a_message_about_split_names_is_short(names, tmp_path):
    path = tmp_path / "split.csv"
    rows = [{"text": f"text {n}", "label": WORDS[n % 2], "part": names[n % len(names)]} for n in range(500)]
    path.write_bytes(csv_bytes(rows))
    argv = ["--dataset", str(path), "--split-column", "part", "--method", "majority", *SIZES]
    assert len(assert_refused([*argv, "--db", str(tmp_path / "runs.db")], tmp_path)) < 3_000


UNUSUAL_BUT_VALID = {
    "composed and decomposed accents.csv": csv_bytes(rows_with(label=["caf\u00e9", "cafe\u0301", "tea", "tea"])),
    "spaces around labels.csv": csv_bytes(rows_with(label=[" good", "good ", "bad", "\tbad"])),
    "control characters in labels.csv": csv_bytes(rows_with(label=['a\n"b",c;=1+1', "\x1b[31m\u202e"])),
    "integers beyond 64 bits.jsonl": json_lines(rows_with(n=[10**350, 1 << 70], label=[1 << 70, 2])).replace(
        b"0" * 350, b"0" * 5000
    ),
    "not finite.jsonl": b'{"text": "a", "label": "x", "n": 1e999}\n{"text": "b", "label": "y", "n": NaN}\n' * 15,
    "nul.jsonl": json_lines(rows_with(text=["a\0b", "c"], note="\0")),
    "lone surrogates.jsonl": json_lines(rows_with(text=["a\ud800b", "c"], note="\udfff")),
    "nested.parquet": parquet_bytes(rows_with(more={"a": [{"b": b"c"}]})),
    "dates as labels.parquet": parquet_bytes(rows_with(label=[datetime.date(2020, 1, 1), datetime.date(2021, 1, 1)])),
    "decimals as labels.parquet": parquet_bytes(rows_with(label=[decimal.Decimal(10**37), decimal.Decimal(1)])),
    "another column of bytes.parquet": parquet_bytes(rows_with(raw=b"\xff\0")),
    "byte order mark.csv": b"\xef\xbb\xbf" + csv_bytes(),
    "carriage returns.csv": csv_bytes().replace(b"\n", b"\r"),
}


@pytest.mark.parametrize("name", UNUSUAL_BUT_VALID)
def test_an_unusual_but_valid_file_is_recorded(name, tmp_path):
    (tmp_path / name).write_bytes(UNUSUAL_BUT_VALID[name])
    database = str(tmp_path / "runs.db")
    code, out, err = run_cli(["--dataset", str(tmp_path / name), "--method", "majority", *SIZES, "--db", database])
    assert (code, "macro F1" in out) == (0, True), err
    assert run_cli(["show", "1", "--json", "--db", database]).code == 0
    with contextlib.closing(sqlite3.connect(database)) as connection:
        (invalid,) = connection.execute("SELECT count(*) FROM examples WHERE NOT json_valid(extra)").fetchone()
    assert invalid == 0  # SQLite accepts some values as JSON that no other database accepts
