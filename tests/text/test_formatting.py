import math

import pytest

from core.text import formatting as f
from core.text.sanitize import escape_formula, unescape_formula


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (f.format_percent(0.8236), "82.4"),
        (f.format_score(0.824, 0.80, 0.847), "82.4 (80.0–84.7)"),
        (f.format_score(None, None, None), "—"),
        (f.format_score(math.nan, 0.1, 0.2), "—"),
        (f.format_score(0.5, None, None), "50.0"),
        (f.format_number(0.4312, 0.40, 0.46), "0.431 (0.400–0.460)"),
        (f.format_points(0.059, 0.033, 0.085), "+5.9 (+3.3 to +8.5)"),
        (f.format_points(-0.0213), "−2.1"),
        (f.format_points(-0.0001), "0.0"),
        (f.format_p_value(0.00002), "< .0001"),
        (f.format_p_value(0.032), "= .032"),
        (f.format_p_value(1.0), "= 1.00"),
        (f.format_duration(0.44), "0.4 s"),
        (f.format_duration(64), "1 m 04 s"),
        (f.format_duration(59.7), "1 m 00 s"),
        (f.format_duration(7500), "2 h 05 m"),
        (f.format_duration(None), "—"),
        (f.format_milliseconds(0.00674), "6.7 ms"),
        (f.format_milliseconds(0.00001), "under 0.1 ms"),
        (f.format_milliseconds(2.5), "2.5 s"),
        (f.format_milliseconds(None), "—"),
        (f.format_count(12345), "12,345"),
        (f.format_parameters(74498, 22_788_484), "74.5 k (0.33 %)"),
        (f.format_parameters(0, 100), "0"),
        (f.format_parameters(35_592, 35_592), "35.6 k"),
        (f.format_parameters(None), "—"),
        (f.format_bytes(601_520), "0.6 MB"),
        (f.format_bytes(1764), "2 kB"),
        (f.format_setting(["a", "b"]), "a,b"),
        (f.format_setting(0.001), "0.001"),
        (f.format_setting(None), "—"),
    ],
)
def test_numbers_read_alike_everywhere(written, expected):
    assert written == expected


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mred\x00\x07", "a⟨U+001B⟩[31mred⟨U+0000⟩⟨U+0007⟩"),
        ("\u202eabc\u202c", "⟨U+202E⟩abc⟨U+202C⟩"),
        ("go\u200bod", "go⟨U+200B⟩od"),
        ("\x9b2J \x7f \ud800", "⟨U+009B⟩2J ⟨U+007F⟩ ⟨U+D800⟩"),
        ("a\u0301" + "\u0316" * 30 + "!", "a\u0301" + "\u0316" * 3 + "⟨U+0316 ×27⟩!"),
        ("two\r\nlines\tand\ra", "two\nlines\tand⟨U+000D⟩a"),
        ("👩‍👩‍👧 é e\u0301 שלום می‌خواهم", "👩‍👩‍👧 é e\u0301 שלום می‌خواهم"),
    ],
)
def test_what_hides_or_steers_is_shown_as_signs_and_scripts_stay(text, shown):
    assert f.visible(text) == shown


def test_a_name_begins_no_line_of_its_own():
    assert f.one_line("a\n#7 helped\x1b[A") == "a #7 helped⟨U+001B⟩[A"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        (" \u200b\ufeff=1", "' \u200b\ufeff=1"),
        ("＝1+2", "'＝1+2"),
        ("fine;=1+2", "fine;'=1+2"),
        ("fine\n@SUM(A1)", "fine\n'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("\r=1", "'\r'=1"),
        ("rock;'n roll;+1+1", "rock;'n roll;'+1+1"),
        ("well ;-)", "well ;-)"),
        ("-1", "-1"),
        ("+3.1 (+0.8 to +5.4)", "+3.1 (+0.8 to +5.4)"),
        ("", ""),
    ],
)
def test_no_cell_is_a_formula_and_each_can_be_read_back(text, cell):
    assert escape_formula(text) == cell
    assert unescape_formula(cell) == text
