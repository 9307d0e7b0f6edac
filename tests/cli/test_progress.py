import io
from types import SimpleNamespace

import pytest

from cli.progress import ConsoleProgress
from core.config import RunConfig


@pytest.fixture
def stderr(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    return stream


@pytest.fixture
def progress(stderr):
    with ConsoleProgress() as progress:
        yield progress


def run(**values) -> SimpleNamespace:
    defaults = {"id": 7, "name": "lora-r8", "state": "complete", "phase": None, "error_message": None}
    return SimpleNamespace(**{**defaults, "train_seconds": 61.0, **values})


def test_a_log_file_gets_four_lines_of_progress_for_a_training(progress, stderr):
    progress.on_run_begin("lora-r8", RunConfig(), 1, 2)
    progress.on_phase("training")
    progress.on_train_begin(0)
    for step in range(1, 101):
        progress.on_step_end(step, 100, step / 50)
    lines = stderr.getvalue().splitlines()
    assert lines[0].startswith("[1/2] lora-r8")
    assert [line.split()[1] for line in lines[1:]] == ["25", "50", "75", "100"]


def test_a_stop_is_possible_after_a_step_only_during_training(progress):
    assert not progress.signals.can_stop_after_step
    progress.on_train_begin(0)
    assert progress.signals.can_stop_after_step
    progress.on_phase("evaluation")
    assert not progress.signals.can_stop_after_step


def test_a_stop_that_was_requested_during_training_ends_the_run_at_the_next_phase(progress):
    progress.signals.requested = True
    assert progress.should_stop()
    with pytest.raises(KeyboardInterrupt):
        progress.on_phase("evaluation")


@pytest.mark.parametrize(
    ("ended", "reused", "shown"),
    [
        (run(), False, "recorded as run 7, trained in 1 m 01 s"),
        (run(train_seconds=None), False, "recorded as run 7"),
        (run(), True, "--again"),
        (run(state="failed", phase="training", error_message="It diverged."), False, "failed in the training phase"),
        (run(name="[red]\x1b[2J"), True, "[red]⟨U+001B⟩"),
    ],
    ids=["complete", "untrained", "reused", "failed", "markup"],
)
def test_the_end_of_a_run_is_one_line(progress, ended, reused, shown, stderr):
    progress.on_run_end(ended, reused=reused)
    (line,) = stderr.getvalue().splitlines()
    assert shown in line


def test_a_closed_standard_error_does_not_end_the_run(monkeypatch):
    class Closed:
        encoding = "utf-8"

        def write(self, text):
            raise OSError("closed")

        flush = isatty = lambda self: False

    monkeypatch.setattr("sys.stderr", Closed())
    with ConsoleProgress() as progress:
        progress.on_message("a message")
