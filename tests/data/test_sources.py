import json

import pandas as pd
import pytest

from core.config import make_config
from core.data.bundled import BUNDLED
from core.data.sources import load_source
from core.errors import RequestError

TEXTS = {"review": ["good", "bad", "fine", "poor"], "sentiment": ["pos", "neg", "pos", "neg"]}


def source(dataset, **values):
    return load_source(make_config({"dataset": dataset, **values}))


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        pytest.param("movie-reviews", {"negative": 5326, "positive": 5242}, id="movie-reviews"),
        pytest.param("movie-reviews-3", {"negative": 5061, "positive": 4982, "neutral": 562}, id="movie-reviews-3"),
        pytest.param("tweets-3", {"positive": 2300, "negative": 1062, "neutral": 838}, id="tweets-3"),
        pytest.param("product-reviews-3", {"positive": 1725, "negative": 1218, "neutral": 765}, id="product-reviews-3"),
    ],
)
def test_bundled_sets_are_complete(name, sizes):
    loaded = source(name)
    assert loaded.frame["label"].value_counts().to_dict() == sizes
    assert set(loaded.frame["extra"][0]) == {"id", "mean_rating", "rating_deviation"}


def test_bundled_labels_agree_with_the_ratings():
    loaded = source("movie-reviews-3").frame
    ratings = pd.DataFrame(list(loaded["extra"]))["mean_rating"]
    assert ratings[loaded["label"] == "neutral"].abs().max() <= 0.5
    assert ratings[loaded["label"] == "negative"].max() < -0.5


def test_every_file_format_gives_the_same_rows(tmp_path):
    frame = pd.DataFrame(TEXTS)
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_csv(tmp_path / "a.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    loaded = [source(str(tmp_path / f"a.{ending}")).frame for ending in ("csv", "tsv", "parquet", "jsonl")]
    for other in loaded[1:]:
        pd.testing.assert_frame_equal(loaded[0], other, check_dtype=False)


def test_common_column_names_are_detected(csv):
    loaded = source(csv({"Id": [1, 2, 3], "Review": ["a", "b", "c"], "Sentiment": ["x", "y", "x"]}))
    assert (loaded.text_column, loaded.label_column) == ("Review", "Sentiment")
    assert loaded.frame["extra"][0] == {"Id": 1}


def test_null_like_words_are_texts(csv):
    loaded = source(csv({"text": ["None", "NA", "null", "good"], "label": ["a", "b", "a", "b"]}))
    assert list(loaded.frame["text"]) == ["None", "NA", "null", "good"]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        pytest.param([1, 0, 10, 2, 2], ("0", "1", "2", "10"), id="integers"),
        pytest.param([1.0, 0.0, None, 1.0, 1.0], ("0", "1"), id="whole-decimals"),
        pytest.param([True, False, None, False, True], ("false", "true"), id="booleans"),
        pytest.param(["b", " a", "b", "a ", "b"], ("a", "b"), id="spaces"),
        pytest.param(
            ["level 10", "level 2", "level 1", "level 2", "level 1"],
            ("level 1", "level 2", "level 10"),
            id="words-with-numbers",
        ),
    ],
)
def test_labels_are_sorted_naturally(csv, labels, names):
    assert source(csv({"text": list("vwxyz"), "label": labels})).labels == names


def test_rows_without_text_or_label_are_excluded_and_counted(csv):
    loaded = source(csv({"text": ["a", "", "  ", "d", "e", "f"], "label": ["x", "y", "x", "", "y", "x"]}))
    assert loaded.excluded == {"without text": 2, "without label": 1}
    assert list(loaded.frame["text"]) == ["a", "e", "f"]


def test_missing_file_is_refused_with_a_suggestion(csv):
    csv(TEXTS, "reviews.csv")
    with pytest.raises(RequestError, match=r"Did you mean 'reviews.csv'"):
        source(csv(TEXTS, "reviews.csv").replace("reviews", "review"))


def test_missing_column_is_refused_with_a_suggestion(csv):
    with pytest.raises(RequestError, match="--label-column 'sentment' is not in .*Did you mean 'sentiment'"):
        source(csv(TEXTS), label_column="sentment")


def test_uncommon_columns_must_be_named(csv):
    path = csv({"a": ["x", "y", "z"], "b": ["p", "q", "p"]})
    with pytest.raises(RequestError, match="for the text. Columns: a, b"):
        source(path)
    assert source(path, text_column="a", label_column="b").labels == ("p", "q")


def test_single_label_is_refused(csv):
    with pytest.raises(RequestError, match=r"only one label \('pos', 2 rows\)"):
        source(csv({"text": ["a", "b"], "label": ["pos", "pos"]}))


def test_empty_file_is_refused(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(RequestError, match="is empty"):
        source(str(tmp_path / "empty.csv"))


def test_header_without_rows_is_refused(tmp_path):
    (tmp_path / "head.csv").write_text("text,label\n")
    with pytest.raises(RequestError, match="has no rows"):
        source(str(tmp_path / "head.csv"))


def test_empty_texts_only_are_refused(csv):
    with pytest.raises(RequestError, match="no row with both a text and a label"):
        source(csv({"text": ["", " "], "label": ["a", "b"]}))


def test_invalid_utf8_is_reported_with_its_line(tmp_path):
    path = tmp_path / "latin.csv"
    path.write_bytes(b"text,label\ngood,pos\ncaf\xe9,neg\n")
    with pytest.raises(RequestError, match=r"not UTF-8: byte 0xe9 in line 3.*iconv"):
        source(str(path))


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        pytest.param("broken.jsonl", b'{"text": "a"\n', "as JSONL", id="jsonl"),
        pytest.param("broken.parquet", b"PAR1 no parquet", "Cannot read .* as PARQUET", id="parquet"),
        pytest.param("ragged.csv", b'text,label\n"a,b\n', "as CSV", id="csv"),
        pytest.param("table.xlsx", b"PK", "suffix '.xlsx'", id="xlsx"),
    ],
)
def test_damaged_or_unknown_file_is_refused(tmp_path, name, content, expected):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RequestError, match=expected):
        source(str(tmp_path / name))


def test_folder_is_refused(tmp_path):
    with pytest.raises(RequestError, match="is a folder"):
        source(str(tmp_path))


def test_hub_name_offline_is_refused_with_alternatives():
    with pytest.raises(RequestError, match="Available offline: movie-reviews"):
        source("imdb")


def test_misspelled_bundled_name_gets_a_suggestion():
    with pytest.raises(RequestError, match="Did you mean 'movie-reviews'"):
        source("movie-review")


def test_nested_values_of_other_columns_become_json(tmp_path):
    rows = [
        {"text": "a", "label": "x", "tags": ["p"], "when": None},
        {"text": "b", "label": "y", "tags": [], "when": 1.5},
        {"text": "c", "label": "y"},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    extra = list(source(str(tmp_path / "a.jsonl")).frame["extra"])
    assert json.loads(json.dumps(extra)) == extra
    assert extra[0]["when"] is None


def test_every_registered_set_is_described():
    text = (__import__("pathlib").Path("core/data/bundled/README.md")).read_text()
    assert all(f"`{name}`" in text for name in BUNDLED)
