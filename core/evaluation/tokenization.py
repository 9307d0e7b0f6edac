"""Word tokenization of text in any script."""

import re
import unicodedata
from functools import cache

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Ideographs, as part of a regular expression's character class. Each is a token, as no spaces separate them."""
_LETTER = rf"[^\W_{HAN}]"
_ASCII_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*", re.ASCII)
_JOINERS = "\u200c\u200d"  # within words of Persian and Indian languages


def tokenize(text: str) -> list[str]:
    """Return the words of a text in order, case-folded and NFC-normalized; each ideograph is a word."""
    if text.isascii():  # same words in a quarter of the time
        return _ASCII_WORD.findall(text.lower())
    return _unicode_word().findall(unicodedata.normalize("NFC", text.casefold()).replace("’", "'"))


@cache
def _unicode_word() -> re.Pattern[str]:
    """Return a pattern of words that includes vowel signs and accents, which `re` does not treat as letters."""
    assigned = range(0x300, 0x20000)  # beyond it, only variation selectors of ideographs are combining marks
    marks = "".join(chr(code) for code in assigned if unicodedata.category(chr(code)).startswith("M")) + _JOINERS
    return re.compile(rf"[{HAN}]|{_LETTER}+(?:(?:[{marks}]+|'(?={_LETTER})){_LETTER}*)*")
