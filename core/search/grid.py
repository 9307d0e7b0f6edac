"""Grid search: a config for every combination of the values of several settings."""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from core.catalog.methods import METHODS
from core.config import RunConfig, drop_duplicates, flag, make_config, section_of
from core.errors import RequestError

MAX_RUNS = 10_000


def expand_grid(values: Mapping[str, Sequence[Any]]) -> list[RunConfig]:
    """Return a config for every combination of the values, the last setting varying fastest.

    Combinations that describe the same run are returned once. Raises `RequestError` for an adapter setting
    that no method of the grid uses, and for more than `MAX_RUNS` combinations.
    """
    count = math.prod(map(len, values.values()))
    if count > MAX_RUNS:
        raise RequestError(f"These settings make {count:,} runs; the maximum is {MAX_RUNS:,}. Split the grid.")
    combinations = product(*values.values())
    configs = drop_duplicates(make_config(dict(zip(values, combination, strict=True))) for combination in combinations)
    for name in values:
        if section_of(name) == "adapter" and not any(config.uses(name) for config in configs):
            raise RequestError(_describe_unused_setting(name, configs))
    return configs


def _describe_unused_setting(name: str, configs: Sequence[RunConfig]) -> str:
    methods = dict.fromkeys(config.method for config in configs)
    used = dict.fromkeys(flag(setting) for method in methods for setting in METHODS[method].peft_fields)
    advice = f"It uses these adapter settings: {', '.join(used)}." if used else "It has no adapter: remove the flag."
    return f"{flag(name)} has no effect with --method {' '.join(methods)}. {advice}"
