"""Every method that can be run, by name."""

from core.catalog.adapters import ADAPTERS
from core.catalog.baselines import BASELINES
from core.catalog.method import TRAINED, Method

FULL = Method(
    "full",
    "full",
    "full fine-tuning",
    "Trains all weights: what an adapter saves itself, and the ceiling that it is measured against.",
    TRAINED,
    learning_rate=3e-4,
)

METHODS: dict[str, Method] = {method.name: method for method in (*BASELINES, *ADAPTERS, FULL)}

_REFERENCE_WIDTH = 384


def rate_for_width(method: str, width: int) -> float | None:
    """Return a method's default learning rate for a model of this hidden size; None where it does not train.

    Adam's rate falls with the width (Yang et al. 2022, arXiv 2203.03466); a narrower model gets no more.
    """
    rate = METHODS[method].learning_rate
    return None if rate is None else float(f"{rate * min(1.0, _REFERENCE_WIDTH / width):.2g}")
