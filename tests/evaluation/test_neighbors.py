import pytest

from core.evaluation.neighbors import index_texts

TEXTS = ["a good film", "a bad film with a good song", "dull and slow", "A GOOD FILM!", "🎬🎬 🍿", "电影很好", "🎬"]


@pytest.fixture(scope="module")
def index():
    return index_texts(TEXTS)


def test_most_similar_text_comes_first_and_an_equal_one_has_similarity_1(index):
    neighbors = index.nearest("a good film", k=3)
    assert [neighbor.position for neighbor in neighbors] == [0, 3, 1]
    assert [neighbor.similarity for neighbor in neighbors[:2]] == pytest.approx([1, 1])
    assert 1 > neighbors[2].similarity > 0


def test_word_bigrams_count():
    index = index_texts(["good song bad film", "good film bad song"])
    assert index.nearest("good film")[0].position == 1


def test_texts_without_common_words_are_excluded(index):
    assert [neighbor.position for neighbor in index.nearest("slow", k=5)] == [2]


@pytest.mark.parametrize(
    "text", ["", "  \n", "unheard", "…", "ничего"], ids=["empty", "blank", "unknown-word", "punctuation", "russian"]
)
def test_text_without_an_indexed_word_has_no_neighbors(index, text):
    assert index.nearest(text) == ()


def test_texts_without_words_are_compared_by_symbols(index):
    assert {neighbor.position for neighbor in index.nearest("🎬 🍿")} == {4, 6}


def test_scripts_without_spaces_have_neighbors(index):
    assert index.nearest("这部电影不好")[0].position == 5


@pytest.mark.parametrize("texts", [[], [""], ["", "  "]], ids=["none", "empty", "blank"])
def test_index_without_terms_has_no_neighbors(texts):
    assert index_texts(texts).nearest("a good film") == ()


def test_fewer_texts_than_k_are_returned():
    assert len(index_texts(["film", "film too"]).nearest("film", k=10)) == 2
    assert index_texts(["film"]).nearest("film", k=0) == ()
