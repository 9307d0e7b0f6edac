"""The text and the label column are detected, or the user must name them."""

import pytest

from core.config import make_config
from core.data.sources import load_source
from tests.error_codes import raises_code

TEXTS = [f"a rather long sentence, number {n}" for n in range(6)]
LABELS = list("ababab")


def detect(path, **values):
    source = load_source(make_config({"dataset": path, **values}))
    return source.text_column, source.label_column


@pytest.mark.parametrize(
    "names",
    [(" Review Text ", "LABEL"), ("review_text", "Label")],
    ids=["spaces", "underscore"],
)
def test_common_names_match_without_case_spaces_and_underscores(csv, names):
    assert detect(csv({"id": range(6), names[0]: TEXTS, names[1]: LABELS})) == names


@pytest.mark.parametrize("order", [("words", "kind"), ("kind", "words")], ids=["text-first", "label-first"])
def test_two_columns_without_common_names_are_distinguished_by_their_values(csv, order):
    rows = {"words": TEXTS, "kind": LABELS}
    assert detect(csv({name: rows[name] for name in order})) == ("words", "kind")


def test_second_of_two_columns_is_the_label_column(csv):
    assert detect(csv({"text": TEXTS, "airline": LABELS})) == ("text", "airline")


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param({"words": TEXTS, "kind": LABELS, "other": LABELS}, id="three-columns"),
        pytest.param({"one": TEXTS, "two": TEXTS}, id="two-texts"),
        pytest.param({"text": TEXTS}, id="one-column"),
    ],
)
def test_ambiguous_columns_must_be_named(csv, columns):
    with raises_code("no_column", *columns, "--label-column" if "text" in columns else "--text-column"):
        detect(csv(columns))


def test_named_columns_are_used(csv):
    assert detect(csv({"a": TEXTS, "b": LABELS, "c": LABELS}), text_column="a", label_column="b") == ("a", "b")


def test_unknown_column_is_refused_with_a_similar_name(csv):
    with raises_code("unknown_column", "--label-column 'sentment'", "Did you mean 'sentiment'?"):
        detect(csv({"review": TEXTS, "sentiment": LABELS}), label_column="sentment")


def test_one_column_cannot_be_text_and_label(csv):
    with raises_code("same_column"):
        detect(csv({"review": TEXTS, "sentiment": LABELS}), text_column="review", label_column="review")


def test_names_that_differ_in_case_only_are_ambiguous(csv):
    path = csv({"Text": TEXTS, "text": TEXTS, "label": LABELS})
    with raises_code("ambiguous_column", "Text, text", "--text-column"):
        detect(path)
    assert detect(path, text_column="text") == ("text", "label")


def test_file_without_header_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("\n".join(f"{text.replace(',', '')},{n % 2}" for n, text in enumerate(TEXTS * 2)))
    with raises_code("no_header"):
        detect(str(path))


@pytest.mark.parametrize(
    "values", [[1, 2, 3, 4, 5, 6], [0.5] * 6, [True, False] * 3], ids=["integers", "decimals", "booleans"]
)
def test_text_column_of_numbers_is_refused(csv, values):
    with raises_code("not_text", "'text'", "--text-column"):
        detect(csv({"text": values, "label": LABELS}))
