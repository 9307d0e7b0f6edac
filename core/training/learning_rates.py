"""How fast which weights learn."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.catalog.methods import rate_for_width
from core.config import RunConfig


@dataclass(frozen=True)
class Rates:
    """Learning rates: of the adapter (or all weights), of the new layers, and LoRA+'s of B."""

    adapter: float
    head: float
    lora_b: float

    def of(self, parameter: str, new_modules: Sequence[str]) -> float:
        """Return a weight's rate, by its name."""
        if "modules_to_save" in parameter or parameter.startswith(tuple(f"{name}." for name in new_modules)):
            return self.head
        return self.lora_b if "lora_B" in parameter else self.adapter


def rates(config: RunConfig, width: int) -> Rates:
    """Return the config's learning rates for a model of this hidden size.

    A method may want a rate at which a plain layer diverges: the new layers get LoRA's at most.
    """
    own = config.lr or rate_for_width(config.method, width)
    most = rate_for_width("lora", width)
    assert own is not None and most is not None, "what trains has a rate"
    return Rates(own, config.head_lr or min(own, most), own * (config.lora_plus or 1.0))
