"""Make untrusted text safe to store, print, display and open in a spreadsheet."""

import re

UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""Characters that cannot be stored: NUL, which PostgreSQL refuses, and lone surrogates, which are not UTF-8."""


def replace_unstorable(text: str) -> str:
    """Replace each character that cannot be stored by U+FFFD."""
    return UNSTORABLE.sub("\ufffd", text)


_COMBINING_MARKS = r"[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_MAX_COMBINING_MARKS = 4
# Control characters except tab and line feed; bidirectional controls and invisible characters (not the joiners and
# marks that scripts and emoji need); lone surrogates; stacked combining marks.
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u115f\u1160\u180e\u200b\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    rf"\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e007f]|(?<={_COMBINING_MARKS}{{{_MAX_COMBINING_MARKS}}}){_COMBINING_MARKS}+"
)


def escape_invisible(text: str) -> str:
    """Replace control, invisible and bidirectional characters of an untrusted text by codes such as ``⟨U+202E⟩``.

    Tabs and line breaks are kept.
    """
    return _INVISIBLE.sub(_format_code, text.replace("\r\n", "\n")) if _INVISIBLE.search(text) else text


def _format_code(match: re.Match[str]) -> str:
    repeats = f" ×{len(match[0])}" if len(match[0]) > 1 else ""
    return f"⟨U+{ord(match[0][0]):04X}{repeats}⟩"  # many fonts lack glyphs for control characters


def escape_json(json: str) -> str:
    """Escape the same characters in JSON, so that it is safe to print and keeps its value."""
    return _INVISIBLE.sub(lambda match: "".join(map(_escape, match[0])), json)


def _escape(character: str) -> str:
    code = ord(character)
    pair = [code] if code < 0x10000 else [0xD7C0 + (code >> 10), 0xDC00 + (code & 0x3FF)]
    return "".join(f"\\u{unit:04x}" for unit in pair)


_RTL = "[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
_RTL_STRETCH = re.compile(rf"{_RTL}(?:(?:{_RTL}|[^\S\n]|[\d.,'’\"-])*{_RTL})?")


def isolate_rtl(text: str) -> str:
    """Return a sentence in which each stretch of right-to-left letters is isolated from the words beside it."""
    return _RTL_STRETCH.sub("\u2067\\g<0>\u2069", escape_invisible(text))


def to_single_line(text: object) -> str:
    """Return `escape_invisible` of a text on a single line."""
    return escape_invisible(" ".join(str(text).split()))


_CELL_START = r"(^|[;\t\r\n])"  # ";" separates cells in some locales
_LEADING_BLANK = r"(?:[^\S\t\r\n]|[\x00-\x08\x0b\x0c\x0e-\x1f\u200b-\u200f\u2060\ufeff])*"
_FORMULA_START = rf"{_LEADING_BLANK}[=@＝＠]|{_LEADING_BLANK}[+\-＋－](?!\))"  # not a smiley such as ";-)"
_FORMULA = re.compile(rf"{_CELL_START}({_FORMULA_START})")
_NUMBER = re.compile(r"[+-]?[\d.,]+( \([+−-]?[\d.,]+( to |–)[+−-]?[\d.,]+\))?")
_ESCAPED = re.compile(rf"{_CELL_START}'(?={_FORMULA_START}|[\t\r\n])")


def escape_formula(text: str) -> str:
    """Prefix a cell that a spreadsheet would evaluate as a formula with an apostrophe.

    Numbers such as "-1" or "+3.1 (+0.8 to +5.4)" are kept.
    """
    if _NUMBER.fullmatch(text):
        return text
    safe = _FORMULA.sub(r"\1'\2", text)
    return f"'{safe}" if safe.startswith(("\t", "\r", "\n")) else safe


def unescape_formula(cell: str) -> str:
    """Undo `escape_formula`; other cells are returned unchanged."""
    original = _ESCAPED.sub(r"\1", cell)
    return original if escape_formula(original) == cell else cell
