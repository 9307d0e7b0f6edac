"""A system clock that is set hours back or forth while runs are at work.

The real one can't be set: each process gets one of its own, at Python's edge to the system. It stands in `time.time`,
in `datetime.now`, and in the time of boot, by which the system tells how old a process is.
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

from benchmarks.breaking.runs import Workshop, do, told_in
from benchmarks.breaking.tally import Tally
from core.store import queries
from core.store.engine import open_store

HOURS = 12
"""By how much it is set at most, each time."""
TIMES = 3
"""How often it is set during a run, at most."""
KILLED_SHARE = 0.4
NOTICED = 3.0
"""Seconds after which a run has noticed that its clock was set."""


def clocks(shop: Workshop, folder: Path, times: int, rng: Generator) -> list[Tally]:
    """Set the clock during so many runs, some of which are killed then and taken up again."""
    whole, killed = Tally("clock set during a run"), Tally("clock set, then killed (SIGKILL)")
    for number in range(times):
        own, clock = folder / f"clock-{number}", folder / f"clock-{number}.seconds"
        shop.copy_into(own)
        _set(clock, 0)
        dies = rng.random() < KILLED_SHARE
        seen, problem = _set_during(shop, own, clock, dies, rng)
        (killed if dies else whole).add(problem and f"number {number}, {seen}: {problem}", seen)
    return [whole, killed]


def _set(clock: Path, seconds: float) -> None:
    written = clock.with_suffix(".new")
    written.write_text(str(seconds))
    os.replace(written, clock)


def by(clock: Path) -> None:
    """Give this process a clock that is ahead of the real one by the seconds in a file, whenever they change."""
    real, here = time.time, sys.modules[__name__]

    def ahead() -> float:
        return float(clock.read_text())

    class Alike(type):
        def __instancecheck__(cls, one: object) -> bool:
            return isinstance(one, datetime)

    class Turned(datetime, metaclass=Alike):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + timedelta(seconds=ahead())

    time.time = lambda: real() + ahead()
    for name, module in list(sys.modules.items()):
        if name.startswith("core.") and module is not here and getattr(module, "datetime", None) is datetime:
            vars(module)["datetime"] = Turned
    import psutil

    system: Any = psutil._psplatform
    booted: Callable[[], float] = system.boot_time
    system.boot_time = lambda: booted() + ahead()


def _set_during(shop: Workshop, folder: Path, clock: Path, dies: bool, rng: Generator) -> tuple[str, str | None]:
    """Set the clock during a run; return whether it stood behind or ahead in the end, and what is wrong then."""
    before, began = partial(by, clock), time.monotonic()
    process = shop.begin(folder, before)
    problems, seconds = [], 0.0
    for _ in range(int(rng.integers(1, TIMES + 1))):
        process.join(rng.uniform(0, 0.7 * shop.seconds))
        seconds += rng.uniform(-HOURS, HOURS) * 3600
        _set(clock, seconds)
        problems.append(_called_dead(folder, process, before))
    seen = "behind" if seconds < 0 else "ahead"
    if dies:
        process.join(rng.uniform(0, shop.seconds / TIMES))
        if process.is_alive() and process.pid is not None:
            os.kill(process.pid, signal.SIGKILL)
    process.join()
    problems.append(_not_whole(shop, folder, before, time.monotonic() - began))
    return seen, next((problem for problem in problems if problem is not None), None)


def _called_dead(folder: Path, process: BaseProcess, before: Callable[[], None]) -> str | None:
    """Say what is wrong with how a run that is at work is seen when it has noticed that its clock was set."""
    process.join(NOTICED)
    looks = folder.with_suffix(".looks")  # the run itself is telling of its progress meanwhile
    code, told = do(folder, "list", "--json", before=before, told=looks)
    states = {run["id"]: run["status"] for run in json.loads(told)} if code == 0 else {}
    if not process.is_alive():
        return None
    if code != 0 or states.get(2, "running") != "running":
        return f"the run is at work, and is called so: {told}"
    code, told = do(folder, "resume", "2", before=before, told=looks)
    return None if code == 2 else f"a run at work was resumed, with {code}: {told}"


def _not_whole(shop: Workshop, folder: Path, before: Callable[[], None], elapsed: float) -> str | None:
    """Take the run up where it is not complete, and say what is wrong with the record then."""
    ids = _ids(folder)
    if ids == [1]:
        process = shop.begin(folder, before)
        process.join()
    elif json.loads(do(folder, "show", "2", "--json", before=before)[1])["status"] != "complete":
        start = time.monotonic()
        code, told = do(folder, "resume", "2", before=before)
        elapsed += time.monotonic() - start
        if code != 0:
            return f"resume ends with {code}: {told}"
    code, told = do(folder, "db", "check", before=before)
    if code != 0 or "Traceback" in told_in(folder).read_text():
        return f"db check ends with {code}: {told_in(folder).read_text()}"
    if _ids(folder) != [1, 2]:
        return f"there are the runs {_ids(folder)}"
    return shop.wrong(folder, 1) or shop.wrong(folder, 2) or _wrong_times(folder, elapsed)


def _ids(folder: Path) -> list[int]:
    store = open_store(str(folder / "runs.db"))
    try:
        return [int(one) for one in queries.runs(store)["id"]]
    finally:
        store.engine.dispose()


def _wrong_times(folder: Path, elapsed: float) -> str | None:
    """Say which times of a run can't be, as it took so many seconds."""
    store = open_store(str(folder / "runs.db"))
    run = queries.run(store, 2)
    store.engine.dispose()
    times = (run.train_seconds or -1, run.evaluation_seconds or -1)
    return None if min(times) > 0 and sum(times) < elapsed else f"it took {times} of {elapsed:.1f} seconds"
