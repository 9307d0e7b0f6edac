"""Defaults of peft fields that depend on the model or the training."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True)
class DefaultsContext:
    """What some defaults depend on: the rank, the training's steps, the adapted layers' sizes, the modules."""

    rank: int
    steps: int
    widths: Sequence[int]
    feedforward: Sequence[str]


@runtime_checkable
class DerivedDefault(Protocol):
    """A default that depends on the model or the training."""

    def value(self, facts: DefaultsContext) -> Any:
        """Return the default for these facts."""
        ...


@dataclass(frozen=True)
class LargestDivisor:
    """The largest number up to ``most`` that divides the sizes of all adapted layers."""

    most: int

    def value(self, facts: DefaultsContext) -> int:
        """Return the divisor."""
        common = gcd(*facts.widths) if facts.widths else self.most
        return max(size for size in range(1, self.most + 1) if common % size == 0)


@dataclass(frozen=True)
class EntryCount:
    """So many entries of a weight matrix, or a quarter of the smallest one's where it has not so many."""

    most: int

    def value(self, facts: DefaultsContext) -> int:
        """Return the number of entries."""
        return min([self.most, *(width * width // 4 for width in facts.widths)])


@dataclass(frozen=True)
class Steps:
    """A share of the training's steps."""

    share: float

    def value(self, facts: DefaultsContext) -> int:
        """Return the number of steps, rounded down."""
        return int(facts.steps * self.share)


@dataclass(frozen=True)
class Rank:
    """A multiple of the rank."""

    times: float

    def value(self, facts: DefaultsContext) -> int:
        """Return the multiple, rounded up."""
        return -int(-facts.rank * self.times // 1)


@dataclass(frozen=True)
class Feedforward:
    """The feed-forward layers among the adapted modules."""

    def value(self, facts: DefaultsContext) -> list[str]:
        """Return their names."""
        return list(facts.feedforward)
