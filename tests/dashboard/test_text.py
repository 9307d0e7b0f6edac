"""Sentences, filters and tables."""

import pandas as pd

from core.text.formatting import format_class_score
from dashboard.app_pages.data import text as dataset_words
from dashboard.app_pages.failures import view_data as failures
from dashboard.app_pages.try_it import text as try_it_words
from dashboard.components import table_cells as cells
from dashboard.components.filters import filter_texts
from dashboard.components.safe_text import escape_markdown

JUDGED = pd.DataFrame(
    {
        "text": ["A good film.", "A bad (very bad) film."],
        "label": ["positive", "negative"],
        "predicted": ["negative", "positive"],
        "confidence": [0.6, 0.9],
    }
)


def test_plain_text_shows_every_sign_of_markdown_as_it_stands():
    assert escape_markdown("*a* <b>\n#1") == r"\*a\* \<b\> \#1"


def test_search_takes_signs_for_what_they_are():
    assert len(filter_texts(JUDGED, "(VERY")) == 1


def test_filters_narrow_by_label_and_confidence():
    shown = failures.Filters(true="negative", confidence=(80, 100)).apply(JUDGED)
    assert list(shown["text"]) == ["A bad (very bad) film."]


def test_filters_that_are_set_are_said_in_words():
    said = failures.Filters(true="negative", confidence=(80, 100), contains="bad").said()
    assert said == ["true label negative", "confidence from 80 to 100 %", "text with «bad»"]
    assert failures.Filters().said() == []


def test_remarks_name_what_flatters_a_score():
    checks = {"left_out": {"without text": 2}, "duplicates": {"test": 1, "train": 0}, "leaked_test_examples": 3}
    rare = pd.DataFrame({"label": ["neutral"], "count": [53], "share": [0.053], "half": [0.092]})
    said = dataset_words.remarks(checks, rare)
    assert said == [
        "2 rows without text were left out.",
        "Texts that stand twice within a split: 1 in test.",
        "3 test examples also stand in the training or validation split: the scores flatter.",
        "«neutral» is rare: 5.3 % of the test set, 53 examples. Its F1 is known to ± 9.2 points at best.",
    ]


def test_a_class_with_few_examples_is_too_rare_to_tell():
    rare = pd.DataFrame({"label": ["odd"], "count": [4], "share": [0.04], "half": [0.3]})
    assert dataset_words.remarks({}, rare)[-1].endswith("4 examples. That is too few to tell (fewer than 10).")


def test_an_answer_below_the_threshold_is_unsure():
    shares = pd.DataFrame({"label": ["no", "yes"], "probability": [0.4, 0.6]})
    assert try_it_words.answer(shares, 0.5) == "yes, 60.0 %"
    assert try_it_words.answer(shares, 0.7) == "unsure: yes is the likeliest, 60.0 %"


def test_a_cell_sorts_by_its_value_and_is_shown_as_its_text():
    told = [
        cells.FormattedNumber(0.9, "90.0 (80.0–95.0)"),
        cells.FormattedNumber(None, "—"),
        cells.FormattedNumber(0.1, "10.0 (5.0–20.0)"),
    ]
    assert [cell.text for cell in sorted(told[::2])] == ["10.0 (5.0–20.0)", "90.0 (80.0–95.0)"]


def test_a_class_with_few_examples_says_so_in_place_of_its_interval():
    assert format_class_score(0.5, 0.1, 0.9, 9) == "50.0, too few examples (9)"
    assert format_class_score(0.5, 0.4, 0.6, 10) == "50.0 (40.0–60.0)"
    assert format_class_score(None, None, None, 0) == "—"
