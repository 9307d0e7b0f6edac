"""Sentences on how a run was trained, from its recorded environment."""

from collections.abc import Mapping
from typing import Any

TRAINING_ENDS = {
    "epochs": "all epochs are complete",
    "no_improvement": "validation stopped improving",
    "max_steps": "the maximum number of steps is reached",
    "time_budget": "the time budget is used up",
}
"""The reasons why training ended, by the name that a run records."""
HEAD_INITS = {
    "probe": "The new head started from a linear probe of the frozen features.",
    "unconverged_probe": "The new head started from a linear probe of the frozen features, which did not converge.",
    "random": "The new head started from random weights.",
}
"""How the head started, by the name that a run records."""


def describe_training(environment: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each recorded fact: the end of the training, the head, and the logit adjustment."""
    strength = environment.get("logit_adjustment")
    sentences = [
        describe_training_end(environment),
        HEAD_INITS.get(str(environment.get("head_init"))),
        f"After training, {strength:g} times the log prior of each class was subtracted from its logits, which "
        "improved validation macro F1."
        if isinstance(strength, float) and strength
        else None,
    ]
    return [sentence for sentence in sentences if sentence]


def describe_training_end(environment: Mapping[str, Any]) -> str | None:
    """Return after how many steps and why training ended; None if it is not recorded."""
    reason, steps = TRAINING_ENDS.get(str(environment.get("training_end"))), environment.get("training_steps")
    return f"Training ended after {steps:,} steps: {reason}." if reason and isinstance(steps, int) else None
