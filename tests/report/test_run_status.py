"""The state of a run that is not complete is described in a sentence."""

from types import SimpleNamespace

import pytest

from core.report.run_status import describe_state


@pytest.mark.parametrize(
    ("state", "phase", "message", "text"),
    [
        ("running", "training", None, "is running in the training phase."),
        ("crashed", "training", None, "crashed (no heartbeat) in the training phase."),
        ("cancelled", None, None, "was stopped."),
        ("failed", "model", "No memory.", "failed in the model phase: No memory."),
    ],
    ids=lambda value: str(value) if value in ("running", "crashed", "cancelled", "failed") else "",
)
def test_the_state_of_a_run_without_scores_is_a_sentence(state, phase, message, text):
    run = SimpleNamespace(state=state, phase=phase, error_message=message)
    assert describe_state(run) == text
    assert describe_state(run, "python runner.py resume 1").endswith("python runner.py resume 1")
