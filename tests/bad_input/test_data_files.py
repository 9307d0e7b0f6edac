"""Files of labelled text that are none, are damaged, or mean harm: through the command line."""

import contextlib
import datetime
import decimal
import gzip
import io
import json
import os
import sqlite3
import zlib
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from core.data.readers import MAX_FILE_BYTES
from tests.bad_input.asking import SIZES, ask, refused

WORDS = ("good", "bad")
ROWS = [{"text": f"a {WORDS[n % 2]} film {n}", "label": WORDS[n % 2]} for n in range(30)]


def csv(rows: list[dict[str, Any]] = ROWS, separator: str = ",") -> bytes:
    return pd.DataFrame(rows).to_csv(index=False, sep=separator).encode()


def lines(rows: list[dict[str, Any]]) -> bytes:
    return "\n".join(map(json.dumps, rows)).encode()


def with_cells(**columns: Any) -> list[dict[str, Any]]:
    """Return the rows with other cells: one value for all, or a list of one a row."""
    return [
        row | {name: value[n % len(value)] if isinstance(value, list) else value for name, value in columns.items()}
        for n, row in enumerate(ROWS)
    ]


def packed(rows: list[dict[str, Any]], **types: pa.DataType) -> bytes:
    table = pa.Table.from_pylist(rows)
    for name, type_ in types.items():
        place = table.column_names.index(name)
        table = table.set_column(place, name, pa.array([row[name] for row in rows], type_))
    written = io.BytesIO()
    parquet.write_table(table, written)
    return written.getvalue()


def twice_named() -> bytes:
    written = io.BytesIO()
    column = pa.array(["a", "b"])
    parquet.write_table(pa.Table.from_arrays([column, column, column], ["text", "label", "label"]), written)
    return written.getvalue()


def not_utf8() -> bytes:
    written = io.BytesIO()
    labels = pa.array([b"good", b"\x80ad"] * 15).view(pa.utf8())
    parquet.write_table(pa.table({"text": [row["text"] for row in ROWS], "label": labels}), written)
    return written.getvalue()


