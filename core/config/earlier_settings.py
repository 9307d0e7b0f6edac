"""Settings of runs that earlier versions recorded."""

from collections.abc import Mapping
from typing import Any

from core.catalog.methods import METHODS

_EARLIER_BEHAVIOR = {
    "pooling": "model",
    "head_init": "random",
    "model_dropout": "model",
    "logit_adjustment": "none",
}
"""The values that give the behavior of versions without these settings."""


def complete_settings(config: Mapping[str, Any], environment: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's recorded settings with those that its version lacked, so that they describe the same run.

    ``environment``: the run's; before ``pooling`` was recorded, LoRA adapted other modules by default.
    """
    method = METHODS.get(str(config.get("method")))
    if method is None or method.kind == "baseline" or "pooling" in config:
        return dict(config)
    modules = environment.get("target_modules") if method.targets == "linear" else None
    return {**_EARLIER_BEHAVIOR, **({"target_modules": modules} if modules else {}), **config}
