"""Several values of several settings: every combination of them."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from core.config import RunConfig, make_config


def grid(values: Mapping[str, Sequence[Any]]) -> list[RunConfig]:
    """Return one config for every combination of the given values, the last setting varying fastest."""
    return [make_config(dict(zip(values, combination, strict=True))) for combination in product(*values.values())]
