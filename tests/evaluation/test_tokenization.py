import pytest

from core.evaluation.tokenization import words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It's NOT a film, it’s a 'dream'!", ["it's", "not", "a", "film", "it's", "a", "dream"]),
        ("snake_case & 3.5 stars", ["snake", "case", "3", "5", "stars"]),
        ("Straße, café", ["strasse", "café"]),
        ("cafe\u0301", ["café"]),  # an accent of its own
        ("ein schönes Bild", ["ein", "schönes", "bild"]),
        ("हिन्दी अच्छी है", ["हिन्दी", "अच्छी", "है"]),
        ("הסרט לא טוב", ["הסרט", "לא", "טוב"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("电影不好", ["电", "影", "不", "好"]),
        ("🎬 … !?", []),
        ("", []),
    ],
)
def test_words_are_found_in_any_script(text, expected):
    assert words(text) == expected


def test_plain_text_is_read_as_any_other():
    text = "Don't 'quote' rock'n'roll, A_B's 24/7 x2 ''''"
    assert words(text + " é")[:-1] == words(text)
