"""Make a database refuse writes during a run: full disk, lock of another process, read-only folder.

The run must continue in a fallback database, report that, and be merged back once the database is writable again.
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

from benchmarks.fault_injection.tally import Tally
from benchmarks.fault_injection.undisturbed import Reference, call_command, output_of
from core.store import queries
from core.store.engine import open_store

DISK_BYTES = 8 * 2**20
CAPABILITIES = 0x20080522, 0
"""Version of Linux's capability interface, and the process: this one."""
FILE_CAPABILITIES = 0b110
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, by which root ignores file modes."""
BUSY_TIMEOUT = 1.0
"""Seconds that a run waits for a lock in this benchmark; the default is thirty."""
COMPLETE, FALLBACK, FAILED, REFUSED = "complete", "in a fallback database", "failed", "refused"


@dataclass(frozen=True)
class Refusal:
    """A condition that makes the database refuse writes.

    ``setup`` is called before the run, ``start`` after ``after`` seconds, and ``end`` after the run has ended.
    ``message``: a pattern that the output of the run must match.
    """

    message: str
    setup: Callable[[], None] | None = None
    after: float = 0.0
    start: Callable[[], object] = lambda: None
    end: Callable[[], object] = lambda: None


def fill_disk(reference: Reference, folder: Path, times: int, rng: Generator) -> Tally:
    """Run on a disk with too little free space."""
    if not can_mount(folder):
        return _limit_pages(reference, folder, times, rng)
    tally = Tally("disk full (a small tmpfs)")
    for number in range(times):
        with _small_disk(folder / f"disk-{number}") as disk:
            reference.copy_into(disk)
            free = shutil.disk_usage(disk).free
            room, filler = int(rng.uniform(0, 1.2 * (DISK_BYTES - free))), disk / "filler"
            filler.write_bytes(bytes(free - room))
            tally.add(*_run_into(reference, disk, Refusal("is full|No space left", end=filler.unlink)))
    return tally


def can_mount(folder: Path) -> bool:
    """Return whether this process may mount a small disk, as root usually may."""
    try:
        with _small_disk(folder / "probe"):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    subprocess.run(mount, check=True, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _limit_pages(reference: Reference, folder: Path, times: int, rng: Generator) -> Tally:
    """Run on a database of limited size: SQLite then raises the same error as on a full disk."""
    tally = Tally("disk full (SQLite's page limit)")
    for number in range(times):
        run_folder = folder / f"limit-{number}"
        reference.copy_into(run_folder)
        pages = (run_folder / "runs.db").stat().st_size // 4096
        limit = partial(_set_page_limit, str(run_folder / "runs.db"), int(rng.uniform(1, 1.5) * pages))
        tally.add(*_run_into(reference, run_folder, Refusal("is full", setup=limit)))
    return tally


def _set_page_limit(path: str, pages: int) -> None:
    def limit(connection: sqlite3.Connection, _record: object) -> None:
        if connection.execute("PRAGMA database_list").fetchone()[2] == path:
            connection.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(Engine, "connect", limit)


def lock_database(reference: Reference, folder: Path, times: int, rng: Generator) -> Tally:
    """Lock the database from a random moment until the run has ended."""
    tally = Tally("locked by another process")
    for number in range(times):
        run_folder = folder / f"lock-{number}"
        reference.copy_into(run_folder)
        holder = sqlite3.connect(run_folder / "runs.db", isolation_level=None, timeout=60)
        lock = partial(holder.execute, "BEGIN EXCLUSIVE")
        moment = rng.uniform(0, reference.seconds)
        refusal = Refusal("is locked", _shorten_busy_timeout, moment, lock, holder.close)
        tally.add(*_run_into(reference, run_folder, refusal))
    return tally


def _shorten_busy_timeout() -> None:
    assert open_store.__kwdefaults__ is not None and "busy_timeout" in open_store.__kwdefaults__
    open_store.__kwdefaults__["busy_timeout"] = BUSY_TIMEOUT


def close_folder(reference: Reference, folder: Path, times: int, rng: Generator) -> Tally:
    """Make the folder and its files read-only at a random moment."""
    tally = Tally("folder and files read-only")
    message = r"[Cc]annot (be )?(write|written)|can't be written|read-only|can't be opened|cannot be opened"
    for number in range(times):
        run_folder = folder / f"closed-{number}"
        reference.copy_into(run_folder)
        moment = rng.uniform(0, reference.seconds)
        close, reopen = partial(_make_read_only, run_folder), partial(_make_writable, run_folder)
        tally.add(*_run_into(reference, run_folder, Refusal(message, _obey_file_modes, moment, close, reopen)))
    return tally


def _obey_file_modes() -> None:
    """Drop root's capability to ignore file modes in this process."""
    if os.geteuid() != 0:
        return
    libc, header, sets = (
        ctypes.CDLL(None, use_errno=True),
        (ctypes.c_uint32 * 2)(*CAPABILITIES),
        (ctypes.c_uint32 * 6)(),
    )
    libc.capget(header, sets)
    for capability_set in (0, 1):  # effective and permitted
        sets[capability_set] &= ~FILE_CAPABILITIES
    if libc.capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "cannot drop root's capabilities")


def _make_read_only(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)


def _make_writable(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def _run_into(reference: Reference, folder: Path, refusal: Refusal) -> tuple[str | None, str]:
    """Run under a refusal, end the refusal and recover the run; return the problem and the outcome of the run."""
    process = reference.start_run(folder, refusal.setup)
    process.join(refusal.after)
    refusal.start()
    process.join()
    refusal.end()
    text = output_of(folder).read_text()
    by_exit_code = {0: COMPLETE, 1: FALLBACK if "db recover" in text else FAILED, 2: REFUSED}
    outcome = by_exit_code.get(process.exitcode or 0, f"exit code {process.exitcode}")
    if "Traceback" in text or (outcome != COMPLETE and not re.search(refusal.message, text)):
        return f"{outcome}, with this output: {text}", outcome
    return _recover(reference, folder, refusal.setup, outcome), outcome


def _recover(reference: Reference, folder: Path, setup: Callable[[], None] | None, outcome: str) -> str | None:
    """Merge the fallback database, or resume the run; return the problem, None without one."""
    setup = setup if setup is _obey_file_modes else None
    commands = {FALLBACK: [("db", "recover")], FAILED: [("resume", "2")]}.get(outcome, [])
    for arguments in (*commands, ("db", "check")):
        code, text = call_command(folder, *arguments, setup=setup)
        if code != 0:
            return f"{outcome}; then {' '.join(arguments)} exited with {code}: {text}"
    store = open_store(str(folder / "runs.db"))
    ids = queries.runs(store)["id"].tolist()
    store.engine.dispose()
    if len(ids) != (1 if outcome == REFUSED else 2):
        return f"{outcome}; then the runs are {ids}"
    differences = [
        f"run {run_id}: {difference}" for run_id in ids if (difference := reference.difference(folder, run_id))
    ]
    return "; ".join([outcome, *differences]) if differences else None
