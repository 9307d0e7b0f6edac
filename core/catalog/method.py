"""How one method is described."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["baseline", "adapter", "full"]
Targets = Literal["attention", "feedforward", "norms"]
"""Modules that a method adapts by default: query and value, these and the feed-forward layers, or the norms."""

DATA = frozenset({"data"})
MODEL = DATA | {"model"}
TRAINED = MODEL | {"training", "seed"}


@dataclass(frozen=True)
class Method:
    """One way to get a classifier.

    ``sections`` are the parts of a `RunConfig` that change what the method does, and ``takes`` says
    which settings of the adapter's section it uses, each with the name of the peft field that it
    sets; the others are not part of its record. ``defaults`` are peft fields whose default differs
    from peft's own. ``scale`` is the default of alpha, in ranks.

    ``learning_rate`` is the default where the method trains, for a model of hidden size 384 (chosen
    on validation examples of the bundled reviews);
    `rate_for_width` tells it for others. ``prompts``: it puts trained vectors in front of the
    text's own, so that on a decoder the padding has to stand on the left.
    ``adds_loss_term``: it adds a term of its own to the loss. ``reallocates_budget``: it moves its size while it
    trains, and keeps a memory for that which no checkpoint holds: a run that is stopped begins anew.
    """

    name: str
    kind: Kind
    title: str
    note: str
    sections: frozenset[str]
    learning_rate: float | None = None
    rank: int | None = None
    targets: Targets | None = None
    takes: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    scale: float = 2.0
    prompts: bool = False
    adds_loss_term: bool = False
    reallocates_budget: bool = False
