"""Runs that are killed at random moments, and taken up again."""

import itertools
import os
import signal
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path

from numpy.random import Generator

from benchmarks.breaking.runs import Workshop, begin, do, told_in
from benchmarks.breaking.tally import Tally
from core.errors import RequestError
from core.store import queries
from core.store.engine import open_store
from core.store.records import is_running

TIDY_SHARE = 0.2  # are asked to end (SIGTERM), the others are killed (SIGKILL)
AGAIN_SHARE = 0.3  # are killed a second time, while they are taken up

RESUME = ("resume", "1", "--checkpoint-every", "0")


def kills(shop: Workshop, folder: Path, times: int, rng: Generator) -> list[Tally]:
    """Kill so many runs at random moments, each followed by a check and by taking it up again."""
    hard, tidy = Tally("killed (SIGKILL)"), Tally("asked to end (SIGTERM)")
    for number in itertools.count(1):
        if hard.times >= times:
            break
        own = folder / f"kill-{number}"
        own.mkdir()
        asked = rng.random() < TIDY_SHARE
        if not _kill(shop.begin(own), rng.uniform(0, shop.seconds), signal.SIGTERM if asked else signal.SIGKILL):
            continue  # it was quicker this time
        seen, problem = _after(shop, own, rng)
        (tidy if asked else hard).add(problem and f"number {number}, {seen}: {problem}", seen)
    return [hard, tidy]


def _after(shop: Workshop, folder: Path, rng: Generator) -> tuple[str, str | None]:
    """Go on after a run was killed; return where it was then, and what is wrong in the end."""
    seen = _where(folder)
    if seen == "before its row":
        left = [path.name for path in folder.glob("adapters/*")]
        return seen, f"it left {left}" if left else _anew(shop, folder)
    if seen != "complete" and rng.random() < AGAIN_SHARE:
        _kill(begin(folder, *RESUME), rng.uniform(0, shop.seconds), signal.SIGKILL)
    return seen, _checked(shop, folder)


def _kill(process: BaseProcess, after: float, sign: signal.Signals) -> bool:
    """Kill a process some seconds from now; tell whether it was still there."""
    process.join(after)
    there = process.is_alive()
    if there:
        assert process.pid is not None, "it has begun"
        with suppress(ProcessLookupError):  # it was quicker
            os.kill(process.pid, sign)
    process.join()
    return there


def _anew(shop: Workshop, folder: Path) -> str | None:
    """Run where a run was killed before it had recorded anything; say what is wrong."""
    process = shop.begin(folder)
    process.join()
    return shop.wrong(folder) if process.exitcode == 0 else told_in(folder).read_text()


def _where(folder: Path) -> str:
    """Return how far a run had come when it ended: its phase, or how it was closed."""
    if not (folder / "runs.db").is_file():
        return "before its row"
    try:
        store = open_store(str(folder / "runs.db"))
    except RequestError:  # it is empty: to be seen by what is run there next
        return "before its row"
    try:
        if queries.runs(store).empty:
            return "before its row"
        run = queries.run(store, 1)
        assert not is_running(run), "it is dead"
        return run.phase or run.state
    finally:
        store.engine.dispose()


def _checked(shop: Workshop, folder: Path) -> str | None:
    """Check the database, take the run up where it is not complete, and say what is wrong; None for nothing."""
    code, told = do(folder, "db", "check")
    if code not in (0, 1) or "Traceback" in told:
        return f"db check: {told}"
    if _where(folder) != "complete":
        code, told = do(folder, *RESUME)
        if code != 0:
            return f"resume ends with {code}: {told}"
    code, told = do(folder, "db", "check")
    if code != 0:
        return f"db check at the end: {told}"
    if "Traceback" in told_in(folder).read_text():
        return "a traceback was shown"
    return shop.wrong(folder)
