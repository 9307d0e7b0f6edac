"""Several values of several settings: every combination of them."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

from core.config import RunConfig, make_config


def grid(values: Mapping[str, Sequence[Any]]) -> list[RunConfig]:
    """Return one config for every combination of the given values, the last setting varying fastest."""
    return distinct(make_config(dict(zip(values, one, strict=True))) for one in product(*values.values()))


def distinct(configs: Iterable[RunConfig]) -> list[RunConfig]:
    """Return the configs without those that ask for the same run again, in order.

    Two configs that differ in what their method does not use are one run.
    """
    return list({str(config.settings()): config for config in configs}.values())
