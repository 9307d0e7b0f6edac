"""Set the system clock hours back or ahead while runs are active.

The real clock cannot be set, so each process patches its own: `time.time`, `datetime.now`, and the boot time from
which the age of a process is computed.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from numpy.random import Generator

from benchmarks.fault_injection.tally import Tally
from benchmarks.fault_injection.undisturbed import Reference, call_command, output_of
from core.store import queries
from core.store.engine import open_store

MAX_HOURS = 12
"""Largest shift, either way."""
MAX_SHIFTS = 3
"""Largest number of shifts during one run."""
KILLED_SHARE = 0.4
REACTION_SECONDS = 3.0
"""Time after which a run has noticed that its clock was set."""


def shift_clocks(reference: Reference, folder: Path, times: int, rng: Generator) -> list[Tally]:
    """Set the clock during runs, some of which are then killed and resumed."""
    finished, killed = Tally("clock set during a run"), Tally("clock set, then killed (SIGKILL)")
    for number in range(times):
        run_folder, clock = folder / f"clock-{number}", folder / f"clock-{number}.seconds"
        reference.copy_into(run_folder)
        _write_offset(clock, 0)
        is_killed = rng.random() < KILLED_SHARE
        outcome, problem = _shift_during_run(reference, run_folder, clock, is_killed, rng)
        (killed if is_killed else finished).add(problem and f"number {number}, {outcome}: {problem}", outcome)
    return [finished, killed]


def _write_offset(clock: Path, seconds: float) -> None:
    temporary = clock.with_suffix(".new")
    temporary.write_text(str(seconds))
    os.replace(temporary, clock)


def install_clock(clock: Path) -> None:
    """Shift this process's clock by the seconds in a file, whenever they change."""
    real_time, this_module = time.time, sys.modules[__name__]

    def offset() -> float:
        return float(clock.read_text())

    class AnyDatetime(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, datetime)

    class ShiftedDatetime(datetime, metaclass=AnyDatetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + timedelta(seconds=offset())

    time.time = lambda: real_time() + offset()
    for name, module in list(sys.modules.items()):
        if name.startswith("core.") and module is not this_module and getattr(module, "datetime", None) is datetime:
            vars(module)["datetime"] = ShiftedDatetime
    import psutil

    platform: Any = psutil._psplatform
    real_boot_time: Callable[[], float] = platform.boot_time
    platform.boot_time = lambda: real_boot_time() + offset()


def _shift_during_run(
    reference: Reference, folder: Path, clock: Path, is_killed: bool, rng: Generator
) -> tuple[str, str | None]:
    """Set the clock during a run; return whether it ended behind or ahead, and the problem."""
    setup, start = partial(install_clock, clock), time.monotonic()
    process = reference.start_run(folder, setup)
    problems, seconds = [], 0.0
    for _ in range(int(rng.integers(1, MAX_SHIFTS + 1))):
        process.join(rng.uniform(0, 0.7 * reference.seconds))
        seconds += rng.uniform(-MAX_HOURS, MAX_HOURS) * 3600
        _write_offset(clock, seconds)
        problems.append(_misreported_as_ended(folder, process, setup))
    if is_killed:
        process.join(rng.uniform(0, reference.seconds / MAX_SHIFTS))
        if process.is_alive() and process.pid is not None:
            os.kill(process.pid, signal.SIGKILL)
    process.join()
    problems.append(_incomplete(reference, folder, setup, time.monotonic() - start))
    outcome = "behind" if seconds < 0 else "ahead"
    return outcome, next((problem for problem in problems if problem is not None), None)


def _misreported_as_ended(folder: Path, process: BaseProcess, setup: Callable[[], None]) -> str | None:
    """Return how an active run is misreported after its clock was set; None if it is not."""
    process.join(REACTION_SECONDS)
    output = folder.with_suffix(".commands")  # the run writes to the folder's own output file meanwhile
    code, text = call_command(folder, "list", "--json", setup=setup, output=output)
    states = {run["id"]: run["status"] for run in json.loads(text)} if code == 0 else {}
    if not process.is_alive():
        return None
    if code != 0 or states.get(2, "running") != "running":
        return f"an active run is reported as: {text}"
    code, text = call_command(folder, "resume", "2", setup=setup, output=output)
    return None if code == 2 else f"an active run was resumed, exit code {code}: {text}"


def _incomplete(reference: Reference, folder: Path, setup: Callable[[], None], elapsed: float) -> str | None:
    """Complete the run; return the problem with its record, None without one."""
    if _run_ids(folder) == [1]:
        process = reference.start_run(folder, setup)
        process.join()
    elif json.loads(call_command(folder, "show", "2", "--json", setup=setup)[1])["status"] != "complete":
        start = time.monotonic()
        code, text = call_command(folder, "resume", "2", setup=setup)
        elapsed += time.monotonic() - start
        if code != 0:
            return f"resume exits with {code}: {text}"
    code, _ = call_command(folder, "db", "check", setup=setup)
    if code != 0 or "Traceback" in output_of(folder).read_text():
        return f"db check exits with {code}: {output_of(folder).read_text()}"
    if _run_ids(folder) != [1, 2]:
        return f"the runs are {_run_ids(folder)}"
    return reference.difference(folder, 1) or reference.difference(folder, 2) or _impossible_times(folder, elapsed)


def _run_ids(folder: Path) -> list[int]:
    store = open_store(str(folder / "runs.db"))
    try:
        return [int(run_id) for run_id in queries.runs(store)["id"]]
    finally:
        store.engine.dispose()


def _impossible_times(folder: Path, elapsed: float) -> str | None:
    """Return the recorded times if they exceed the elapsed seconds; None otherwise."""
    store = open_store(str(folder / "runs.db"))
    run = queries.run(store, 2)
    store.engine.dispose()
    times = (run.train_seconds or -1, run.evaluation_seconds or -1)
    return None if min(times) > 0 and sum(times) < elapsed else f"it recorded {times} of {elapsed:.1f} seconds"
