import json

import pandas as pd
import pytest

from core.config import make_config
from core.data import load_data
from core.data.sanitize import sanitize_frame
from core.data.sources import load_source
from core.serving.batch_predict import read_input_rows

SIZES = {"train_size": 2, "validation_size": 2, "test_size": 2}


def rows(text="a {} film", label="goo{}d", column="no{}te"):
    """Return 6 rows as JSON lines with two characters that can't be stored, in text, label and another column."""
    held = [{"text": f"plain {n}", "label": ("bad", "fine")[n % 2], "note": "x"} for n in range(6)]
    odd = [{"text": text.format(c), "label": label.format(c), column.format(c): "1"} for c in ("\0", "\ud83d") * 3]
    return "\n".join(map(json.dumps, [*held, *odd]))


def test_unstorable_characters_are_replaced_and_counted(tmp_path):
    (tmp_path / "a.jsonl").write_text(rows(column="note"))
    loaded = load_source(make_config({"dataset": str(tmp_path / "a.jsonl")}))
    assert loaded.labels == ("bad", "fine", "goo\ufffdd")
    assert set(loaded.frame["text"][6:]) == {"a \ufffd film"}
    assert loaded.sanitized_rows == 6
    data = load_data(make_config({"dataset": str(tmp_path / "a.jsonl")} | dict.fromkeys(SIZES, 3)))
    assert data.checks["mended"] == 6


def test_storable_texts_are_unchanged():
    frame = pd.DataFrame({"text": ["naïve 👩‍👩‍👧 \u202e \x1b", None], "n": [1, 2]})
    same, changed = sanitize_frame(frame)
    pd.testing.assert_frame_equal(same, frame)
    assert changed == 0


@pytest.mark.parametrize("dtype", [object, "str", "category"])
def test_columns_of_every_type_are_sanitized(dtype):
    column = pd.Series(["a\0b", "fine", None, "a\0b"]).astype(dtype)
    frame, changed = sanitize_frame(pd.DataFrame({"self\0": column, "t": pd.to_datetime(["2020-01-01"] * 4)}))
    assert changed == 2
    assert list(frame) == ["self\ufffd", "t"]
    assert list(frame["self\ufffd"].dropna()) == ["a\ufffdb", "fine", "a\ufffdb"]


def test_column_names_are_sanitized(tmp_path):
    (tmp_path / "a.jsonl").write_text(rows(column="no{}te"))
    loaded = load_source(make_config({"dataset": str(tmp_path / "a.jsonl")}))
    assert set(loaded.frame["extra"][7]) == {"note", "no\ufffdte"}


def test_texts_to_predict_are_sanitized(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "sad \ud83d"}))
    assert list(read_input_rows(tmp_path / "a.jsonl", None, "text").frame["text"]) == ["sad \ufffd"]
