"""Labeled text is loaded from bundled data, files and the Hub's names."""

import json

import pandas as pd
import pytest

from core.config import make_config
from core.data import bundled
from core.data.sources import load_source
from tests.error_codes import raises_code

TEXTS = {"review": ["good", "bad", "fine", "poor"], "sentiment": ["pos", "neg", "pos", "neg"]}


def load(dataset, **values):
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
def test_bundled_data_set_is_complete(name, sizes):
    source = load(name)
    assert source.frame["label"].value_counts().to_dict() == sizes
    assert set(source.frame["extra"][0]) == {"id", "mean_rating", "rating_deviation"}


def test_bundled_labels_follow_from_the_ratings():
    frame = load("movie-reviews-3").frame
    ratings = pd.DataFrame(list(frame["extra"]))["mean_rating"]
    assert ratings[frame["label"] == "neutral"].abs().max() <= 0.5
    assert ratings[frame["label"] == "negative"].max() < -0.5


def test_every_bundled_data_set_is_documented():
    text = (bundled.HERE / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in bundled.BUNDLED)


def test_every_file_format_gives_the_same_rows(tmp_path):
    frame = pd.DataFrame(TEXTS)
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_csv(tmp_path / "a.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    first, *others = [load(str(tmp_path / f"a.{suffix}")).frame for suffix in ("csv", "tsv", "parquet", "jsonl")]
    for other in others:
        pd.testing.assert_frame_equal(first, other, check_dtype=False)


def test_other_columns_are_kept_as_extra(csv):
    source = load(csv({"Id": [1, 2, 3], "Review": ["a", "b", "c"], "Sentiment": ["x", "y", "x"]}))
    assert (source.text_column, source.label_column) == ("Review", "Sentiment")
    assert source.frame["extra"][0] == {"Id": 1}


def test_extra_values_are_json(tmp_path):
    rows = [
        {"text": "a", "label": "x", "tags": ["p"], "when": None},
        {"text": "b", "label": "y", "tags": [], "when": 1.5},
        {"text": "c", "label": "y"},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    extra = list(load(str(tmp_path / "a.jsonl")).frame["extra"])
    assert json.loads(json.dumps(extra)) == extra
    assert extra[0]["when"] is None


def test_words_for_missing_values_are_texts(csv):
    source = load(csv({"text": ["None", "NA", "null", "good"], "label": ["a", "b", "a", "b"]}))
    assert list(source.frame["text"]) == ["None", "NA", "null", "good"]


def test_rows_without_text_or_label_are_excluded_and_counted(csv):
    source = load(csv({"text": ["a", "", "  ", "d", "e", "f"], "label": ["x", "y", "x", "", "y", "x"]}))
    assert source.excluded_rows == {"without text": 2, "without label": 1}
    assert list(source.frame["text"]) == ["a", "e", "f"]


def test_missing_file_is_refused_with_a_similar_name(csv):
    path = csv(TEXTS, "reviews.csv")
    with raises_code("no_file", "Did you mean 'reviews.csv'?"):
        load(path.replace("reviews", "review"))


def test_folder_is_refused(tmp_path):
    with raises_code("is_folder", str(tmp_path)):
        load(str(tmp_path))


@pytest.mark.parametrize(
    ("rows", "code", "fact"),
    [
        pytest.param({"text": ["a", "b"], "label": ["pos", "pos"]}, "too_few_labels", "'pos', 2 rows", id="one-label"),
        pytest.param({"text": ["", " "], "label": ["a", "b"]}, "too_few_labels", "no row", id="no-texts"),
        pytest.param({"text": [], "label": []}, "no_rows", "my.csv", id="header-only"),
    ],
)
def test_data_without_two_labels_is_refused(csv, rows, code, fact):
    with raises_code(code, fact):
        load(csv(rows))


def test_unknown_name_is_refused_with_a_similar_bundled_name():
    with raises_code("dataset_unavailable", "Did you mean 'movie-reviews'?"):
        load("movie-review")
