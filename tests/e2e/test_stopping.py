"""What signals, and terminals that go away, do to runs: as real processes."""

import os
import select
import signal
import subprocess
import sys
import time

import pytest

from core.store import queries
from core.store.engine import open_store
from tests.e2e.test_resuming import ROOT, arguments

HEARS = """
import sys, time
from cli.signals import StopSignals

with StopSignals() as stop:
    stop.can_stop_after_step = True
    print("ready", flush=True)
    sys.stdin.readline()
    print("asked" if stop.requested else "not asked")
"""
IN_A_TERMINAL = "import os, sys; os.login_tty(0); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"


def hearing(ignored, sent):
    """Start what hears signals, of which it was told to ignore some; return what it told of those that were sent."""
    # A shell ignores them in the child alone: the ``trap ''`` of a script, or nohup.
    command = ["sh", "-c", f'trap "" {" ".join(ignored)}; exec "$0" "$@"'] if ignored else []
    process = subprocess.Popen(
        [*command, sys.executable, "-c", HEARS],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    for name in sent:
        process.send_signal(getattr(signal, name))
        time.sleep(0.2)  # two of a kind that come at once are one
    return process.communicate("\n", timeout=60)


@pytest.mark.parametrize("name", ["HUP", "INT", "TERM"])
def test_a_signal_that_was_ignored_before_stays_so(name):
    told, _ = hearing([name], [f"SIG{name}"])
    assert told == "not asked\n"


@pytest.mark.parametrize("name", ["SIGHUP", "SIGINT", "SIGTERM"])
def test_the_first_signal_asks_for_a_tidy_end(name):
    told, said = hearing([], [name])
    assert told == "asked\n" and "Stopping after this step" in said


def test_the_second_signal_ends_at_once():
    told, said = hearing([], ["SIGINT", "SIGINT"])
    assert told == "" and "KeyboardInterrupt" in said


def test_a_terminal_that_hangs_up_twice_asks_for_a_tidy_end():
    told, _ = hearing([], ["SIGHUP", "SIGHUP"])
    assert told == "asked\n"


def test_a_run_whose_terminal_is_closed_ends_tidily(tmp_path, tiny_bert):
    ours, its = os.openpty()
    command = [sys.executable, "-c", IN_A_TERMINAL, str(ROOT / "runner.py"), *arguments(tmp_path, tiny_bert)]
    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env={**os.environ, "TERM": "xterm"})
    os.close(its)
    try:
        end = time.monotonic() + 120
        while not list(tmp_path.glob("adapters/.unfinished-1-*/step-*")):
            assert process.poll() is None and time.monotonic() < end
            if select.select([ours], [], [], 0.02)[0]:
                os.read(ours, 1 << 16)  # a terminal that nobody reads holds up who writes to it
        os.close(ours)
        process.wait(120)
    finally:
        process.kill()
        process.wait()
    run = queries.run(open_store(str(tmp_path / "runs.db")), 1)
    assert (run.state, run.phase, run.error_message) == ("cancelled", "training", None)
