"""How numbers and strangers' texts read, everywhere alike: on the command line, in model cards and on the screens."""

import re

DASH = "—"
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""Characters that no text may hold: NUL, which PostgreSQL refuses, and half a surrogate pair, which is no UTF-8."""
FEW_EXAMPLES = 10
"""A class with fewer test examples than this has too few for its score to mean much."""


def storable(text: str) -> str:
    """Return the text with U+FFFD, the mark of a lost character, for each that databases can't hold."""
    return UNSTORABLE.sub("\ufffd", text)


def percent(share: float | None) -> str:
    """Return a share in percent with one decimal, without the sign: ``82.4``."""
    return DASH if share is None or share != share else f"{share * 100:.1f}"


def score(value: float | None, low: float | None, high: float | None) -> str:
    """Return a share with its interval: ``82.4 (80.0–84.7)``."""
    if value is None or value != value:
        return DASH
    if low is None or high is None or low != low or high != high:
        return percent(value)
    return f"{percent(value)} ({percent(low)}–{percent(high)})"


def class_score(value: float | None, low: float | None, high: float | None, support: float) -> str:
    """Return a class's figure with its interval; of a class with few test examples their number instead."""
    if value is None or value != value or support >= FEW_EXAMPLES:
        return score(value, low, high)
    return f"{percent(value)}, too few examples ({count(support)})"


def number(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """Return a figure that is no share, such as a log loss, with its interval: ``0.431 (0.402–0.463)``."""
    if value is None or value != value:
        return DASH
    if low is None or high is None or low != low or high != high:
        return f"{value:.3f}"
    return f"{value:.3f} ({low:.3f}–{high:.3f})"


def points(difference: float | None, low: float | None = None, high: float | None = None) -> str:
    """Return a difference of shares in points, signed, with its interval: ``+5.9 (+3.3 to +8.5)``."""
    if difference is None or difference != difference:
        return DASH
    text = _signed(difference)
    if low is None or high is None or low != low or high != high:
        return text
    return f"{text} ({_signed(low)} to {_signed(high)})"


def _signed(share: float) -> str:
    text = f"{share * 100:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")


def p_value(p: float) -> str:
    """Return p with two digits: ``= .032``, ``< .0001``."""
    if p < 0.0001:
        return "< .0001"
    digits = 2 if p >= 0.1 else 3 if p >= 0.01 else 4
    return f"= {p:.{digits}f}".replace("0.", ".", 1)


def duration(seconds: float | None) -> str:
    """Return ``0.4 s``, ``12 s``, ``1 m 04 s`` or ``2 h 05 m``."""
    if seconds is None or seconds != seconds:
        return DASH
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {left:02d} m"
    return f"{minutes} m {rest:02d} s" if minutes else f"{rest} s"


def milliseconds(seconds: float | None) -> str:
    """Return a short time: ``6.7 ms``, ``under 0.1 ms``; from a second on as in `duration`."""
    if seconds is None or seconds != seconds or seconds >= 1:
        return duration(seconds)
    return f"{seconds * 1e3:.1f} ms" if seconds >= 1e-4 else "under 0.1 ms"


def count(number_: float | None) -> str:
    """Return a count with separators: ``12,345``."""
    return DASH if number_ is None or number_ != number_ else f"{round(number_):,}"


def parameters(trainable: float | None, total: float | None = None) -> str:
    """Return ``74 k (0.33 %)``: how many weights were trained, and their share of all."""
    if trainable is None or trainable != trainable:
        return DASH
    short = next(
        (f"{trainable / size:.3g} {unit}" for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if trainable >= size),
        f"{trainable:.0f}",
    )
    if not total or total != total or not trainable or trainable == total:
        return short
    return f"{short} ({trainable / total * 100:.2g} %)"


