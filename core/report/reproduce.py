"""The command that trains a recorded run again."""

import shlex
from collections.abc import Mapping
from typing import Any

from core.config import AUTO_SIZES, format_flags, make_config


def reproduce_arguments(settings: Mapping[str, Any], parent_id: int | None) -> str:
    """Return the arguments that train a run again, with each recorded setting: they do not depend on the defaults.

    ``parent_id``: the run that it continues.
    """
    if parent_id is not None:
        return f"resume {parent_id} --epochs {settings['epochs']}"
    return shlex.join(format_flags(settings))


def default_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that follow from these, with the split sizes of a source that has enough rows."""
    return make_config({**AUTO_SIZES, **values}).settings()
