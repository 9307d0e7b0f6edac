"""Validate values that users enter."""

from collections.abc import Iterator, Mapping
from typing import Any

from core.text.redact import redact_secrets
from core.text.sanitize import replace_unstorable

MAX_VALUE_LENGTH = 4_000
"""Maximum number of characters of a name, a column or a path."""
_MAX_REPR_LENGTH = 100


def validate_setting_value(value: Any) -> None:
    """Raise `ValueError` for strings that no setting may contain, including those in lists and mappings."""
    for text in _strings(value):
        if not text.strip():
            raise ValueError("must not be empty")
        if len(text) > MAX_VALUE_LENGTH:
            raise ValueError(f"is too long: {len(text):,} characters, the maximum is {MAX_VALUE_LENGTH:,}")
        if replace_unstorable(text) != text:
            raise ValueError("contains a character that cannot be stored (NUL or a lone surrogate)")
        if redact_secrets(text) != text:
            raise ValueError(
                "looks like a token, a key or a password, and settings are recorded. "
                "Set it as an environment variable instead, for the Hub HF_TOKEN"
            )


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _strings([key, inner])
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _strings(inner)


def redacted_repr(value: Any) -> str:
    """Return the `repr` of a value for a message, truncated and with its secrets redacted."""
    text = redact_secrets(repr(value))
    return text if len(text) <= _MAX_REPR_LENGTH else f"{text[:_MAX_REPR_LENGTH]}…"
