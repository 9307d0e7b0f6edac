"""Defaults of peft fields that depend on the model or the training."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True)
class DefaultsContext:
    """What derived defaults depend on.

    ``rank``: of the adapter. ``steps``: training steps, None if unknown. ``widths``: the distinct input and output
    sizes of the adapted layers. ``feedforward``: the names of the feed-forward modules.
    """

    rank: int
    steps: int | None
    widths: Sequence[int]
    feedforward: Sequence[str]


@runtime_checkable
class DerivedDefault(Protocol):
    """A default that depends on the model or the training."""

    def derive(self, context: DefaultsContext) -> Any:
        """Return the default."""
        ...


@dataclass(frozen=True)
class LargestDivisor:
    """The largest integer up to ``maximum`` that divides the input and output sizes of all adapted layers."""

    maximum: int

    def derive(self, context: DefaultsContext) -> int:
        """Return the divisor."""
        common = gcd(*context.widths) if context.widths else self.maximum
        return max(size for size in range(1, self.maximum + 1) if common % size == 0)


@dataclass(frozen=True)
class EntryCount:
    """The number of trained entries (coefficients) per weight matrix: w² / 4, but at most ``maximum``.

    w: the smallest input or output size of the adapted layers. No matrix has fewer than w² entries, so at most a
    quarter of a matrix is trained.
    """

    maximum: int

    def derive(self, context: DefaultsContext) -> int:
        """Return the number of entries."""
        return min([self.maximum, *(width * width // 4 for width in context.widths)])


@dataclass(frozen=True)
class StepFraction:
    """A fraction of the training steps."""

    fraction: float

    def derive(self, context: DefaultsContext) -> int:
        """Return the number of steps, rounded down."""
        assert context.steps is not None, "the config refuses such a method without a number of epochs"
        return int(context.steps * self.fraction)


@dataclass(frozen=True)
class RankMultiple:
    """A multiple of the rank."""

    factor: float

    def derive(self, context: DefaultsContext) -> int:
        """Return the multiple, rounded up."""
        return -int(-context.rank * self.factor // 1)


@dataclass(frozen=True)
class FeedforwardModules:
    """The feed-forward modules among the adapted modules."""

    def derive(self, context: DefaultsContext) -> list[str]:
        """Return the names of the modules."""
        return list(context.feedforward)
