"""Learning rates of the parameter groups."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.catalog.methods import rate_for_width, scale_to_width
from core.config import RunConfig

_MAX_HEAD_RATE = 3e-3
"""Maximum default of the head's learning rate: some methods need a rate at which a linear layer diverges."""


@dataclass(frozen=True)
class LearningRates:
    """The learning rates of the adapter (or all weights), of the newly initialized head, and of LoRA's B matrices."""

    adapter: float
    head: float
    lora_b: float

    def for_parameter(self, name: str, new_modules: Sequence[str]) -> float:
        """Return the learning rate of a parameter, by its name."""
        if "modules_to_save" in name or name.startswith(tuple(f"{module}." for module in new_modules)):
            return self.head
        return self.lora_b if "lora_B" in name else self.adapter


def learning_rates(config: RunConfig, width: int) -> LearningRates:
    """Return the config's learning rates for a model of this hidden size."""
    rate = config.lr or rate_for_width(config.method, width)
    assert rate is not None, "trained methods have a learning rate"
    head = config.head_lr or min(rate, scale_to_width(_MAX_HEAD_RATE, width))
    return LearningRates(rate, head, rate * (config.lora_plus or 1.0))
