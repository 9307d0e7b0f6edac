import math

import pytest

from core.text import formatting as f
from core.text.sanitize import escape_formula, escape_invisible, to_single_line, unescape_formula


@pytest.mark.parametrize(
    ("formatted", "expected"),
    [
        pytest.param(f.format_percent(0.8236), "82.4", id="percent"),
        pytest.param(f.format_score(0.824, 0.80, 0.847), "82.4 (80.0–84.7)", id="score"),
        pytest.param(f.format_score(None, None, None), "—", id="score-missing"),
        pytest.param(f.format_score(math.nan, 0.1, 0.2), "—", id="score-nan"),
        pytest.param(f.format_score(0.5, None, None), "50.0", id="score-without-interval"),
        pytest.param(f.format_number(0.4312, 0.40, 0.46), "0.431 (0.400–0.460)", id="number"),
        pytest.param(f.format_points(0.059, 0.033, 0.085), "+5.9 (+3.3 to +8.5)", id="points"),
        pytest.param(f.format_points(-0.0213), "−2.1", id="points-negative"),
        pytest.param(f.format_points(-0.0001), "0.0", id="points-rounded-to-zero"),
        pytest.param(f.format_p_value(0.00002), "< .0001", id="p-tiny"),
        pytest.param(f.format_p_value(0.032), "= .032", id="p"),
        pytest.param(f.format_p_value(1.0), "= 1.00", id="p-one"),
        pytest.param(f.format_duration(0.44), "0.4 s", id="duration-below-a-second"),
        pytest.param(f.format_duration(64), "1 m 04 s", id="duration-minutes"),
        pytest.param(f.format_duration(59.7), "1 m 00 s", id="duration-rounded-up"),
        pytest.param(f.format_duration(7500), "2 h 05 m", id="duration-hours"),
        pytest.param(f.format_duration(None), "—", id="duration-missing"),
        pytest.param(f.format_milliseconds(0.00674), "6.7 ms", id="milliseconds"),
        pytest.param(f.format_milliseconds(0.00001), "under 0.1 ms", id="milliseconds-tiny"),
        pytest.param(f.format_milliseconds(2.5), "2.5 s", id="milliseconds-seconds"),
        pytest.param(f.format_milliseconds(None), "—", id="milliseconds-missing"),
        pytest.param(f.format_count(12345), "12,345", id="count"),
        pytest.param(f.format_parameters(74498, 22_788_484), "74.5 k (0.33%)", id="parameters"),
        pytest.param(f.format_parameters(0, 100), "0", id="parameters-none"),
        pytest.param(f.format_parameters(35_592, 35_592), "35.6 k", id="parameters-all"),
        pytest.param(f.format_parameters(None), "—", id="parameters-missing"),
        pytest.param(f.format_bytes(601_520), "0.6 MB", id="bytes-mega"),
        pytest.param(f.format_bytes(1764), "2 kB", id="bytes-kilo"),
        pytest.param(f.format_setting(["a", "b"]), "a,b", id="setting-list"),
        pytest.param(f.format_setting(0.001), "0.001", id="setting-decimal"),
        pytest.param(f.format_setting(None), "—", id="setting-missing"),
    ],
)
def test_number_formats(formatted, expected):
    assert formatted == expected


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        pytest.param("a\x1b[31mred\x00\x07", "a⟨U+001B⟩[31mred⟨U+0000⟩⟨U+0007⟩", id="escape-sequence"),
        pytest.param("\u202eabc\u202c", "⟨U+202E⟩abc⟨U+202C⟩", id="right-to-left-override"),
        pytest.param("go\u200bod", "go⟨U+200B⟩od", id="zero-width-space"),
        pytest.param("\x9b2J \x7f \ud800", "⟨U+009B⟩2J ⟨U+007F⟩ ⟨U+D800⟩", id="control-characters"),
        pytest.param("a\u0301" + "\u0316" * 30 + "!", "a\u0301" + "\u0316" * 3 + "⟨U+0316 ×27⟩!", id="combining-marks"),
        pytest.param("two\r\nlines\tand\ra", "two\nlines\tand⟨U+000D⟩a", id="line-breaks"),
        pytest.param("👩‍👩‍👧 é e\u0301 שלום می‌خواهم", "👩‍👩‍👧 é e\u0301 שלום می‌خواهم", id="scripts"),
    ],
)
def test_invisible_characters_are_escaped_and_scripts_are_kept(text, escaped):
    assert escape_invisible(text) == escaped


def test_single_line_escapes_line_breaks_and_controls():
    assert to_single_line("a\n#7 helped\x1b[A") == "a #7 helped⟨U+001B⟩[A"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        pytest.param("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0", id="command"),
        pytest.param(" \u200b\ufeff=1", "' \u200b\ufeff=1", id="hidden-start"),
        pytest.param("＝1+2", "'＝1+2", id="full-width-equals"),
        pytest.param("fine;=1+2", "fine;'=1+2", id="after-semicolon"),
        pytest.param("fine\n@SUM(A1)", "fine\n'@SUM(A1)", id="after-line-break"),
        pytest.param("\tx", "'\tx", id="tab"),
        pytest.param("\r=1", "'\r'=1", id="carriage-return"),
        pytest.param("rock;'n roll;+1+1", "rock;'n roll;'+1+1", id="several-parts"),
        pytest.param("well ;-)", "well ;-)", id="smiley"),
        pytest.param("-1", "-1", id="integer"),
        pytest.param("+3.1 (+0.8 to +5.4)", "+3.1 (+0.8 to +5.4)", id="interval"),
        pytest.param("", "", id="empty"),
    ],
)
def test_formulas_are_escaped_reversibly(text, cell):
    assert escape_formula(text) == cell
    assert unescape_formula(cell) == text
