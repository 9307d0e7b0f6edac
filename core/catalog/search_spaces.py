"""The defaults of a search: its options, and the space of every method that trains."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.catalog.method import Method

TRIALS = 30
"""Default number of trials."""
PLATEAU_TRIALS = 15
"""Default number of trials without improvement after which a search ends."""
PRUNERS = ("median", "hyperband", "none")
"""The pruners, the default first."""
FINALISTS = 3
"""Default number of best trials that are trained again."""
CHECK_SEEDS = 3
"""Default number of fresh seeds."""

ALPHA_OVER_R = "alpha_over_r"
"""The dimension that searches alpha as a multiple of the rank: the scale of the updates, independent of the rank."""
OTHER_MODULES = "other modules"
"""Stands for the modules that the method does not adapt by default: attention only, or every linear layer."""
LAST_HALF = "last half"
"""Stands for the last half of the model's layers."""


@dataclass(frozen=True)
class Range:
    """An interval of numbers; ``relative``: its ends are multiples of the setting's default."""

    low: float
    high: float
    log: bool = False
    relative: bool = False


@dataclass(frozen=True)
class Choices:
    """A list of values; ``relative``: they are multiples of the setting's default. None: the setting is not set."""

    values: tuple[Any, ...]
    relative: bool = False


Dimension = Range | Choices

_TRAINING: Mapping[str, Dimension] = {
    "lr": Range(0.1, 10, log=True, relative=True),
    "head_lr": Range(0.1, 10, log=True, relative=True),
    "batch_size": Choices((16, 32, 64)),
    "class_weights": Choices(("none", "balanced")),
}
_FIXED_EPOCHS: Mapping[str, Dimension] = {"warmup": Range(0, 0.2)}
"""Without effect with ``epochs="auto"``, whose learning rate rises for at most ten steps."""
_ADAPTER: Mapping[str, Dimension] = {
    "r": Choices((0.25, 0.5, 1, 2, 4), relative=True),
    ALPHA_OVER_R: Choices((0.5, 1, 2), relative=True),
    "dropout": Range(0, 0.3),
    "target_modules": Choices((None, OTHER_MODULES)),
    "layers": Choices((None, LAST_HALF)),
}


def default_space(method: Method, *, fixed_epochs: bool) -> dict[str, Dimension]:
    """Return the dimensions that matter for a method, by setting; ``fixed_epochs``: the number of epochs is given."""
    return {
        **_TRAINING,
        **(_FIXED_EPOCHS if fixed_epochs else {}),
        **{name: dimension for name, dimension in _ADAPTER.items() if _is_used(method, name)},
    }


def _is_used(method: Method, name: str) -> bool:
    if name == ALPHA_OVER_R:
        return {"alpha", "r"} <= method.peft_fields.keys()
    if name == "target_modules" and method.targets not in ("attention", "linear"):
        return False
    return name in method.peft_fields
