"""Decode text files, and detect encodings other than UTF-8 and text that was decoded with a wrong one."""

import re
from collections.abc import Iterator
from itertools import islice

from charset_normalizer import from_bytes

from core.text.formatting import format_count

_CANDIDATES = (
    *("cp1252", "gb18030", "big5", "shift_jis", "euc_jp", "cp949", "cp1251", "koi8_r", "cp1250", "cp1253", "cp1254"),
    *("cp1255", "cp1256", "mac_roman"),
)
"""Encodings to suggest; the most common one for Western languages first."""
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_MAX_SAMPLED_LINES = 2_000
_MAX_SUGGESTIONS = 4
_MIN_WRONG_LINES = 3
"""Fewer wrongly decoded lines are stated, but not refused."""
_MIN_LETTERS = 4
_MAX_LINE_LENGTH = 1_000
_PREVIEW_LENGTH = 30
_C1_CONTROLS = re.compile(r"([\x80-\x9f]+)")
_LINE_START = re.compile(rb"[^\r\n]{1,%d}[\x20-\x2f]" % _MAX_LINE_LENGTH)
_LATIN_1_LETTER = re.compile("[À-ÿ]")
_LATIN_1 = re.compile(r"[\xa1-\xff‚ƒ†‡ˆ‰]+")
"""With the characters of Windows-1252 that are rare in texts."""
_MAX_RUN = 2
"""Letters that stand together in Western languages, such as "çã" in Portuguese."""
_NON_ASCII_BYTE = re.compile(rb"[\x80-\xff]")
_LINE_BREAK = re.compile(rb"[\r\n]")
_NON_ASCII = re.compile(r"[^\x00-\x7f]")


class DecodingError(ValueError):
    """The text cannot be decoded, or is decoded with a wrong encoding; the message continues a file's name."""


def decode(content: bytes, encoding: str | None = None) -> tuple[str, tuple[str, ...]]:
    """Return the text, and notes on lines that seem to have been decoded with a wrong encoding.

    ``encoding``: None for UTF-8, or UTF-16 with a byte order mark. Raises `DecodingError` with the probable encodings.
    Text that was converted to UTF-8 from a wrong encoding is refused unless ``encoding`` is ``utf-8``.
    """
    used = encoding or ("utf-16" if content.startswith(_UTF_16_MARKS) else "utf-8")
    if used == "utf-8" and b"\0" in content:
        raise DecodingError(_describe_nul(content))
    try:
        text = content.decode(used).removeprefix("\ufeff")
    except UnicodeError as error:
        raise DecodingError(_describe_failure(content, used, error)) from None
    wrong_lines, line_count = _find_wrong_lines(text)
    if not wrong_lines:
        return text, ()
    if encoding != "utf-8" and len(wrong_lines) >= _MIN_WRONG_LINES and 2 * len(wrong_lines) > line_count:
        raise DecodingError(_describe_wrong_lines(wrong_lines, encoding))
    example = _preview(wrong_lines[0])
    return text, (f"{format_count(len(wrong_lines))} lines seem to have a wrong encoding, such as '{example}'.",)


def _find_wrong_lines(text: str) -> tuple[list[str], int]:
    """Return the lines that were decoded with a wrong encoding, and the number of lines that are not ASCII.

    At most `_MAX_SAMPLED_LINES` lines are checked.
    """
    if text.isascii():
        return [], 0
    lines = list(_lines_with(_NON_ASCII, text))
    return [line for line in lines if _is_wrong(line)], len(lines)


def _is_wrong(line: str) -> bool:
    """Return whether a line contains control characters, is doubly encoded UTF-8, or has Latin-1 letters in runs.

    Accented letters of Western languages stand alone or in pairs; those of other encodings stand in longer runs.
    """
    if _C1_CONTROLS.search(line):
        return True
    original = _undecode(line)
    if original is None:
        return False
    return _is_utf_8(original) or _has_runs_of_letters(line)


def _has_runs_of_letters(line: str) -> bool:
    """Return whether three quarters of at least four Latin-1 characters stand in long runs with a letter."""
    runs = _LATIN_1.findall(line)
    in_runs = sum(len(run) for run in runs if len(run) > _MAX_RUN and _LATIN_1_LETTER.search(run))
    return 4 * in_runs > 3 * max(sum(map(len, runs)), _MIN_LETTERS)


