"""Make untrusted text safe to store, print, display and open in a spreadsheet."""

import re

UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""Characters that no text may hold: NUL, which PostgreSQL refuses, and half a surrogate pair, which is no UTF-8."""


def replace_unstorable(text: str) -> str:
    """Return the text with U+FFFD, the mark of a lost character, for each that databases can't hold."""
    return UNSTORABLE.sub("\ufffd", text)


_MARKS = r"[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_FEW_MARKS = 4
# Control characters but tab and line feed; what turns text round or hides in it (not the joiners and marks that
# scripts and emoji need); halves of characters, which no encoding takes; accents heaped over the lines around.
_ODD = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u115f\u1160\u180e\u200b\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    rf"\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e007f]|(?<={_MARKS}{{{_FEW_MARKS}}}){_MARKS}+"
)


def escape_invisible(text: str) -> str:
    """Return a stranger's text with what would steer a terminal or a reader's eye as signs such as ``⟨U+202E⟩``.

    Tabs and ends of lines stay.
    """
    return _ODD.sub(_sign, text.replace("\r\n", "\n")) if _ODD.search(text) else text


def _sign(odd: re.Match[str]) -> str:
    times = f" ×{len(odd[0])}" if len(odd[0]) > 1 else ""
    return f"⟨U+{ord(odd[0][0]):04X}{times}⟩"  # the pictures of control characters are missing in many fonts


def escape_json(json: str) -> str:
    """Return JSON with such characters escaped: it says the same, and can be printed on a terminal."""
    return _ODD.sub(lambda odd: "".join(map(_escape, odd[0])), json)


def _escape(character: str) -> str:
    code = ord(character)
    pair = [code] if code < 0x10000 else [0xD7C0 + (code >> 10), 0xDC00 + (code & 0x3FF)]
    return "".join(f"\\u{unit:04x}" for unit in pair)


def to_single_line(text: object) -> str:
    """Return a name as `escape_invisible`, without ends of lines: it can't begin a line of its own."""
    return escape_invisible(" ".join(str(text).split()))


_BEGINS = r"(^|[;\t\r\n])"  # a cell; where the machine's list separator is «;», also in the middle of a text
_BLANK = r"(?:[^\S\t\r\n]|[\x00-\x08\x0b\x0c\x0e-\x1f\u200b-\u200f\u2060\ufeff])*"
_SIGNS = rf"{_BLANK}[=@＝＠]|{_BLANK}[+\-＋－](?!\))"  # but no smiley
_FORMULA = re.compile(rf"{_BEGINS}({_SIGNS})")
_NUMBER = re.compile(r"[+-]?[\d.,]+( \([+−-]?[\d.,]+( to |–)[+−-]?[\d.,]+\))?")
_ESCAPED = re.compile(rf"{_BEGINS}'(?={_SIGNS}|[\t\r\n])")


def escape_formula(text: str) -> str:
    """Return a cell that no spreadsheet runs: an apostrophe stands before what would begin a formula.

    Numbers, such as «-1» or our own «+3.1 (+0.8 to +5.4)», stay as they are.
    """
    if _NUMBER.fullmatch(text):
        return text
    safe = _FORMULA.sub(r"\1'\2", text)
    return f"'{safe}" if safe.startswith(("\t", "\r", "\n")) else safe


def unescape_formula(cell: str) -> str:
    """Return a cell as it was before `escape_formula`; one that this did not write, as it is."""
    typed = _ESCAPED.sub(r"\1", cell)
    return typed if escape_formula(typed) == cell else cell
