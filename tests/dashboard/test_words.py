"""Sentences, filters and tables."""

import pandas as pd

from dashboard import filters, tables, words

JUDGED = pd.DataFrame(
    {
        "text": ["A good film.", "A bad (very bad) film."],
        "label": ["positive", "negative"],
        "predicted": ["negative", "positive"],
        "confidence": [0.6, 0.9],
    }
)


def test_plain_text_shows_every_sign_of_markdown_as_it_stands():
    assert words.plain("*a* <b>\n#1") == r"\*a\* \<b\> \#1"


def test_search_takes_signs_for_what_they_are():
    assert len(filters.containing(JUDGED, "(VERY")) == 1


def test_filters_narrow_by_label_and_confidence():
    shown = filters.Filters(true="negative", confidence=(80, 100)).apply(JUDGED)
    assert list(shown["text"]) == ["A bad (very bad) film."]


def test_filters_that_are_set_are_said_in_words():
    said = filters.Filters(true="negative", confidence=(80, 100), contains="bad").said()
    assert said == ["true label negative", "confidence from 80 to 100 %", "text with «bad»"]
    assert filters.Filters().said() == []


def test_remarks_name_what_flatters_a_score():
    checks = {"left_out": {"without text": 2}, "duplicates": {"test": 1, "train": 0}, "leaked_test_examples": 3}
    rare = pd.DataFrame({"label": ["neutral"], "count": [53], "share": [0.053]})
    said = words.remarks(checks, rare)
    assert said == [
        "2 rows without text were left out.",
        "Texts that stand twice within a split: 1 in test.",
        "3 test examples also stand in the training or validation split: the scores flatter.",
        "«neutral» is rare: 5.3 % of the test set, 53 examples. Its figures are uncertain.",
    ]


def test_an_undefined_interval_is_a_dash():
    assert tables.interval(None, float("nan")) == "—"
    assert tables.interval(0.8, 0.847) == "80.0–84.7"
