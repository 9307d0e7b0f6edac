"""The registry of methods, by name."""

from core.catalog.adapters import ADAPTERS
from core.catalog.baselines import BASELINES
from core.catalog.method import TRAINED, Method
from core.errors import RequestError

FULL = Method(
    "full",
    "full",
    "full fine-tuning",
    "Trains all weights.",
    TRAINED,
    learning_rate=3e-4,
)

METHODS: dict[str, Method] = {method.name: method for method in (*BASELINES, *ADAPTERS, FULL)}

_REFERENCE_WIDTH = 384


def require_installed(name: str) -> None:
    """Raise `RequestError` with the install command if a method needs a package that is not installed."""
    if not METHODS[name].is_installed:
        raise RequestError(
            f"The method {name} needs a package that is not installed. "
            f"Install it with: pip install 'adapter-bench[{METHODS[name].extra}]'",
            code="missing_package",
        )


def rate_for_width(method: str, width: int) -> float | None:
    """Return a method's default learning rate for a hidden size; None if the method does not train."""
    rate = METHODS[method].learning_rate
    return None if rate is None else scale_to_width(rate, width)


def scale_to_width(rate: float, width: int) -> float:
    """Return a learning rate scaled inversely to a hidden size above 384 (Yang et al. 2022, arXiv 2203.03466)."""
    return float(f"{rate * min(1.0, _REFERENCE_WIDTH / width):.2g}")
