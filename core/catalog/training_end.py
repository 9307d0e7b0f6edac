"""Why a training run ended."""

from collections.abc import Mapping
from typing import Any

TRAINING_ENDS = {
    "epochs": "all epochs are complete",
    "no_improvement": "validation stopped improving",
    "max_steps": "the maximum number of steps is reached",
    "time_budget": "the time budget is used up",
}
"""The reasons, by the name that a run records."""


def describe_training_end(environment: Mapping[str, Any]) -> str | None:
    """Return after how many steps and why training ended, from a run's environment; None if it is not recorded."""
    reason, steps = TRAINING_ENDS.get(str(environment.get("training_end"))), environment.get("training_steps")
    return f"Training ended after {steps:,} steps: {reason}." if reason and isinstance(steps, int) else None
