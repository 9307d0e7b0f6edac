"""Words that a person gives: which of them name nothing, can't be stored, or must not be."""

from collections.abc import Iterator, Mapping
from typing import Any

from core.text.redact import redact_secrets
from core.text.sanitize import replace_unstorable

MAX_VALUE_LENGTH = 4_000
"""Characters of a name, a column or a path."""
_LONGEST_TOLD = 100


def validate_setting_value(value: Any) -> None:
    """Raise `ValueError` for a word that no setting may hold, also within lists and mappings: they are recorded."""
    for word in _words(value):
        if not word.strip():
            raise ValueError("should not be empty")
        if len(word) > MAX_VALUE_LENGTH:
            raise ValueError(f"is too long: {len(word):,} characters, {MAX_VALUE_LENGTH:,} are the most")
        if replace_unstorable(word) != word:
            raise ValueError("holds a character that can't be stored (NUL, or half of one)")
        if redact_secrets(word) != word:
            raise ValueError(
                "seems to hold a token, a key or a password, and settings are recorded. "
                "Give it in the environment instead: for the Hub as HF_TOKEN"
            )


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _words([key, inner])
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _words(inner)


def redacted_repr(value: Any) -> str:
    """Return a value as a message names it: short, and without a secret."""
    text = redact_secrets(repr(value))
    return text if len(text) <= _LONGEST_TOLD else f"{text[:_LONGEST_TOLD]}…"
