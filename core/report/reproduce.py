"""The command that trains a recorded run again."""

import shlex
from collections.abc import Mapping
from typing import Any

from core.config import AUTO_SIZES, format_flags, make_config


def reproduce_arguments(
    settings: Mapping[str, Any],
    environment: Mapping[str, Any],
    parent_id: int | None,
    default_rate: float | None = None,
) -> str:
    """Return the fewest arguments that train a run again: no flag that is a default or follows from the others.

    ``settings`` and ``environment``: as recorded. ``parent_id``: the run that it continues. ``default_rate``: the
    default learning rate of its method and hidden size; without it, the learning rate is always passed.
    """
    if parent_id is not None:
        return f"resume {parent_id} --epochs {settings['epochs']}"
    config = dict(settings)
    if "pooling_reason" in environment:
        config["pooling"] = "auto"
    if "lr" in config and config["lr"] == default_rate:
        del config["lr"]
    defaults = default_settings({})
    flags = {name: value for name, value in config.items() if name not in defaults or value != defaults[name]}
    for name in list(flags):
        fewer = {other: value for other, value in flags.items() if other != name}
        if default_settings(fewer) == config:
            flags = fewer
    return shlex.join(format_flags(flags))


def default_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that follow from these, with the split sizes of a source that has enough rows."""
    return make_config({**AUTO_SIZES, **values}).settings()
