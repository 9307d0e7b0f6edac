"""Databases that take nothing more while a run goes on: the disk is full, another holds them, their folder is closed.

The run goes on aside, says so in a sentence, and comes home whole once its database can be written again.
"""

import ctypes
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from numpy.random import Generator
from sqlalchemy import Engine, event

from benchmarks.breaking.runs import Workshop, do, told_in
from benchmarks.breaking.tally import Tally
from core.store import queries
from core.store.engine import open_store

DISK = 8 * 2**20
"""Bytes of the small disk."""
CAPABILITIES = 0x20080522, 0
"""The version of Linux's capabilities that the bits below are of, and the process: our own."""
ALL_FILES = 0b110
"""The bits of CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, by which root may write and read everywhere."""
PATIENCE = 1.0
"""Seconds that a run waits for a lock; a user's waits thirty."""


@dataclass(frozen=True)
class Refusal:
    """What a run meets with: at its beginning, after some seconds, and what is done when it has ended.

    ``words``: a pattern of what it has to say then.
    """

    words: str
    before: Callable[[], None] | None = None
    after: float = 0.0
    happens: Callable[[], object] = lambda: None
    mended: Callable[[], object] = lambda: None


def full(shop: Workshop, folder: Path, times: int, rng: Generator) -> Tally:
    """Run on a disk that has no room, or too little of it, for what the run writes."""
    if not can_mount(folder):
        return _full_by_sqlite(shop, folder, times, rng)
    tally = Tally("disk full (a small tmpfs)")
    for number in range(times):
        with _small_disk(folder / f"disk-{number}") as disk:
            shop.copy_into(disk)
            free = shutil.disk_usage(disk).free
            room, filler = int(rng.uniform(0, 1.2 * (DISK - free))), disk / "filler"
            filler.write_bytes(bytes(free - room))
            tally.add(*_met(shop, disk, Refusal("is full|No space left", mended=filler.unlink)))
    return tally


def can_mount(folder: Path) -> bool:
    """Tell whether small disks can be had: root may mount one, in most places."""
    try:
        with _small_disk(folder / "probe"):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    subprocess.run(mount, check=True, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _full_by_sqlite(shop: Workshop, folder: Path, times: int, rng: Generator) -> Tally:
    """Run on a database that may not grow beyond a size: SQLite then says what it says on a full disk."""
    tally = Tally("disk full (SQLite's page limit)")
    for number in range(times):
        own = folder / f"limit-{number}"
        shop.copy_into(own)
        pages = (own / "runs.db").stat().st_size // 4096
        limit = partial(_limit, str(own / "runs.db"), int(rng.uniform(1, 1.5) * pages))
        tally.add(*_met(shop, own, Refusal("is full", before=limit)))
    return tally


def _limit(path: str, pages: int) -> None:
    def limited(connection: sqlite3.Connection, _record: object) -> None:
        if connection.execute("PRAGMA database_list").fetchone()[2] == path:
            connection.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(Engine, "connect", limited)


def locked(shop: Workshop, folder: Path, times: int, rng: Generator) -> Tally:
    """Hold the database from a random moment until the run has ended, for longer than it waits."""
    tally = Tally("locked by another process")
    for number in range(times):
        own = folder / f"lock-{number}"
        shop.copy_into(own)
        holder = sqlite3.connect(own / "runs.db", isolation_level=None, timeout=60)
        hold = partial(holder.execute, "BEGIN EXCLUSIVE")
        moment = rng.uniform(0, shop.seconds)
        tally.add(*_met(shop, own, Refusal("is locked", _impatient, moment, hold, holder.close)))
    return tally


def _impatient() -> None:
    assert open_store.__kwdefaults__ is not None and "busy_timeout" in open_store.__kwdefaults__
    open_store.__kwdefaults__["busy_timeout"] = PATIENCE


def closed(shop: Workshop, folder: Path, times: int, rng: Generator) -> Tally:
    """Make the folder and its files read-only at a random moment."""
    tally = Tally("folder and files read-only")
    for number in range(times):
        own = folder / f"closed-{number}"
        shop.copy_into(own)
        moment = rng.uniform(0, shop.seconds)
        words = r"can't be written|read-only|can't be opened"
        tally.add(*_met(shop, own, Refusal(words, _by_the_modes, moment, partial(_close, own), partial(_open, own))))
    return tally


def _by_the_modes() -> None:
    """Let the modes of files hold for this process, if it is root's."""
    if os.geteuid() != 0:
        return
    system, header, sets = (
        ctypes.CDLL(None, use_errno=True),
        (ctypes.c_uint32 * 2)(*CAPABILITIES),
        (ctypes.c_uint32 * 6)(),
    )
    system.capget(header, sets)
    for kind in (0, 1):  # what is in effect, and what is permitted
        sets[kind] &= ~ALL_FILES
    if system.capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "root's rights can't be given up")


def _close(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)


def _open(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def _met(shop: Workshop, folder: Path, refusal: Refusal) -> tuple[str | None, str]:
    """Run into a refusal, mend it, and take in what is aside; return what is wrong then, and what came of the run."""
    process = shop.begin(folder, refusal.before)
    process.join(refusal.after)
    refusal.happens()
    process.join()
    refusal.mended()
    told = told_in(folder).read_text()
    came = {0: "complete all the same", 1: "kept aside" if "db recover" in told else "failed", 2: "refused"}
    seen = came.get(process.exitcode or 0, f"ended with {process.exitcode}")
    if "Traceback" in told or (seen != "complete all the same" and not re.search(refusal.words, told)):
        return f"{seen}, with these words: {told}", seen
    return _home(shop, folder, refusal.before, seen), seen


def _home(shop: Workshop, folder: Path, before: Callable[[], None] | None, seen: str) -> str | None:
    """Take in what is aside, or run again what had no record; say what is wrong then."""
    before = before if before is _by_the_modes else None  # the modes hold on
    steps = {"kept aside": [("db", "recover")], "failed": [("resume", "2")]}.get(seen, [])
    for arguments in (*steps, ("db", "check")):
        code, told = do(folder, *arguments, before=before)
        if code != 0:
            return f"{seen}; then {' '.join(arguments)} ended with {code}: {told}"
    store = open_store(str(folder / "runs.db"))
    ids = queries.runs(store)["id"].tolist()
    store.engine.dispose()
    if len(ids) != (1 if seen == "refused" else 2):
        return f"{seen}; then there are the runs {ids}"
    wrong = [f"run {number}: {what}" for number in ids if (what := shop.wrong(folder, number)) is not None]
    return "; ".join([seen, *wrong]) if wrong else None
