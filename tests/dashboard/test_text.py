"""Escaped text, filters of texts and table cells."""

import pandas as pd

from core.text.formatting import format_class_score
from dashboard.app_pages.failures.view_data import Filters
from dashboard.components.filters import filter_texts
from dashboard.components.safe_text import escape_markdown
from dashboard.components.table_cells import FormattedNumber

PREDICTIONS = pd.DataFrame(
    {
        "text": ["A good film.", "A bad (very bad) film."],
        "label": ["positive", "negative"],
        "predicted": ["negative", "positive"],
        "confidence": [0.6, 0.9],
    }
)


def test_markdown_is_escaped():
    assert escape_markdown("*a* <b>\n#1") == r"\*a\* \<b\> \#1"


def test_search_is_literal_and_ignores_case():
    assert len(filter_texts(PREDICTIONS, "(VERY")) == 1


def test_filters_combine():
    filtered = Filters(true="negative", confidence=(80, 100)).apply(PREDICTIONS)
    assert list(filtered["text"]) == ["A bad (very bad) film."]


def test_filters_in_use_are_described():
    phrases = Filters(true="{negative}", confidence=(80, 100), contains="bad", column="a{b}", value_range=(1, None))
    assert phrases.describe() == [
        "true label {negative}",
        "confidence 80–100%",
        "text containing 'bad'",
        "a{b} at least 1",
    ]
    assert Filters().describe() == []


def test_formatted_number_sorts_by_value():
    cells = [FormattedNumber(0.9, "90.0 (80.0–95.0)"), FormattedNumber(0.1, "10.0 (5.0–20.0)")]
    assert [cell.text for cell in sorted(cells)] == ["10.0 (5.0–20.0)", "90.0 (80.0–95.0)"]


def test_score_of_a_class_below_minimum_support_has_no_interval():
    assert format_class_score(0.5, 0.1, 0.9, 9) == "50.0, too few examples (9)"
    assert format_class_score(0.5, 0.4, 0.6, 10) == "50.0 (40.0–60.0)"
    assert format_class_score(None, None, None, 0) == "—"
