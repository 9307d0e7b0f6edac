import pytest

from core.config import make_config
from core.data.sources import load_source
from core.errors import RequestError

LONG = [f"a rather long sentence, number {n}" for n in range(6)]


def found(path, **values):
    source = load_source(make_config({"dataset": path, **values}))
    return source.text_column, source.label_column


@pytest.mark.parametrize(
    "names",
    [(" Review Text ", "LABEL"), ("review_text", "Label"), ("TWEET", "Topic")],
    ids=["spaces", "underscore", "capitals"],
)
def test_common_names_ignore_case_spaces_and_underscores(csv, names):
    assert found(csv({"id": range(6), names[0]: LONG, names[1]: list("ababab")})) == names


@pytest.mark.parametrize("order", [("words", "kind"), ("kind", "words")], ids=["text-first", "label-first"])
def test_two_columns_without_common_names_are_inferred_from_content(csv, order):
    rows = {"words": LONG, "kind": list("ababab")}
    assert found(csv({name: rows[name] for name in order})) == ("words", "kind")


def test_remaining_column_of_two_is_selected(csv):
    assert found(csv({"text": LONG, "airline": list("ababab")})) == ("text", "airline")


def test_three_columns_without_common_names_are_not_guessed(csv):
    with pytest.raises(RequestError, match="Columns: words, kind, other. Name one with --text-column"):
        found(csv({"words": LONG, "kind": list("ababab"), "other": list("ababab")}))


def test_two_columns_of_texts_are_not_guessed(csv):
    with pytest.raises(RequestError, match="no column with a common name"):
        found(csv({"one": LONG, "two": LONG}))


def test_column_names_that_differ_only_in_case_are_ambiguous(csv):
    path = csv({"Text": LONG, "text": LONG, "label": list("ababab")})
    with pytest.raises(RequestError, match="Text, text"):
        found(path)
    assert found(path, text_column="text") == ("text", "label")


def test_missing_header_is_detected(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("\n".join(f"{text.replace(',', '')},{n % 2}" for n, text in enumerate(LONG * 2)))
    with pytest.raises(RequestError, match="looks like an example"):
        found(str(path))


def test_single_column_is_refused(csv):
    with pytest.raises(RequestError, match="Columns: text."):
        found(csv({"text": LONG}))


@pytest.mark.parametrize(
    "values", [[1, 2, 3, 4, 5, 6], [0.5] * 6, [True, False] * 3], ids=["integers", "decimals", "booleans"]
)
def test_numeric_text_column_is_refused(csv, values):
    with pytest.raises(RequestError, match="Column 'text' of .* --text-column"):
        found(csv({"text": values, "label": list("ababab")}))
