"""Characters that databases cannot store are replaced when data is read."""

import json

import pandas as pd
import pytest

from core.config import make_config
from core.data import load_data
from core.data.sanitize import sanitize_frame
from core.data.sources import load_source
from core.serving.batch_predict import read_input_table

SIZES = {"train_size": 3, "validation_size": 3, "test_size": 3}


@pytest.fixture
def unstorable_file(tmp_path):
    """Six clean rows, and six with a NUL or a lone surrogate in text, label and the name of another column."""
    clean = [{"text": f"plain {n}", "label": ("bad", "fine")[n % 2], "note": "x"} for n in range(6)]
    unstorable = [{"text": f"a {c} film", "label": f"goo{c}d", f"no{c}te": "1"} for c in ("\0", "\ud83d") * 3]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, [*clean, *unstorable])))
    return str(tmp_path / "a.jsonl")


def test_unstorable_characters_are_replaced_and_counted(unstorable_file):
    source = load_source(make_config({"dataset": unstorable_file}))
    assert source.labels == ("bad", "fine", "goo\ufffdd")
    assert set(source.frame["text"][6:]) == {"a \ufffd film"}
    assert set(source.frame["extra"][7]) == {"note", "no\ufffdte"}
    assert source.sanitized_rows == 6
    assert load_data(make_config({"dataset": unstorable_file} | SIZES)).checks["mended"] == 6


def test_storable_texts_do_not_change():
    frame = pd.DataFrame({"text": ["naïve 👩‍👩‍👧 \u202e \x1b", None], "n": [1, 2]})
    sanitized, changed_rows = sanitize_frame(frame)
    pd.testing.assert_frame_equal(sanitized, frame)
    assert changed_rows == 0


@pytest.mark.parametrize("dtype", [object, "str", "category"], ids=["object", "str", "category"])
def test_columns_of_every_dtype_are_sanitized(dtype):
    column = pd.Series(["a\0b", "fine", None, "a\0b"]).astype(dtype)
    frame, changed_rows = sanitize_frame(pd.DataFrame({"self\0": column, "t": pd.to_datetime(["2020-01-01"] * 4)}))
    assert changed_rows == 2
    assert list(frame) == ["self\ufffd", "t"]
    assert list(frame["self\ufffd"].dropna()) == ["a\ufffdb", "fine", "a\ufffdb"]


def test_texts_to_classify_are_sanitized(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "sad \ud83d"}))
    assert list(read_input_table(tmp_path / "a.jsonl", None, "text").frame["text"]) == ["sad \ufffd"]
