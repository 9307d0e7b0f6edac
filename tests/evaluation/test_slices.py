from functools import partial

import numpy as np
import pytest

from core.evaluation.slices import find_slices

WORDS = ("film", "plot", "actor", "scene", "music", "story", "camera", "light", "sound", "ending", "hero", "song")


def draw_texts(n, seed=0, length=8):
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, rng.integers(1, 2 * length))) for _ in range(n)]
    return rng, texts


def by_name(slices):
    return {slice_.name: slice_ for slice_ in slices}


def test_slice_with_many_errors_comes_first():
    rng, texts = draw_texts(400)
    is_negated = np.arange(400) % 10 == 0
    texts = [f"{text} not" if negated else text for text, negated in zip(texts, is_negated, strict=True)]
    wrong = rng.random(400) < np.where(is_negated, 0.7, 0.1)
    first = find_slices(texts, wrong)[0]
    assert (first.name, first.kind, first.size) == ("with a negation", "negation", 40)
    assert first.p_adjusted < 1e-6
    assert list(first.members) == list(range(0, 400, 10))
    assert first.errors == wrong[is_negated].sum()
    assert first.error_rate.value == pytest.approx(wrong[is_negated].mean())
    assert first.rest.value == pytest.approx(wrong[~is_negated].mean())
    assert 0 < first.difference.low < first.difference.value < first.difference.high


def test_slice_with_few_errors_is_found():
    rng, texts = draw_texts(400)
    easy = np.arange(400) % 4 == 0
    slices = find_slices(texts, rng.random(400) < np.where(easy, 0.02, 0.5), truncated=easy)
    assert slices[0].name == "truncated" and slices[0].difference.high < 0


def test_slices_of_random_errors_are_rarely_significant():
    rng, texts = draw_texts(200)
    extra = [{"stars": i % 5, "spread": float(rng.random())} for i in range(200)]
    find = partial(find_slices, texts, extra=extra)
    false = sum(find(rng.random(200) < 0.3)[0].p_adjusted < 0.05 for _ in range(300))
    assert false <= 300 * 0.05 + 2.6 * np.sqrt(300 * 0.05 * 0.95)


def test_slices_do_not_depend_on_the_errors():
    rng, texts = draw_texts(200)
    assert set(by_name(find_slices(texts, rng.random(200) < 0.1))) == set(
        by_name(find_slices(texts, rng.random(200) < 0.6))
    )


def test_slices_are_ordered_by_adjusted_p_and_then_by_difference():
    rng, texts = draw_texts(300)
    slices = find_slices(texts, rng.random(300) < 0.3)
    keys = [(slice_.p_adjusted, -abs(slice_.difference.value)) for slice_ in slices]
    assert keys == sorted(keys)
    assert all(slice_.p <= slice_.p_adjusted <= 1 for slice_ in slices)


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        pytest.param("digits", "with digits", "made in 1984", id="digits"),
        pytest.param("digits", "with digits", "made in ١٩٨٤", id="digits-arabic"),
        pytest.param("negation", "with a negation", "I DON’T like it", id="negation-curly-apostrophe"),
        pytest.param("negation", "with a negation", "it wasnt good", id="negation-no-apostrophe"),
        pytest.param("question", "with a question mark", "why？", id="question-full-width"),
        pytest.param("exclamation", "with an exclamation mark", "wow!", id="exclamation"),
        pytest.param("capitals", "with a word in capitals", "it is BAD, I say", id="capitals"),
        pytest.param("capitals", "with a word in capitals", "это ПЛОХО", id="capitals-cyrillic"),
    ],
)
def test_texts_with_certain_words_or_punctuation_are_a_slice(kind, name, text):
    plain = "I say, A film as McDonald and I like it"
    texts = [plain] * 30 + [text] * 10 + [f"{plain} and so on"] * 30
    wrong = np.arange(70) % 3 == 0
    slices = [slice_ for slice_ in find_slices(texts, wrong) if slice_.size == 10]
    assert [list(slice_.members) for slice_ in slices] == [list(range(30, 40))]
    # Of equal slices the first is kept: the one by length, for a short text.
    assert (slices[0].kind, slices[0].name) == (kind, name) or slices[0].kind == "length"


def test_slices_by_length_are_named_by_the_number_of_words():
    texts = [" ".join(["so"] * length) for length in range(1, 101)]
    slices = by_name(find_slices(texts, np.arange(100) % 3 == 0))
    assert slices["longer than 75 words"].size == slices["shorter than 26 words"].size == 25


def test_columns_are_sliced_by_value_or_by_quarter():
    _, texts = draw_texts(200)
    extra = [
        {"genre": ("drama", "noir", "")[i % 3], "stars": i % 5, "year": 1900 + i / 2, "tags": ["a"], "id": f"t{i}"}
        for i in range(200)
    ]
    extra[7] = None
    slices = [slice_ for slice_ in find_slices(texts, np.arange(200) % 3 == 0, extra=extra) if slice_.kind == "column"]
    assert set(by_name(slices)) == {
        *("genre is drama", "genre is noir", "without genre"),
        *(f"stars is {stars}" for stars in range(5)),
        *("year below 1925.5", "year above 1974.5"),
    }
    assert by_name(slices)["without genre"].size == 67


def test_values_with_the_same_format_are_one_slice():
    _, texts = draw_texts(120)
    extra = [{"a": (1, "1", 1.0, "x")[i % 4]} for i in range(120)]
    slices = [slice_ for slice_ in find_slices(texts, np.arange(120) % 3 == 0, extra=extra) if slice_.kind == "column"]
    assert [(slice_.name, slice_.size) for slice_ in slices] == [("a is 1", 90)]


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 10**400, {"a": 1}, [1], None, "x" * 5000, True, "{}"],
    ids=["nan", "inf", "huge-integer", "object", "list", "none", "long-text", "true", "object-text"],
)
def test_columns_with_odd_values_are_accepted(value):
    _, texts = draw_texts(60)
    extra = [{"{odd}": value if i % 2 else i * 1.5} for i in range(60)]
    find_slices(texts, np.arange(60) % 4 == 0, extra=extra)


