"""What the rows say of files, against what lies in the adapters' folder."""

import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import select, type_coerce, update
from sqlalchemy.orm import Session
from sqlalchemy.types import NullType

from core.store.artifact_ownership import DATABASE_READ_ERRORS, paths_in_other_databases, resolve_work_folder
from core.store.integrity.findings import Finding, Problem, fixable, run_again, unfixable
from core.store.records import derive_state, is_resumable, resolve_adapter_path
from core.store.schema import RunRow
from core.system.files import matches_checksum

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
    host: Any
    pid: Any
    adapter_path: Any
    work_path: Any
    adapter_sha256: Any
    error_type: Any


def listed(adapters: Path) -> list[Path]:
    """Return the folders among the adapters. To be asked before the rows are read: a row is there first."""
    try:
        return sorted(path for path in adapters.iterdir() if path.is_dir() and path.name != ORPHANS)
    except OSError:
        return []


def file_problems(session: Session, folder: Path, database: str, folders: Sequence[Path]) -> Iterator[Problem]:
    """Find files that are missing, changed or nobody's; tell which runs can be taken up again.

    ``folders``: what `listed` gave. What a server's database names may lie in another folder, or on
    another machine, and what it does not name here may be another database's: that is only told.
    """
    server = session.get_bind().dialect.name != "sqlite"
    columns: list[Any] = [type_coerce(getattr(RunRow, name), NullType()) for name in Known._fields]
    runs = [Known(*row) for row in session.execute(select(*columns).order_by(RunRow.id))]
    for run in runs:
        at_work = _state(run) == "running"
        if run.status == "complete" and run.adapter_path is not None:
            yield from _adapter(run, folder, server)
        if run.work_path is not None and not at_work:
            yield from _work(run, folder, server)
    named = {path for run in runs for path in (run.adapter_path, run.work_path) if isinstance(path, str)}
    try:
        named = named.union(*paths_in_other_databases(folder, database).values())
    except DATABASE_READ_ERRORS as error:
        what = f"its databases can't all be read ({error}): which folders nobody names can't be told."
        yield Problem(Finding("unknown folders", str(folder), what, "Check them first.", fault=False))
        return
    yield from _orphans(folders, folder, named, server)


def _state(run: Known) -> str:
    moment = run.heartbeat_at
    try:
        moment = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    except ValueError:
        moment = None
    heard_at = moment.replace(tzinfo=moment.tzinfo or UTC) if isinstance(moment, datetime) else None
    return derive_state(str(run.status), heard_at, run.host, run.pid if isinstance(run.pid, int) else None)


def _inside(folder: Path, path: Any) -> Path | None:
    return resolve_adapter_path(folder, path) if isinstance(path, str) else None


def _elsewhere(kind: str, run: Known, path: Any, folder: Path) -> Problem:
    """Tell that what a run on a server has left is not in this folder."""
    what = f"its folder {path} is not in {folder}, where was looked."
    return Problem(Finding(kind, f"run {run.id}", what, "Where it was made, it may still be there.", fault=False))


def _adapter(run: Known, folder: Path, server: bool) -> Iterator[Problem]:
    """Check the files of a complete run."""
    path = _inside(folder, run.adapter_path)
    if server and path is not None and not path.is_dir():
        yield _elsewhere("missing files", run, run.adapter_path, folder)
        return
    if path is None:
        kind, what = "path outside", f"its files are said to lie in {run.adapter_path}, outside the folder adapters."
    elif not path.is_dir():
        kind, what = "missing files", f"its folder {run.adapter_path} is not there."
    else:
        kind, what = _contents(run, path)
    if what:
        yield unfixable(kind, f"run {run.id}", what, run_again(run.id))


def _contents(run: Known, path: Path) -> tuple[str, str]:
    """Return the kind of fault of an adapter's files, and what it is; nothing for none."""
    try:
        if not any(path.iterdir()):
            return "missing files", f"its folder {run.adapter_path} is empty."
        if not matches_checksum(path, run.adapter_sha256):
            return "changed adapter", f"its files in {run.adapter_path} are not those that it saved (SHA-256)."
    except OSError as error:
        return "missing files", f"its folder {run.adapter_path} can't be read ({error})."
    return "", ""


def _work(run: Known, folder: Path, server: bool) -> Iterator[Problem]:
    """Check what a run that is at rest has left unfinished."""
    where = f"run {run.id}"
    path = resolve_work_folder(folder, run.id, run.work_path) if isinstance(run.work_path, str) else None
    away = update(RunRow).where(RunRow.id == run.id, RunRow.work_path == run.work_path).values(work_path=None)
    if path is not None and path.is_dir():
        if run.status == "complete":
            what = "it is complete, and its folder of unfinished work is still there."
            left = Finding("left over", where, what, "The folder is deleted.", fault=False, fixable=True)
            yield Problem(left, away, partial(shutil.rmtree, path))
        elif is_resumable(_state(run), run.error_type):
            what = f"it ended early in phase {run.phase} ({_state(run)}) and can be taken up again."
            yield Problem(Finding("can resume", where, what, f"python runner.py resume {run.id}", fault=False))
        return
    if path is not None and server:
        yield _elsewhere("missing work", run, run.work_path, folder)
        return
    fault = "is none of its own" if path is None else "is not there"
    what = f"its folder of unfinished work, {run.work_path}, {fault}."
    yield fixable("missing work", where, what, "The path is taken out of its row.", away)


def _orphans(folders: Iterable[Path], folder: Path, named: Iterable[str], server: bool) -> Iterator[Problem]:
    """Find folders that no row names; those of unfinished work only when they are old enough to be nobody's."""
    known = {path for path in (_inside(folder, one) for one in named) if path is not None}
    for path in folders:
        own = path.resolve()
        if any(one.is_relative_to(own) for one in known):
            continue
        unfinished = path.name.startswith(".")
        if unfinished and time.time() - path.lstat().st_mtime < LEFT_ALONE_SECONDS:
            continue
        where = f"adapters/{path.name}"
        what = "no run names this folder." if not unfinished else "no run names this folder of unfinished work."
        if server:
            advice = f"In {folder}, another database may: it is left there."
            yield Problem(Finding("orphan folder", where, what, advice, fault=False))
        else:
            advice = f"It is moved to adapters/{ORPHANS}, not deleted."
            yield fixable("orphan folder", where, what, advice, files=partial(_move, path))


def _move(path: Path) -> None:
    target = path.parent / ORPHANS / path.name
    target.parent.mkdir(exist_ok=True)
    while target.exists():
        target = target.with_name(f"{target.name}-again")
    os.rename(path, target)
