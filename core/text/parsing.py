"""Parse setting values from the command line, a form or a config file."""

import codecs
from collections.abc import Mapping
from typing import Any

_SECONDS = {"s": 1, "m": 60, "h": 3600}


def parse_list(value: Any) -> Any:
    """Split a comma-separated string; return other values unchanged. Raise `ValueError` for an empty list."""
    parts = [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
    if parts in ([], ()):
        raise ValueError("must list modules, such as query,value")
    return parts


def parse_duration(value: Any) -> Any:
    """Return the seconds of a duration such as ``90``, ``90s``, ``10m`` or ``1.5h``; return other values unchanged."""
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    try:
        return float(text[:-1]) * _SECONDS[text[-1]] if text[-1:] in _SECONDS else float(text)
    except ValueError:
        raise ValueError("must be a duration, such as 90s, 10m or 1.5h") from None


def parse_encoding(value: Any) -> Any:
    """Return Python's name of a text encoding; None unchanged. Raise `ValueError` for an unknown one."""
    if value is None:
        return None
    try:
        b"a".decode(value)  # unlike `codecs.lookup`, it refuses codecs that are not of text
        return codecs.lookup(value).name
    except (LookupError, TypeError, UnicodeError):
        raise ValueError("is not an encoding, such as utf-8, cp1252, gb18030 or shift_jis") from None


def parse_pairs(value: Any) -> Any:
    """Return one or several ``key=value`` strings as a mapping of strings; a mapping's numbers become strings."""
    if isinstance(value, Mapping):
        return {_to_string(key): _to_string(item) for key, item in value.items()}
    mapping = {}
    for pair in value if isinstance(value, list | tuple) else [value]:
        key, equals, text = str(pair).partition("=")
        if not equals or not key.strip():
            raise ValueError("must be key=value")
        mapping[key.strip()] = text
    return mapping


def _to_string(value: Any) -> Any:
    """Return a number as YAML writes it, and true or false, as a string; other values unchanged."""
    return str(value).lower() if isinstance(value, bool | int | float) else value


def parse_yaml_pairs(value: Any) -> Any:
    """Return ``key=value`` strings as a mapping, with values parsed as YAML: 8, 0.1, true, [1, 2], a string."""
    if isinstance(value, Mapping):
        return value
    return {key: _parse_value(text) for key, text in parse_pairs(value).items()}


def _parse_value(text: str) -> Any:
    from core.text.yaml_reader import parse_yaml  # PyYAML is needed here only

    try:
        return parse_yaml(text)
    except ValueError:
        return text
