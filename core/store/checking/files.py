"""What the rows say of files, against what lies in the adapters' folder."""

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import select, type_coerce, update
from sqlalchemy.orm import Session
from sqlalchemy.types import NullType

from core.files import LEARNT, WEIGHTS, digest_of
from core.store.checking.findings import Finding, Problem, hopeless, mend_by, run_again
from core.store.records import state, within_adapters
from core.store.schema import RunRow

ORPHANS = ".orphans"
"""Where folders are moved to that nobody names; what lies there is left alone."""
LEFT_ALONE_SECONDS = 3600
"""A folder that is not whole yet may be somebody's, so long as it is younger."""


class Known(NamedTuple):
    """What a run's row says of its files, as it is stored: any of it may be damaged."""

    id: int
    status: Any
    phase: Any
    heartbeat_at: Any
    adapter_path: Any
    work_path: Any
    adapter_sha256: Any


def listed(adapters: Path) -> list[Path]:
    """Return the folders among the adapters. To be asked before the rows are read: a row is there first."""
    try:
        return sorted(path for path in adapters.iterdir() if path.is_dir() and path.name != ORPHANS)
    except OSError:
        return []


def file_problems(session: Session, folder: Path, database: str, folders: Sequence[Path]) -> Iterator[Problem]:
    """Find files that are missing, changed or nobody's; tell which runs can be taken up again.

    ``folders``: what `listed` gave.
    """
    columns: list[Any] = [type_coerce(getattr(RunRow, name), NullType()) for name in Known._fields]
    runs = [Known(*row) for row in session.execute(select(*columns).order_by(RunRow.id))]
    for run in runs:
        at_work = _state(run) == "running"
        if run.status == "complete" and run.adapter_path is not None:
            yield from _adapter(run, folder)
        if run.work_path is not None and not at_work:
            yield from _work(run, folder)
    named = {path for run in runs for path in (run.adapter_path, run.work_path) if isinstance(path, str)}
    try:
        named |= _named_by_others(folder, database)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        what = f"its databases can't all be read ({error}): which folders nobody names can't be told."
        yield Problem(Finding("unknown folders", str(folder), what, "Check them first.", fault=False))
        return
    yield from _orphans(folders, folder, named)


def _state(run: Known) -> str:
    moment = run.heartbeat_at
    try:
        moment = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    except ValueError:
        moment = None
    return state(str(run.status), moment.replace(tzinfo=moment.tzinfo or UTC) if isinstance(moment, datetime) else None)


def _inside(folder: Path, path: Any) -> Path | None:
    return within_adapters(folder, path) if isinstance(path, str) else None


def _adapter(run: Known, folder: Path) -> Iterator[Problem]:
    """Check the files of a complete run."""
    path = _inside(folder, run.adapter_path)
    if path is None:
        kind, what = "path outside", f"its files are said to lie in {run.adapter_path}, outside the folder adapters."
    elif not path.is_dir():
        kind, what = "missing files", f"its folder {run.adapter_path} is not there."
    else:
        kind, what = _contents(run, path)
    if what:
        yield hopeless(kind, f"run {run.id}", what, run_again(run.id))


def _contents(run: Known, path: Path) -> tuple[str, str]:
    """Return the kind of fault of an adapter's files, and what it is; nothing for none."""
    try:
        if not any(path.iterdir()):
            return "missing files", f"its folder {run.adapter_path} is empty."
        if run.adapter_sha256 is not None and not any(
            digest_of(path, *files) == run.adapter_sha256 for files in (LEARNT, (WEIGHTS,))
        ):
            return "changed adapter", f"its files in {run.adapter_path} are not those that it saved (SHA-256)."
    except OSError as error:
        return "missing files", f"its folder {run.adapter_path} can't be read ({error})."
    return "", ""


def _work(run: Known, folder: Path) -> Iterator[Problem]:
    """Check what a run that is at rest has left unfinished."""
    where, path = f"run {run.id}", _inside(folder, run.work_path)
    if path is not None and path.is_dir():
        if run.status != "complete":
            what = f"it ended early in phase {run.phase} ({_state(run)}) and can be taken up again."
            yield Problem(Finding("can resume", where, what, f"python runner.py resume {run.id}", fault=False))
        return
    away = update(RunRow).where(RunRow.id == run.id, RunRow.work_path == run.work_path).values(work_path=None)
    what = f"its folder of unfinished work, {run.work_path}, is not there."
    yield mend_by("missing work", where, what, "The path is taken out of its row.", away)


_PATHS = {
    "adapter_path": "SELECT adapter_path FROM runs",
    "work_path": "SELECT work_path FROM runs",
}


def _named_by_others(folder: Path, database: str) -> set[str]:
    """Return the paths that other databases of ours in the same folder name. Raises what SQLite does."""
    named: set[str] = set()
    for other in sorted(folder.glob("*.db")):
        if other.is_file() and not (os.path.exists(database) and other.samefile(database)):
            try:
                named |= _named_by(other)
            except sqlite3.DatabaseError as error:
                if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_NOTADB:
                    raise
    return named


def _named_by(database: Path) -> set[str]:
    with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not {"alembic_version", "runs"} <= tables:
            return set()
        columns = {row[1] for row in connection.execute("PRAGMA table_info(runs)")}
        queries = [query for column, query in _PATHS.items() if column in columns]
        return {path for query in queries for (path,) in connection.execute(query) if isinstance(path, str)}


def _orphans(folders: Iterable[Path], folder: Path, named: Iterable[str]) -> Iterator[Problem]:
    """Find folders that no row names; those of unfinished work only when they are old enough to be nobody's."""
    known = {path for path in (_inside(folder, one) for one in named) if path is not None}
    for path in folders:
        own = path.resolve()
        if any(one.is_relative_to(own) for one in known):
            continue
        unfinished = path.name.startswith(".")
        if unfinished and time.time() - path.lstat().st_mtime < LEFT_ALONE_SECONDS:
            continue
        what = "no run names this folder." if not unfinished else "no run names this folder of unfinished work."
        advice = f"It is moved to adapters/{ORPHANS}, not deleted."
        yield mend_by("orphan folder", f"adapters/{path.name}", what, advice, files=partial(_move, path))


def _move(path: Path) -> None:
    target = path.parent / ORPHANS / path.name
    target.parent.mkdir(exist_ok=True)
    while target.exists():
        target = target.with_name(f"{target.name}-again")
    os.rename(path, target)