def test_rare_and_ubiquitous_words_are_not_slices_and_case_is_ignored():
    texts = [f"the {'Film' if i % 2 else 'FILM'}" if i % 4 == 0 else "the play" for i in range(200)]
    texts[0:9] = ["the rare film"] * 9
    slices = by_name(
        slice_ for slice_ in find_slices(texts, np.arange(200) % 3 == 0) if slice_.kind in ("word", "capitals")
    )
    assert "with the word «film»" in slices
    assert not {"with the word «the»", "with the word «rare»"} & set(slices)


@pytest.mark.parametrize(("size", "kept"), [(9, False), (10, True), (90, True), (91, False)])
def test_slice_has_ten_examples_inside_and_outside(size, kept):
    slices = find_slices(["same"] * 100, np.arange(100) % 3 == 0, truncated=np.arange(100) < size)
    assert [(slice_.name, slice_.size) for slice_ in slices] == ([("truncated", size)] if kept else [])


@pytest.mark.parametrize(
    ("n", "texts_with_it", "kept"),
    [(200, 9, False), (200, 10, True), (200, 100, True), (200, 101, False), (1010, 20, False), (1010, 21, True)],
)
def test_word_in_2_to_50_percent_of_the_texts_is_a_slice(n, texts_with_it, kept):
    texts = [f"{'film' if place < texts_with_it else 'play'} one" for place in range(n)]
    slices = by_name(find_slices(texts, np.arange(n) % 3 == 0))
    assert ("with the word «film»" in slices) == kept


def test_200_most_frequent_values_of_a_column_are_slices():
    extra = [{"genre": ("drama", "noir", "western", None)[i % 4] if i < 80 else f"genre {i}"} for i in range(400)]
    slices = [
        slice_
        for slice_ in find_slices(["same"] * 400, np.arange(400) % 3 == 0, extra=extra)
        if slice_.kind == "column"
    ]
    names = ("without genre", "genre is drama", "genre is noir", "genre is western")
    assert {slice_.name: slice_.size for slice_ in slices} == dict.fromkeys(names, 20)


def test_200_most_frequent_words_are_slices():
    rng = np.random.default_rng(0)
    shares = np.where(np.arange(260) < 100, 0.4, 0.2)
    occurs = rng.random((200, 260)) < shares
    texts = [" ".join(f"w{word}" for word in np.flatnonzero(row)) for row in occurs]
    words = {slice_.name for slice_ in find_slices(texts, np.arange(200) % 3 == 0) if slice_.kind == "word"}
    assert len(words) == 200
    assert {f"with the word «w{word}»" for word in range(100) if 20 < occurs[:, word].sum() <= 100} <= words


@pytest.mark.parametrize(("distinct", "by_value"), [(10, True), (11, False)])
def test_numeric_column_of_up_to_10_distinct_values_is_sliced_by_value(distinct, by_value):
    extra = [{"stars": place % distinct} for place in range(220)]
    names = {slice_.name for slice_ in find_slices(["same"] * 220, np.arange(220) % 3 == 0, extra=extra)}
    assert ("stars is 1" in names) == by_value
    assert any(name.startswith("stars below") for name in names) == (not by_value)


def test_equal_and_complementary_slices_are_tested_once():
    _, texts = draw_texts(100)
    half = np.arange(100) % 2 == 0
    extra = [{"kept": bool(even), "same": bool(even)} for even in half]
    slices = find_slices(texts, np.arange(100) % 3 == 0, truncated=half, extra=extra)
    assert [slice_.name for slice_ in slices if slice_.kind in ("truncated", "column")] == ["truncated"]


@pytest.mark.parametrize(
    ("n", "wrong"),
    [
        pytest.param(0, [], id="none"),
        pytest.param(1, [True], id="one"),
        pytest.param(19, [True] * 9 + [False] * 10, id="few"),
        pytest.param(50, [False] * 50, id="all-correct"),
        pytest.param(50, [True] * 50, id="all-wrong"),
    ],
)
def test_few_examples_or_errors_of_one_kind_have_no_slices(n, wrong):
    assert find_slices(draw_texts(n)[1], np.array(wrong, dtype=np.bool_)) == ()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("   ", id="space"),
        pytest.param("🎬🍿", id="emojis"),
        pytest.param("הסרט לא טוב", id="hebrew"),
        pytest.param("电影不好", id="chinese"),
        pytest.param("हिन्दी", id="hindi"),
        pytest.param("a" * 100_000, id="one-long-word"),
        pytest.param("no! " * 25_000, id="many-words"),
    ],
)
def test_odd_texts_are_accepted(text):
    _, texts = draw_texts(40)
    wrong = np.arange(40) % 3 == 0
    find_slices([text] * 40, wrong)
    slices = find_slices([text] * 20 + texts[20:], wrong)
    assert any(set(slice_.members) in (set(range(20)), set(range(20, 40))) for slice_ in slices)


def test_words_of_other_scripts_are_slices():
    texts = ["הסרט לא טוב מאוד"] * 15 + ["סרט יפה מאוד היום"] * 40
    assert "with the word «לא»" not in by_name(find_slices(["ab cd"] * 55, np.arange(55) % 2 == 0))
    words = [slice_ for slice_ in find_slices(texts, np.arange(55) < 15) if slice_.kind == "word"]
    assert words[0].p_adjusted < 1e-9 and "הסרט" in words[0].name
