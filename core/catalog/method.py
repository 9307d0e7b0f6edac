"""The description of a method: an adapter, full fine-tuning, or a baseline."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Literal

Kind = Literal["baseline", "adapter", "full"]
Targets = Literal["attention", "feedforward", "norms", "linear"]
"""Modules that a method adapts by default: query and value, these and the feed-forward layers, the norms, or every
linear layer of the transformer blocks."""

DATA = frozenset({"data"})
MODEL = DATA | {"model"}
TRAINED = MODEL | {"training", "seed"}


@dataclass(frozen=True)
class Method:
    """One way to obtain a classifier.

    ``sections``: the sections of a `RunConfig` that affect it. ``peft_fields``: the adapter settings that it uses,
    each with the peft field that it sets; other settings are not recorded. ``defaults``: peft fields whose default
    differs from peft's. ``scale``: the default of alpha, as a multiple of the rank. ``learning_rate``: the default for
    a hidden size of 384, chosen on validation examples of the bundled reviews; see `rate_for_width`. ``prompts``: it
    prepends virtual tokens, so that a decoder needs left padding. ``adds_loss_term``: it adds a term to the loss.
    ``reallocates_budget``: it reallocates its parameters during training and keeps state that checkpoints omit, so
    that an interrupted run restarts. ``is_reparametrized``: its files contain the outputs of a network that it trains,
    but not the network, so that it cannot be trained further. ``extra``: the optional dependency of this project that
    it needs, named like its package.
    """

    name: str
    kind: Kind
    title: str
    note: str
    sections: frozenset[str]
    learning_rate: float | None = None
    rank: int | None = None
    targets: Targets | None = None
    peft_fields: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    scale: float = 2.0
    prompts: bool = False
    adds_loss_term: bool = False
    reallocates_budget: bool = False
    extra: str | None = None
    is_reparametrized: bool = False

    @property
    def is_installed(self) -> bool:
        """Whether the package that it needs is installed."""
        return self.extra is None or find_spec(self.extra) is not None

    @property
    def is_continuable(self) -> bool:
        """Whether its saved files are enough to train it for more epochs."""
        return self.kind != "baseline" and not self.reallocates_budget and not self.is_reparametrized
