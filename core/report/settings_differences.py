"""The settings that differ between runs."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.catalog.methods import METHODS
from core.config import RunConfig

UNSET = "none"
"""`differing_values` returns it for a setting that the method uses but that was not set."""


def differing_values(settings: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the settings that differ between runs, each with one value per run.

    None: the run's method does not use the setting. `UNSET`: the method uses it, but it was not set.
    """
    names = {name: None for values in settings for name in values}
    rows = {name: [_value_of(values, name) for values in settings] for name in names}
    return {name: row for name, row in rows.items() if any(value != row[0] for value in row)}


def _value_of(settings: Mapping[str, Any], name: str) -> Any:
    method = settings.get("method")
    if name in settings or method not in METHODS or name not in RunConfig.model_fields:
        return settings.get(name)
    return UNSET if RunConfig.model_construct(method=method).uses(name) else None
