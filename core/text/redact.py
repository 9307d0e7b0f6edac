"""What is never stored or shown: tokens, passwords, keys."""

import os
import re
from typing import Any
from urllib.parse import quote

REDACTED = "***"
"""What stands where a secret was."""
MIN_SECRET_LENGTH = 8
"""A variable's value of so many characters is taken for a secret; a shorter one is as likely a word."""

_NAMES = ("TOKEN", "KEY", "SECRET", "PASSWORD")
"""How the names of environment variables end whose values are secrets."""
_PARAMETERS = r"password|passwd|pwd|(?:\w+_)?token|api_?key|(?:\w+_)?secret|sig|signature"
_WHOLE = re.compile(
    "|".join(
        (
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
            r"\b(?:hf|api_org)_[A-Za-z0-9]{16,}",  # Hugging Face
            r"(?<![\w-])sk-(?=[\w-]*[A-Za-z0-9]{12})[\w-]{16,}",  # OpenAI, Anthropic and others
            r"\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}",  # GitHub, GitLab
            r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",  # Amazon
            r"\bAIza[\w-]{30,}|\bxox[abeprs]-[\w-]{10,}|\bpypi-[\w-]{40,}",  # Google, Slack, PyPI
            r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*",  # JSON web tokens
        )
    )
)
_BEHIND = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"""(\bauthorization['"]?\s*[:=]\s*['"]?(?:(?:bearer|basic|token)\s+)?)[^\s'"]+""",
        r"(\bbearer\s+)(?=\S*\d)[\w.~+/-]{12,}=*",
        rf"([?&](?:{_PARAMETERS})=|\bpassword=)[^\s&#'\"]+",
        # scheme://user:password@host; a port is none, and a password may hold @, or else /.
        r"(\b[a-z][a-z0-9+.-]*://[^\s/:@\"]*:)(?!\d+(?:/|\s|$))(?:[^\s/\"]+|[^\s@\"]+(?:@[^\s/@\"]*)*)(?=@)",
    )
)
"""Patterns whose first group stays."""


def redact_secrets(text: str) -> str:
    """Return the text with `REDACTED` in place of each token, key and password that shows by its form.

    So do the values of environment variables whose names end in TOKEN, KEY, SECRET or PASSWORD.
    """
    for value in _of_the_environment():
        text = text.replace(value, REDACTED)
    for pattern in _BEHIND:
        text = pattern.sub(rf"\g<1>{REDACTED}", text)
    return _WHOLE.sub(REDACTED, text)


def redact_json(value: Any) -> Any:
    """Return nested JSON with `redact_secrets` done to every text and name in it."""
    if isinstance(value, str):
        return redact_secrets(value)
    if isinstance(value, dict):
        return {redact_json(name): redact_json(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(redact_json, value))
    return value


def _of_the_environment() -> list[str]:
    """Return the values to hide, as they are and as they stand in URLs and in quotes, the longest first."""
    values = {value.strip() for name, value in os.environ.items() if name.upper().endswith(_NAMES)}
    forms = {
        form for one in values if len(one) >= MIN_SECRET_LENGTH for form in (one, quote(one, safe=""), repr(one)[1:-1])
    }
    return sorted(forms, key=len, reverse=True)
