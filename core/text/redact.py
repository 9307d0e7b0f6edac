"""Remove tokens, passwords and keys from text before it is stored or shown."""

import os
import re
from typing import Any
from urllib.parse import quote

REDACTED = "***"
"""Replacement of a secret."""
MIN_SECRET_LENGTH = 8
"""Minimum length of an environment variable's value that is treated as a secret."""

_SECRET_NAME_SUFFIXES = ("TOKEN", "KEY", "SECRET", "PASSWORD")
"""Name suffixes of environment variables that contain secrets."""
_PARAMETERS = r"password|passwd|pwd|(?:\w+_)?token|api_?key|(?:\w+_)?secret|sig|signature"
_SECRETS = re.compile(
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
_SECRETS_AFTER_PREFIX = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"""(\bauthorization['"]?\s*[:=]\s*['"]?(?:(?:bearer|basic|token)\s+)?)[^\s'"]+""",
        r"(\bbearer\s+)(?=\S*\d)[\w.~+/-]{12,}=*",
        rf"([?&](?:{_PARAMETERS})=|\bpassword=)[^\s&#'\"]+",
        # scheme://user:password@host; a port is not a password, and a password may contain @ or /.
        r"(\b[a-z][a-z0-9+.-]*://[^\s/:@\"]*:)(?!\d+(?:/|\s|$))(?:[^\s/\"]+|[^\s@\"]+(?:@[^\s/@\"]*)*)(?=@)",
    )
)
"""Patterns of a secret after a prefix; the first group, the prefix, is kept."""


def redact_secrets(text: str) -> str:
    """Replace each recognizable token, key and password by `REDACTED`.

    The values of environment variables whose names end in TOKEN, KEY, SECRET or PASSWORD are replaced too.
    """
    for value in _environment_secrets():
        text = text.replace(value, REDACTED)
    for pattern in _SECRETS_AFTER_PREFIX:
        text = pattern.sub(rf"\g<1>{REDACTED}", text)
    return _SECRETS.sub(REDACTED, text)


def redact_json(value: Any) -> Any:
    """Apply `redact_secrets` to every string and key of nested JSON."""
    if isinstance(value, str):
        return redact_secrets(value)
    if isinstance(value, dict):
        return {redact_json(name): redact_json(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(redact_json, value))
    return value


def _environment_secrets() -> list[str]:
    """Return the secret values, also URL-quoted and escaped, the longest first."""
    values = {value.strip() for name, value in os.environ.items() if name.upper().endswith(_SECRET_NAME_SUFFIXES)}
    forms = {
        form
        for value in values
        if len(value) >= MIN_SECRET_LENGTH
        for form in (value, quote(value, safe=""), repr(value)[1:-1])
    }
    return sorted(forms, key=len, reverse=True)
