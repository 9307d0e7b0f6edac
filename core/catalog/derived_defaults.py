"""Defaults of peft fields that depend on the model or the training."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True)
class DefaultsContext:
    """The rank, the training steps, the sizes of the adapted layers and the names of the feed-forward modules."""

    rank: int
    steps: int
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
    """The largest number up to ``maximum`` that divides the sizes of all adapted layers."""

    maximum: int

    def derive(self, context: DefaultsContext) -> int:
        """Return the divisor."""
        common = gcd(*context.widths) if context.widths else self.maximum
        return max(size for size in range(1, self.maximum + 1) if common % size == 0)


@dataclass(frozen=True)
class EntryCount:
    """A number of entries of a weight matrix: ``maximum``, or a quarter of the smallest matrix if that is less."""

    maximum: int

    def derive(self, context: DefaultsContext) -> int:
        """Return the number of entries."""
        return min([self.maximum, *(width * width // 4 for width in context.widths)])


@dataclass(frozen=True)
class Steps:
    """A share of the training steps."""

    share: float

    def derive(self, context: DefaultsContext) -> int:
        """Return the number of steps, rounded down."""
        return int(context.steps * self.share)


@dataclass(frozen=True)
class Rank:
    """A multiple of the rank."""

    factor: float

    def derive(self, context: DefaultsContext) -> int:
        """Return the multiple, rounded up."""
        return -int(-context.rank * self.factor // 1)


@dataclass(frozen=True)
class Feedforward:
    """The feed-forward layers among the adapted modules."""

    def derive(self, context: DefaultsContext) -> list[str]:
        """Return their names."""
        return list(context.feedforward)
