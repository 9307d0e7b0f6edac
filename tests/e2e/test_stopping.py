"""Runs whose terminal is closed."""

import os
import select
import subprocess
import sys
import time

import pytest

from core.store import queries
from core.store.engine import open_store
from tests.e2e.processes import ROOT, run_arguments

IN_A_TERMINAL = "import os, sys; os.login_tty(0); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"


@pytest.mark.slow
def test_a_run_whose_terminal_is_closed_is_stopped_after_its_step(tmp_path, tiny_bert):
    terminal, child = os.openpty()
    command = [sys.executable, "-c", IN_A_TERMINAL, str(ROOT / "runner.py"), *run_arguments(tmp_path, tiny_bert)]
    process = subprocess.Popen(command, stdin=child, stdout=child, stderr=child, env={**os.environ, "TERM": "xterm"})
    os.close(child)
    try:
        deadline = time.monotonic() + 120
        while not list(tmp_path.glob("adapters/.unfinished-1-*/step-*")):
            assert process.poll() is None and time.monotonic() < deadline
            if select.select([terminal], [], [], 0.02)[0]:
                os.read(terminal, 1 << 16)  # a full terminal buffer would block the run
        os.close(terminal)
        process.wait(120)
    finally:
        process.kill()
        process.wait()
    run = queries.run(open_store(str(tmp_path / "runs.db")), 1)
    assert (run.state, run.phase, run.error_message) == ("cancelled", "training", None)