def megabytes(bytes_: float | None) -> str:
    """Return a size in MB, or in kB where it is small: ``0.6 MB``, ``12 kB``."""
    if bytes_ is None or bytes_ != bytes_:
        return DASH
    return f"{bytes_ / 1e6:,.1f} MB" if bytes_ >= 1e5 else f"{bytes_ / 1e3:.0f} kB"


def setting(value: object) -> str:
    """Return a setting's value as a person would type it."""
    if value is None:
        return DASH
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    if isinstance(value, dict):
        return " ".join(f"{key}={setting(one)}" for key, one in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def speed(examples_per_second: float | None) -> str:
    """Return how fast a training went: ``58 examples/s``."""
    if examples_per_second is None or examples_per_second != examples_per_second:
        return DASH
    digits = 1 if examples_per_second < 9.95 else 0
    return f"{examples_per_second:,.{digits}f} examples/s"


_MARKS = r"[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_FEW_MARKS = 4
# Control characters but tab and line feed; what turns text round or hides in it (not the joiners and marks that
# scripts and emoji need); halves of characters, which no encoding takes; accents heaped over the lines around.
_ODD = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u115f\u1160\u180e\u200b\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    rf"\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e007f]|(?<={_MARKS}{{{_FEW_MARKS}}}){_MARKS}+"
)


def visible(text: str) -> str:
    """Return a stranger's text with what would steer a terminal or a reader's eye as signs such as ``⟨U+202E⟩``.

    Tabs and ends of lines stay.
    """
    return _ODD.sub(_sign, text.replace("\r\n", "\n")) if _ODD.search(text) else text


def _sign(odd: re.Match[str]) -> str:
    times = f" ×{len(odd[0])}" if len(odd[0]) > 1 else ""
    return f"⟨U+{ord(odd[0][0]):04X}{times}⟩"  # the pictures of control characters are missing in many fonts


def escaped(json: str) -> str:
    """Return JSON with such characters escaped: it says the same, and can be printed on a terminal."""
    return _ODD.sub(lambda odd: "".join(map(_escape, odd[0])), json)


def _escape(character: str) -> str:
    code = ord(character)
    pair = [code] if code < 0x10000 else [0xD7C0 + (code >> 10), 0xDC00 + (code & 0x3FF)]
    return "".join(f"\\u{unit:04x}" for unit in pair)


def one_line(text: object) -> str:
    """Return a name as `visible`, without ends of lines: it can't begin a line of its own."""
    return visible(" ".join(str(text).split()))


_BEGINS = r"(^|[;\t\r\n])"  # a cell; where the machine's list separator is «;», also in the middle of a text
_BLANK = r"(?:[^\S\t\r\n]|[\x00-\x08\x0b\x0c\x0e-\x1f\u200b-\u200f\u2060\ufeff])*"
_SIGNS = rf"{_BLANK}[=@＝＠]|{_BLANK}[+\-＋－](?!\))"  # but no smiley
_FORMULA = re.compile(rf"{_BEGINS}({_SIGNS})")
_NUMBER = re.compile(r"[+-]?[\d.,]+( \([+−-]?[\d.,]+( to |–)[+−-]?[\d.,]+\))?")
_ESCAPED = re.compile(rf"{_BEGINS}'(?={_SIGNS}|[\t\r\n])")


def spreadsheet_safe(text: str) -> str:
    """Return a cell that no spreadsheet runs: an apostrophe stands before what would begin a formula.

    Numbers, such as «-1» or our own «+3.1 (+0.8 to +5.4)», stay as they are.
    """
    if _NUMBER.fullmatch(text):
        return text
    safe = _FORMULA.sub(r"\1'\2", text)
    return f"'{safe}" if safe.startswith(("\t", "\r", "\n")) else safe


def from_spreadsheet(cell: str) -> str:
    """Return a cell as it was before `spreadsheet_safe`; one that this did not write, as it is."""
    typed = _ESCAPED.sub(r"\1", cell)
    return typed if spreadsheet_safe(typed) == cell else cell
