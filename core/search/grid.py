"""Several values of several settings: every combination of them."""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from core.catalog.methods import METHODS
from core.config import RunConfig, drop_duplicates, flag, make_config, section
from core.errors import RequestError

MOST_RUNS = 10_000


def grid(values: Mapping[str, Sequence[Any]]) -> list[RunConfig]:
    """Return one config for every combination of the given values, the last setting varying fastest.

    Raises `RequestError` for a setting of the adapter that none of the methods uses, and for more
    runs than anyone could wait for.
    """
    asked = math.prod(map(len, values.values()))
    if asked > MOST_RUNS:
        raise RequestError(f"These settings make {asked:,} runs; {MOST_RUNS:,} are the most at once.")
    configs = drop_duplicates(make_config(dict(zip(values, one, strict=True))) for one in product(*values.values()))
    for name in values:
        if section(name) == "adapter" and not any(config.uses(name) for config in configs):
            raise RequestError(_unused(name, configs))
    return configs


def _unused(name: str, configs: Sequence[RunConfig]) -> str:
    methods = dict.fromkeys(config.method for config in configs)
    taken = dict.fromkeys(flag(setting) for method in methods for setting in METHODS[method].takes)
    uses = f"Of the adapter's settings it takes {', '.join(taken)}." if taken else "It has no adapter."
    return f"{flag(name)} does nothing for --method {' '.join(methods)}. {uses}"
