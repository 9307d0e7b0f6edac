import math

import pytest

from core.text import formatting as f


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (f.percent(0.8236), "82.4"),
        (f.score(0.824, 0.80, 0.847), "82.4 (80.0–84.7)"),
        (f.score(None, None, None), "—"),
        (f.score(math.nan, 0.1, 0.2), "—"),
        (f.score(0.5, None, None), "50.0"),
        (f.number(0.4312, 0.40, 0.46), "0.431 (0.400–0.460)"),
        (f.points(0.059, 0.033, 0.085), "+5.9 (+3.3 to +8.5)"),
        (f.points(-0.0213), "−2.1"),
        (f.points(-0.0001), "0.0"),
        (f.p_value(0.00002), "< .0001"),
        (f.p_value(0.032), "= .032"),
        (f.p_value(1.0), "= 1.00"),
        (f.duration(0.44), "0.4 s"),
        (f.duration(64), "1 m 04 s"),
        (f.duration(59.7), "1 m 00 s"),
        (f.duration(7500), "2 h 05 m"),
        (f.duration(None), "—"),
        (f.milliseconds(0.00674), "6.7 ms"),
        (f.milliseconds(0.00001), "under 0.1 ms"),
        (f.milliseconds(2.5), "2.5 s"),
        (f.milliseconds(None), "—"),
        (f.count(12345), "12,345"),
        (f.parameters(74498, 22_788_484), "74.5 k (0.33 %)"),
        (f.parameters(0, 100), "0"),
        (f.parameters(35_592, 35_592), "35.6 k"),
        (f.parameters(None), "—"),
        (f.megabytes(601_520), "0.6 MB"),
        (f.megabytes(1764), "2 kB"),
        (f.setting(["a", "b"]), "a,b"),
        (f.setting(0.001), "0.001"),
        (f.setting(None), "—"),
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
    assert f.spreadsheet_safe(text) == cell
    assert f.from_spreadsheet(cell) == text