def _undecode(line: str) -> bytes | None:
    """Return the bytes of a line that was decoded as Windows-1252 or Latin-1; None if it has other characters."""
    parts = _C1_CONTROLS.split(line)
    try:
        return b"".join(part.encode("latin-1" if number % 2 else "cp1252") for number, part in enumerate(parts))
    except UnicodeEncodeError:
        return None


def suggest_encodings(content: bytes) -> list[tuple[str, str]]:
    """Return probable encodings, best first, each with a preview of the decoded text."""
    sample = b"\n".join(_sample_lines(content))
    # charset_normalizer also returns encodings that are not candidates, such as UTF-8 for ASCII and for nothing.
    isolated = from_bytes(sample, cp_isolation=list(_CANDIDATES))
    matches = [match for match in isolated if match.encoding in _CANDIDATES]
    ranked = sorted(matches, key=lambda match: (match.chaos, -match.coherence, _CANDIDATES.index(match.encoding)))
    previews: dict[str, str] = {}
    for match in ranked:
        previews.setdefault(_preview(str(match)), match.encoding)
    return [(encoding, preview) for preview, encoding in previews.items()][:_MAX_SUGGESTIONS]


def _sample_lines(content: bytes) -> Iterator[bytes]:
    """Return the lines that are not ASCII, at most `_MAX_SAMPLED_LINES`.

    A long line ends at a space or punctuation mark, which is no part of a character in any of the encodings.
    """
    for line in islice(_non_ascii_lines(content), _MAX_SAMPLED_LINES):
        end = _LINE_START.match(line) if len(line) > _MAX_LINE_LENGTH else None
        yield end[0] if end else line


def _non_ascii_lines(content: bytes) -> Iterator[bytes]:
    end = 0
    while match := _NON_ASCII_BYTE.search(content, end):
        start = max(content.rfind(line_break, end, match.start()) for line_break in (b"\r", b"\n")) + 1
        line_break = _LINE_BREAK.search(content, match.end())
        end = line_break.start() if line_break else len(content)
        yield content[start:end]


def _lines_with(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    """Return the beginnings of lines with a match of the pattern, at most `_MAX_SAMPLED_LINES`."""
    position = 0
    for _ in range(_MAX_SAMPLED_LINES):
        match = pattern.search(text, position)
        if match is None:
            return
        start, end = text.rfind("\n", 0, match.start()) + 1, text.find("\n", match.end())
        position = len(text) if end < 0 else end
        yield text[max(start, match.start() - _MAX_LINE_LENGTH) : min(position, match.start() + _MAX_LINE_LENGTH)]


def _preview(text: str) -> str:
    match = _NON_ASCII.search(text)
    start = max(0, match.start() - 5) if match else 0
    return " ".join(text[start : start + _PREVIEW_LENGTH].split())


def _describe_nul(content: bytes) -> str:
    line = content.count(b"\n", 0, content.index(b"\0")) + 1
    zeros = content[1::2].count(0), content[::2].count(0)
    likely = "utf-16-le" if zeros[0] > zeros[1] else "utf-16-be"
    return f"contains a NUL byte in line {line}: it is damaged or not UTF-8. If it is UTF-16: --encoding {likely}"


def _describe_failure(content: bytes, encoding: str, error: UnicodeError) -> str:
    place = ""
    if isinstance(error, UnicodeDecodeError):
        line = content.count(b"\n", 0, error.start) + 1
        place = f": byte 0x{content[error.start]:02x} in line {line}"
    return f"is not {encoding.upper()}{place}. {_format_suggestions(suggest_encodings(content))}"


def _describe_wrong_lines(lines: list[str], encoding: str | None) -> str:
    originals = b"\n".join(original for line in lines if (original := _undecode(line)) is not None)
    head = f"contains text that was decoded with a wrong encoding, such as '{_preview(lines[0])}'."
    advice = "" if _is_utf_8(originals) else f" {_format_suggestions(suggest_encodings(originals))}"
    if encoding is not None:
        return f"{head}{advice}"
    return (
        f"{head} Use the file from before its conversion to UTF-8.{advice} To use the file as it is: --encoding utf-8"
    )


def _is_utf_8(content: bytes) -> bool:
    try:
        return bool(content.decode())
    except UnicodeDecodeError:
        return False


def _format_suggestions(suggestions: list[tuple[str, str]]) -> str:
    if not suggestions:
        return "Pass its encoding with --encoding, or save it as UTF-8."
    listed = " or ".join(f"--encoding {encoding} ('{preview}')" for encoding, preview in suggestions)
    return f"Pass its encoding, the one that gives the correct text: {listed}."
