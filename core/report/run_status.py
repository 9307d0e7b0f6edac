"""Describe the state of runs that are not complete."""

from typing import Any


def describe_state(run: Any, resume: str | None = None) -> str:
    """Describe the state of an incomplete run (a record or a row of `queries.runs`), and how to resume it."""
    phase = f" in the {run.phase} phase" if run.phase else ""
    verb = {
        "running": "is running",
        "crashed": "crashed (no heartbeat)",
        "cancelled": "was stopped",
        "validated": "was evaluated on the validation split only, as a trial of a search",
        "pruned": "was pruned",
    }
    reason = f": {run.error_message}" if run.state == "failed" else ""
    text = f"{verb.get(run.state, run.state)}{phase}{reason}"
    text += "" if text.endswith(".") else "."
    return f"{text} Resume it: {resume}" if resume else text