SOUND = packed(ROWS)
DEEP = b'{"text": ' + b"[" * 200_000
TOO_LONG = "l" * 10_000
CASES = {
    "empty.csv": (b"", "is empty"),
    "blank.csv": (b" \n\n\t\n", "is empty"),
    "bom alone.csv": (b"\xef\xbb\xbf", "can't be read as CSV"),
    "header alone.csv": (b"text,label\n", "holds no rows"),
    "one column.csv": (b"text\na\nb\n", "A data set needs two columns"),
    "one class.csv": (csv(with_cells(label="good")), "has one label only ('good', 30 rows)"),
    "one row.csv": (csv(ROWS[:1]), "has one label only"),
    "two rows.csv": (csv(ROWS[:2]), "as many labels as rows"),
    "three rows.csv": (csv(ROWS[:3]), "Label 'bad' has 1 example"),
    "no texts.csv": (csv(with_cells(text="")), "no row with both a text and a label"),
    "no labels.csv": (csv(with_cells(label="")), "no row with both a text and a label"),
    "numbers for texts.csv": (csv(with_cells(text=[1, 2.5, 3])), "holds no texts but values such as"),
    "scores for labels.csv": (csv(with_cells(label=[0.1, 0.2, 0.35])), "scores, not labels"),
    "infinite labels.csv": (csv(with_cells(label=["inf", "1e999"])), "scores, not labels"),
    "ids for labels.csv": (csv(with_cells(label=list(range(30)))), "as many labels as rows"),
    "long labels.csv": (csv(with_cells(label=[TOO_LONG, "b"])), "a label of 10,000 characters"),
    "columns twice.csv": (b"text,label,label\na,b,c\n", "names 'label' twice"),
    "columns alike.csv": (b'text,label," label "\na,b,c\n', "names 'label' twice"),
    "nameless columns.csv": (b",\na,b\nc,d\na,b\nc,d\n", "has no column with a usual name"),
    "numbers as names.csv": (b"1,2,3\nx,y,z\n", "has no column with a usual name"),
    "no header.csv": (csv()[csv().index(b"\n") + 1 :], "looks like an example"),
    "ragged.csv": (b"text,label\na,b\na,b,c,d\n", "Expected 2 fields in line 3, saw 4"),
    "longer rows.csv": (b"text,label\na,b,c\n", "more fields than its header"),
    "open quote.csv": (b'text,label\n"a,good\nb,bad\n', "EOF inside string"),
    "utf-16.csv": (csv().decode().encode("utf-16"), "is UTF-16"),
    "utf-16 unmarked.csv": (csv().decode().encode("utf-16le"), "holds a NUL byte in line 1"),
    "utf-32.csv": (csv().decode().encode("utf-32"), "is UTF-16"),
    "latin-1.csv": ("text,label\ncafé,good\n".encode("latin-1"), "is not UTF-8: byte 0xe9 in line 2"),
    "nul.csv": (b"text,label\na\0b,good\n", "holds a NUL byte in line 2"),
    "random.csv": (bytes(range(128, 256)) * 30, "is not UTF-8"),
    "page.csv": (b"<!DOCTYPE html><html><body>404", "holds a web page"),
    "excel.csv": (b"PK\x03\x04" + bytes(50), "perhaps an Excel file"),
    "words.tsv": (b"nothing but words\nand more of them\n", "A data set needs two columns"),
    "wide.csv": (",".join(f"c{n}" for n in range(3_000)).encode() + b"\n" + b"1," * 2_999 + b"1\n", "and 2,950 more"),
    "cut.csv.gz": (gzip.compress(csv())[:-9], "is no whole gzip file"),
    "not packed.csv.gz": (csv(), "is no whole gzip file"),
    "packed twice.csv.gz": (gzip.compress(gzip.compress(csv())), "holds gzip"),
    "flipped.csv.gz": (gzip.compress(csv())[:40] + b"\xff\xff" + gzip.compress(csv())[42:], "is no whole gzip file"),
    "cut.jsonl": (lines(ROWS)[:-9], "line 30: Unterminated string"),
    "words.json": (b"words", "line 1: Expecting value"),
    "number.json": (b"42", "record 1 is no object"),
    "object.json": (b'{"data": [{"text": "a", "label": "b"}]}', "A data set needs two columns"),
    "pretty.json": (b'{\n  "text": "a"\n}', "line 1: Expecting property name"),
    "empty list.json": (b"[]", "holds no rows"),
    "empty objects.jsonl": (b"{}\n{}\n", "holds no rows"),
    "list of lists.json": (b"[[1], [2]]", "record 1 is no object"),
    "two values.json": (b"[] []", "line 1: Extra data"),
    "deep.jsonl": (DEEP, "nested too deeply"),
    "deep list.json": (b"[" * 200_000, "nested too deeply"),
    "single quotes.jsonl": (b"{'text': 'a'}", "line 1: Expecting property name"),
    "lists for labels.jsonl": (lines(with_cells(label=[["a", "b"]])), "holds lists, objects or bytes"),
    "objects for labels.jsonl": (lines(with_cells(label={"a": 1})), "holds lists, objects or bytes"),
    "lists for texts.jsonl": (lines(with_cells(text=["a text", ["b"]])), "among its texts"),
    "objects for texts.jsonl": (lines(with_cells(text={"a": "b"})), "holds no texts but values such as"),
    "huge numbers.jsonl": (lines(with_cells(label=[10**300, 10**301])), "a label of 302 characters"),
    "infinite.jsonl": (b'{"text": "a", "label": 1e999}\n{"text": "b", "label": -1e999}\n' * 9, "scores, not labels"),
    "nan.jsonl": (b'{"text": "a", "label": NaN}\n' * 9, "no row with both a text and a label"),
    "cut.parquet": (SOUND[:-20], "can't be read as PARQUET"),
    "half.parquet": (SOUND[: len(SOUND) // 2], "can't be read as PARQUET"),
    "head.parquet": (b"PAR1", "can't be read as PARQUET"),
    "csv.parquet": (csv(), "can't be read as PARQUET"),
    "flipped.parquet": (SOUND[:-60] + b"\xff" * 30 + SOUND[-30:], "can't be read as PARQUET"),
    "not utf-8.parquet": (not_utf8(), "can't be read as PARQUET: "),
    "twice.parquet": (twice_named(), "two of its columns are named 'label'"),
    "no rows.parquet": (packed([ROWS[0]])[:0] + packed(ROWS[:1]), "has one label only"),
    "lists.parquet": (packed(with_cells(label=[["a"], ["b", "c"]])), "holds lists, objects or bytes"),
    "structs.parquet": (packed(with_cells(text={"a": 1})), "holds no texts"),
    "bytes as labels.parquet": (packed(with_cells(label=[b"a", b"b"])), "holds lists, objects or bytes"),
    "bytes as texts.parquet": (packed(with_cells(text=b"a text")), "holds no texts"),
    "dates as texts.parquet": (packed(with_cells(text=datetime.date(2020, 1, 1))), "holds no texts"),
    "decimals.parquet": (packed(with_cells(label=[decimal.Decimal("1.5"), decimal.Decimal(2)])), "scores, not labels"),
    "unknown.xlsx": (b"PK\x03\x04", "ends in '.xlsx'"),
    "no ending": (csv(), "ends in ''"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_with_a_file_is_said(name, tmp_path):
    content, said = CASES[name]
    (tmp_path / name).write_bytes(content)
    argv = ["--dataset", str(tmp_path / name), "--method", "majority", *SIZES, "--db", str(tmp_path / "runs.db")]
    assert said in refused(argv, tmp_path)


@pytest.mark.parametrize("flag", ["--dataset", "--test-dataset"])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        (".", "is a folder. Name one of its files"),
        ("pipe.csv", "is no file with an end"),
        ("/dev/zero", "ends in ''"),
        ("circle.csv", "can't be a path here"),
        ("nowhere.csv", "There is no file nowhere.csv"),
        ("sund.csv", "Did you mean 'sound.csv'?"),
        pytest.param("x" * 300 + ".csv", "can't be a path here", id="long-name"),
        ("~nobody-of-this-name/a.csv", "can't be a path here"),
        ("sound.csv/a.csv", "There is no file"),
        ("huge.csv", "holds more than 1 GB"),
        ("bomb.csv.gz", "unpacks to more than 1 GB"),
        ("no/such/set", "neither a bundled data set nor a file"),
        ("../../etc/passwd", "neither a bundled data set nor a file"),
        ("csv", "neither a bundled data set nor a file"),
        ("https://example.org/a.csv", "There is no file"),
        pytest.param("", "should not be empty", id="empty"),
    ],
)
def test_what_is_no_file_of_texts_is_told(flag, name, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.csv")
    Path("circle.csv").symlink_to("circle.csv")
    Path("sound.csv").write_bytes(csv())
    if name == "huge.csv":
        with Path(name).open("wb") as file:
            file.truncate(MAX_FILE_BYTES + 1)  # a hole: it takes no room
    if name == "bomb.csv.gz":
        part = gzip.compress(bytes(1 << 26), 9)
        Path(name).write_bytes(part * (MAX_FILE_BYTES // (1 << 26) + 1))
    argv = ["--dataset", "sound.csv"] if flag == "--test-dataset" else []
    said_by = refused([*argv, flag, name, "--method", "majority", *SIZES, "--db", "runs.db"], tmp_path)
    assert said in said_by


@pytest.mark.parametrize(
    ("more", "said"),
    [
        pytest.param(["--text-column", "txt"], "--text-column 'txt' is not in", id="text-column-unknown"),
        pytest.param(
            ["--label-column", "text"], "has no column with a usual name for a text", id="label-column-is-text"
        ),
        pytest.param(["--text-column", "label"], "--label-column", id="text-column-is-label"),
        pytest.param(["--split-column", "split"], "--split-column 'split' is not in", id="split-column-unknown"),
        pytest.param(["--split-column", "label"], "A data set needs two columns", id="split-column-is-label"),
        pytest.param(["--splits", "test=holdout"], "has no splits of its own", id="splits-without-splits"),
        pytest.param(["--dataset-config", "sst2"], "is for data sets of the Hub", id="dataset-config-of-a-file"),
        pytest.param(["--test-dataset", "SAME"], "it would be trained on and tested", id="test-dataset-is-the-dataset"),
        pytest.param(
            ["--train-size", "29"], "usable rows to draw train, validation, test from", id="train-size-too-large"
        ),
        pytest.param(["--test-size", "1"], "should be greater than or equal to 2", id="test-size-too-small"),
    ],
)
def test_what_does_not_fit_a_sound_file_is_said(more, said, tmp_path):
    path = tmp_path / "sound.csv"
    path.write_bytes(csv())
    sizes = [] if {"--train-size", "--test-size"} & {*more} else SIZES
    more = [str(path) if word == "SAME" else word for word in more]
    argv = ["--dataset", str(path), *more, "--method", "majority", *sizes, "--db", str(tmp_path / "runs.db")]
    assert said in refused(argv, tmp_path)


@pytest.mark.parametrize("names", [["a" * 5_000, "b" * 5_000], [f"part {n}" for n in range(500)]], ids=["long", "many"])
def test_long_names_of_splits_and_many_are_told_in_short(names, tmp_path):
    path = tmp_path / "split.csv"
    path.write_bytes(
        csv([{"text": f"text {n}", "label": WORDS[n % 2], "part": names[n % len(names)]} for n in range(500)])
    )
    argv = ["--dataset", str(path), "--split-column", "part", "--method", "majority", *SIZES]
    said = refused([*argv, "--db", str(tmp_path / "runs.db")], tmp_path)
    assert "It does not show which split" in said and len(said) < 3_000


ODD_BUT_SOUND = {
    "composed and decomposed.csv": csv(with_cells(label=["caf\u00e9", "cafe\u0301", "tea", "tea"])),
    "spaces about.csv": csv(with_cells(label=[" good", "good ", "bad", "\tbad"])),
    "odd labels.csv": csv(with_cells(label=['a\n"b",c;=1+1', "\x1b[31m\u202e"])),
    "numbers beyond 64 bits.jsonl": lines(with_cells(n=[10**350, 1 << 70], label=[1 << 70, 2])).replace(
        b"0" * 350, b"0" * 5000
    ),
    "not finite.jsonl": b'{"text": "a", "label": "x", "n": 1e999}\n{"text": "b", "label": "y", "n": NaN}\n' * 15,
    "not finite.csv": csv(with_cells(n=["inf", "-inf", "1e999"])),
    "nul.jsonl": lines(with_cells(text=["a\0b", "c"], note="\0")),
    "half a pair.jsonl": lines(with_cells(text=["a\ud800b", "c"], note="\udfff")),
    "nested.parquet": packed(with_cells(more={"a": [{"b": b"c"}]})),
    "dates.parquet": packed(with_cells(label=[datetime.date(2020, 1, 1), datetime.date(2021, 1, 1)])),
    "decimals.parquet": packed(with_cells(label=[decimal.Decimal(10**37), decimal.Decimal(1)])),
    "bytes beside.parquet": packed(with_cells(raw=b"\xff\0")),
    "marked.csv": b"\xef\xbb\xbf" + csv(),
    "old mac.csv": csv().replace(b"\n", b"\r"),
}


@pytest.mark.parametrize("name", ODD_BUT_SOUND)
def test_what_is_odd_but_sound_is_run_and_recorded(name, tmp_path):
    (tmp_path / name).write_bytes(ODD_BUT_SOUND[name])
    argv = ["--dataset", str(tmp_path / name), "--method", "majority", *SIZES, "--db", str(tmp_path / "runs.db")]
    code, out, err = ask(argv)
    assert (code, "macro F1" in out) == (0, True), err
    assert ask(["show", "1", "--json", "--db", str(tmp_path / "runs.db")])[0] == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "runs.db")) as connection:
        (invalid,) = connection.execute("SELECT count(*) FROM examples WHERE NOT json_valid(extra)").fetchone()
    assert invalid == 0  # no other database takes what SQLite lets pass as JSON


def test_a_packed_file_is_only_as_damaged_as_its_end(tmp_path):
    whole = gzip.compress(csv())
    (tmp_path / "a.csv.gz").write_bytes(whole[:-8] + zlib.crc32(b"other").to_bytes(4, "little") + whole[-4:])
    argv = ["--dataset", str(tmp_path / "a.csv.gz"), "--method", "majority", *SIZES, "--db", str(tmp_path / "runs.db")]
    assert "is no whole gzip file (CRC check failed" in refused(argv, tmp_path)
