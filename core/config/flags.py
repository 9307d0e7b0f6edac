"""The command-line flags of settings."""

from collections.abc import Mapping
from typing import Any

from core.text.formatting import format_setting


def flag(setting: str) -> str:
    """Return the command-line flag of a setting."""
    return "--" + setting.replace("_", "-")


def format_flags(settings: Mapping[str, Any]) -> list[str]:
    """Return the command-line arguments for these settings: ``--r 8``, ``--dora`` or ``--no-dora``."""
    arguments: list[str] = []
    for name, value in settings.items():
        if isinstance(value, bool):
            arguments.append(flag(name) if value else flag(f"no_{name}"))
        else:
            is_pairs = isinstance(value, Mapping)
            values = [f"{key}={item}" for key, item in value.items()] if is_pairs else [format_setting(value)]
            arguments += [flag(name), *values]
    return arguments
