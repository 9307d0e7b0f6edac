import time

import numpy as np
import pytest

from core.evaluation.neighbors import index_texts

TEXTS = ["a good film", "a bad film with a good song", "dull and slow", "A GOOD FILM!", "🎬🎬 🍿", "电影很好", "🎬"]


@pytest.fixture(scope="module")
def index():
    return index_texts(TEXTS)


def test_most_similar_text_comes_first_and_the_same_words_have_similarity_1(index):
    found = index.nearest("a good film", k=3)
    assert [one.position for one in found] == [0, 3, 1]
    assert [one.similarity for one in found[:2]] == pytest.approx([1, 1])
    assert 1 > found[2].similarity > 0


def test_word_pairs_count():
    index = index_texts(["good song bad film", "good film bad song"])
    assert index.nearest("good film")[0].position == 1


def test_texts_without_common_words_are_left_out(index):
    assert [one.position for one in index.nearest("slow", k=5)] == [2]


@pytest.mark.parametrize(
    "text", ["", "  \n", "unheard", "…", "ничего"], ids=["empty", "blank", "unknown-word", "punctuation", "russian"]
)
def test_text_without_an_indexed_word_has_no_neighbors(index, text):
    assert index.nearest(text) == ()


def test_texts_without_words_are_compared_by_signs(index):
    assert {one.position for one in index.nearest("🎬 🍿")} == {4, 6}


def test_scripts_without_spaces_have_neighbors(index):
    assert index.nearest("这部电影不好")[0].position == 5


@pytest.mark.parametrize("texts", [[], [""], ["", "  "]], ids=["none", "empty", "blank"])
def test_no_texts_give_no_neighbors(texts):
    assert index_texts(texts).nearest("a good film") == ()


def test_fewer_texts_than_k_are_returned():
    assert len(index_texts(["film", "film too"]).nearest("film", k=10)) == 2
    assert index_texts(["film"]).nearest("film", k=0) == ()


def test_many_texts_are_indexed_and_queried_fast():
    rng = np.random.default_rng(0)
    names = [f"word{i}" for i in range(5000)]
    texts = [" ".join(row) for row in rng.choice(names, (10_000, 15))]
    start = time.perf_counter()
    index = index_texts(texts)
    built = time.perf_counter()
    for text in texts[:20]:
        assert index.nearest(text)[0].similarity == pytest.approx(1)
    query_seconds = (time.perf_counter() - built) / 20
    assert built - start < 10 and query_seconds < 0.3  # 1 s and 3 ms on an idle machine
