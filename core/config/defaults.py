"""Defaults and bounds of settings that depend on the method or the data."""

from collections.abc import Mapping
from typing import Any, Literal

from core.catalog.methods import METHODS

MAX_COUNT = 2**30
"""The largest accepted number of examples or tokens; it fits databases and tensors."""
AUTO_SIZES = {"train_size": 2000, "validation_size": 500, "test_size": 1000}
"""The sizes of splits with ``auto``, of a source that has enough rows."""
BOUNDS = {"max_length": (4, MAX_COUNT), "epochs": (1, 10_000), **dict.fromkeys(AUTO_SIZES, (2, MAX_COUNT))}
"""The accepted integers of settings that may also be ``auto``."""
FIXED_EPOCHS = 5
"""Default number of epochs of methods that need it in advance."""


def default_rank(data: Mapping[str, Any]) -> int | None:
    """Return the default rank of the method."""
    return METHODS[data["method"]].rank


def default_alpha(data: Mapping[str, Any]) -> float | None:
    """Return the default alpha of the method at its rank."""
    return METHODS[data["method"]].scale * data["r"] if data["r"] else None


def default_epochs(data: Mapping[str, Any]) -> int | Literal["auto"]:
    """Return the default number of epochs of the method."""
    return FIXED_EPOCHS if METHODS[data["method"]].reallocates_budget else "auto"


def default_model_dropout(data: Mapping[str, Any]) -> float | Literal["model"]:
    """Return the default dropout of the base model's layers for the method."""
    return "model" if METHODS[data["method"]].kind == "full" else 0.0
