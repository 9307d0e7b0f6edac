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
def test_case_spaces_and_underscores_of_usual_names_do_not_matter(csv, names):
    assert found(csv({"id": range(6), names[0]: LONG, names[1]: list("ababab")})) == names


@pytest.mark.parametrize("order", [("words", "kind"), ("kind", "words")], ids=["text-first", "label-first"])
def test_of_two_columns_without_usual_names_the_obvious_ones_are_taken(csv, order):
    rows = {"words": LONG, "kind": list("ababab")}
    assert found(csv({name: rows[name] for name in order})) == ("words", "kind")


def test_of_two_columns_the_one_that_is_left_is_taken(csv):
    assert found(csv({"text": LONG, "airline": list("ababab")})) == ("text", "airline")


def test_three_columns_without_usual_names_are_not_guessed(csv):
    with pytest.raises(RequestError, match="Its columns are: words, kind, other. Name one with --text-column"):
        found(csv({"words": LONG, "kind": list("ababab"), "other": list("ababab")}))


def test_two_columns_of_texts_are_not_guessed(csv):
    with pytest.raises(RequestError, match="no column with a usual name"):
        found(csv({"one": LONG, "two": LONG}))


def test_names_that_differ_in_case_alone_have_to_be_told_apart(csv):
    path = csv({"Text": LONG, "text": LONG, "label": list("ababab")})
    with pytest.raises(RequestError, match="several columns that may be its text: Text, text"):
        found(path)
    assert found(path, text_column="text") == ("text", "label")


def test_a_file_without_a_header_is_noticed(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("\n".join(f"{text.replace(',', '')},{n % 2}" for n, text in enumerate(LONG * 2)))
    with pytest.raises(RequestError, match="looks like an example, not like a header"):
        found(str(path))


def test_one_column_is_not_enough(csv):
    with pytest.raises(RequestError, match="Its columns are: text. A data set needs two columns"):
        found(csv({"text": LONG}))


@pytest.mark.parametrize(
    "values", [[1, 2, 3, 4, 5, 6], [0.5] * 6, [True, False] * 3], ids=["integers", "decimals", "booleans"]
)
def test_numbers_are_no_texts(csv, values):
    with pytest.raises(RequestError, match="Column 'text' of .* holds no texts but values such as .*--text-column"):
        found(csv({"text": values, "label": list("ababab")}))
