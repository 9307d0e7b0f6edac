import pytest

from core.evaluation.tokenization import tokenize


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "It's NOT a film, it’s a 'dream'!", ["it's", "not", "a", "film", "it's", "a", "dream"], id="apostrophes"
        ),
        pytest.param("snake_case & 3.5 stars", ["snake", "case", "3", "5", "stars"], id="underscores-numbers"),
        pytest.param("Straße, café", ["strasse", "café"], id="sharp-s"),
        pytest.param("cafe\u0301", ["café"], id="combining-accent"),
        pytest.param("ein schönes Bild", ["ein", "schönes", "bild"], id="umlaut"),
        pytest.param("हिन्दी अच्छी है", ["हिन्दी", "अच्छी", "है"], id="hindi"),
        pytest.param("הסרט לא טוב", ["הסרט", "לא", "טוב"], id="hebrew"),
        pytest.param("می\u200cخواهم", ["می\u200cخواهم"], id="persian-joiner"),
        pytest.param("电影不好", ["电", "影", "不", "好"], id="chinese"),
        pytest.param("🎬 … !?", [], id="no-words"),
        pytest.param("", [], id="empty"),
    ],
)
def test_text_of_any_script_is_tokenized(text, expected):
    assert tokenize(text) == expected


def test_ascii_text_is_tokenized_as_any_other():
    text = "Don't 'quote' rock'n'roll, A_B's 24/7 x2 ''''"
    assert tokenize(text + " é")[:-1] == tokenize(text)
