"""Kill runs at random moments and resume them."""

import itertools
import os
import signal
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path

from numpy.random import Generator

from benchmarks.fault_injection.tally import Tally
from benchmarks.fault_injection.undisturbed import Reference, call_command, output_of, start_command
from core.errors import RequestError
from core.store import queries
from core.store.engine import open_store
from core.store.records import is_running

TERMINATED_SHARE = 0.2
"""Share of runs that get SIGTERM; the others get SIGKILL."""
KILLED_AGAIN_SHARE = 0.3
"""Share of runs that are killed a second time, while they are resumed."""
BEFORE_ROW = "before its row"
RESUME = ("resume", "1", "--checkpoint-every", "0")


def kill_runs(reference: Reference, folder: Path, times: int, rng: Generator) -> list[Tally]:
    """Kill runs at random moments, check the database and resume them."""
    killed, terminated = Tally("killed (SIGKILL)"), Tally("terminated (SIGTERM)")
    for number in itertools.count(1):
        if killed.times >= times:
            break
        run_folder = folder / f"kill-{number}"
        run_folder.mkdir()
        terminates = rng.random() < TERMINATED_SHARE
        sign = signal.SIGTERM if terminates else signal.SIGKILL
        if not _kill(reference.start_run(run_folder), rng.uniform(0, reference.seconds), sign):
            continue  # the run had ended before
        outcome, problem = _recover(reference, run_folder, rng)
        (terminated if terminates else killed).add(problem and f"number {number}, {outcome}: {problem}", outcome)
    return [killed, terminated]


def _recover(reference: Reference, folder: Path, rng: Generator) -> tuple[str, str | None]:
    """Resume a killed run; return the phase in which it was killed, and the problem in the end."""
    phase = _phase(folder)
    if phase == BEFORE_ROW:
        leftovers = [path.name for path in folder.glob("adapters/*")]
        return phase, f"it left {leftovers}" if leftovers else _rerun(reference, folder)
    if phase != "complete" and rng.random() < KILLED_AGAIN_SHARE:
        _kill(start_command(folder, *RESUME), rng.uniform(0, reference.seconds), signal.SIGKILL)
    return phase, _resume_and_check(reference, folder)


def _kill(process: BaseProcess, after: float, sign: signal.Signals) -> bool:
    """Send a signal to a process after some seconds; return whether it was still alive."""
    process.join(after)
    is_alive = process.is_alive()
    if is_alive:
        assert process.pid is not None, "the process was started"
        with suppress(ProcessLookupError):  # it ended meanwhile
            os.kill(process.pid, sign)
    process.join()
    return is_alive


def _rerun(reference: Reference, folder: Path) -> str | None:
    """Repeat a run that was killed before it was recorded; return the problem, None without one."""
    process = reference.start_run(folder)
    process.join()
    return reference.difference(folder) if process.exitcode == 0 else output_of(folder).read_text()


def _phase(folder: Path) -> str:
    """Return the phase in which a run ended, or its status."""
    if not (folder / "runs.db").is_file():
        return BEFORE_ROW
    try:
        store = open_store(str(folder / "runs.db"))
    except RequestError:  # an empty file; the next command shows whether it can be used
        return BEFORE_ROW
    try:
        if queries.runs(store).empty:
            return BEFORE_ROW
        run = queries.run(store, 1)
        assert not is_running(run), "its process has ended"
        return run.phase or run.state
    finally:
        store.engine.dispose()


def _resume_and_check(reference: Reference, folder: Path) -> str | None:
    """Check the database and resume the run unless it is complete; return the problem, None without one."""
    code, text = call_command(folder, "db", "check")
    if code not in (0, 1) or "Traceback" in text:
        return f"db check: {text}"
    if _phase(folder) != "complete":
        code, text = call_command(folder, *RESUME)
        if code != 0:
            return f"resume exits with {code}: {text}"
    code, text = call_command(folder, "db", "check")
    if code != 0:
        return f"db check at the end: {text}"
    if "Traceback" in output_of(folder).read_text():
        return "a traceback was printed"
    return reference.difference(folder)
