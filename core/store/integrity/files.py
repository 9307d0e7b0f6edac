"""Compare the paths and checksums in the rows with the files in the adapters folder."""

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
from core.store.integrity.findings import Finding, Problem, advise_rerun, fixable, information, unfixable
from core.store.records import CLOSED, derive_state, is_resumable, resolve_adapter_path
from core.store.schema import RunRow
from core.system.files import matches_checksum

ORPHANS_FOLDER = ".orphans"
"""Orphaned folders are moved into this folder, whose content is not checked."""
MIN_ORPHAN_AGE_SECONDS = 3600
"""An unfinished folder that is younger may belong to a run that is about to name it."""


class RawRun(NamedTuple):
    """The columns of a run that concern files, as the driver returns them: each may be damaged."""

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


def list_adapter_folders(adapters: Path) -> list[Path]:
    """Return the folders in ``adapters``. Call it before reading the rows: a run's row exists before its folder."""
    try:
        return sorted(path for path in adapters.iterdir() if path.is_dir() and path.name != ORPHANS_FOLDER)
    except OSError:
        return []


def file_problems(session: Session, folder: Path, database: str, folders: Sequence[Path]) -> Iterator[Problem]:
    """Find missing, changed and orphaned files; report which runs can be resumed.

    ``folders``: the result of `list_adapter_folders`. For a server's database, missing and unknown folders
    are reported as information only: its runs may have been recorded elsewhere, and folders here may belong
    to another database.
    """
    is_server = session.get_bind().dialect.name != "sqlite"
    columns: list[Any] = [type_coerce(getattr(RunRow, name), NullType()) for name in RawRun._fields]
    runs = [RawRun(*row) for row in session.execute(select(*columns).order_by(RunRow.id))]
    for run in runs:
        if run.status == "complete" and run.adapter_path is not None:
            yield from _adapter_problems(run, folder, is_server)
        if run.work_path is not None and _state(run) != "running":
            yield from _work_problems(run, folder, is_server)
    named_paths = {path for run in runs for path in (run.adapter_path, run.work_path) if isinstance(path, str)}
    try:
        named_paths = named_paths.union(*paths_in_other_databases(folder, database).values())
    except DATABASE_READ_ERRORS as error:
        what = f"not all databases in this folder can be read ({error}), so orphaned folders cannot be determined."
        yield information("unreadable database", str(folder), what, "Check the other databases first.")
        return
    yield from _orphans(folders, folder, named_paths, is_server)


def _state(run: RawRun) -> str:
    heartbeat = run.heartbeat_at
    try:
        heartbeat = datetime.fromisoformat(heartbeat) if isinstance(heartbeat, str) else heartbeat
    except ValueError:
        heartbeat = None
    in_utc = heartbeat.replace(tzinfo=heartbeat.tzinfo or UTC) if isinstance(heartbeat, datetime) else None
    return derive_state(str(run.status), in_utc, run.host, run.pid if isinstance(run.pid, int) else None)


def _resolve(folder: Path, path: Any) -> Path | None:
    return resolve_adapter_path(folder, path) if isinstance(path, str) else None


def _recorded_elsewhere(kind: str, run: RawRun, path: Any, folder: Path) -> Problem:
    what = f"its folder {path} is not in {folder}."
    return information(kind, f"run {run.id}", what, "It may still exist where it was created.")


def _adapter_problems(run: RawRun, folder: Path, is_server: bool) -> Iterator[Problem]:
    """Check the files of a complete run."""
    path = _resolve(folder, run.adapter_path)
    if is_server and path is not None and not path.is_dir():
        yield _recorded_elsewhere("missing files", run, run.adapter_path, folder)
        return
    if path is None:
        kind, what = "path outside", f"its recorded folder {run.adapter_path} is outside the folder adapters."
    elif not path.is_dir():
        kind, what = "missing files", f"its folder {run.adapter_path} does not exist."
    else:
        kind, what = _content_problem(run, path)
    if what:
        yield unfixable(kind, f"run {run.id}", what, advise_rerun(run.id))


def _content_problem(run: RawRun, path: Path) -> tuple[str, str]:
    """Return kind and description of the problem with an adapter's files; "" and "" without one."""
    try:
        if not any(path.iterdir()):
            return "missing files", f"its folder {run.adapter_path} is empty."
        if not matches_checksum(path, run.adapter_sha256):
            return "changed adapter", f"its files in {run.adapter_path} do not match the recorded checksum (SHA-256)."
    except OSError as error:
        return "missing files", f"its folder {run.adapter_path} cannot be read ({error})."
    return "", ""


def _work_problems(run: RawRun, folder: Path, is_server: bool) -> Iterator[Problem]:
    """Check the work folder of a run that is not running."""
    where = f"run {run.id}"
    path = resolve_work_folder(folder, run.id, run.work_path) if isinstance(run.work_path, str) else None
    clear_path = update(RunRow).where(RunRow.id == run.id, RunRow.work_path == run.work_path).values(work_path=None)
    if path is not None and path.is_dir():
        if run.status in CLOSED:
            what = f"it is {run.status}, and its work folder still exists."
            leftover = Finding("leftover work", where, what, "The folder is deleted.", fault=False, fixable=True)
            yield Problem(leftover, clear_path, partial(shutil.rmtree, path))
        elif is_resumable(_state(run), run.error_type):
            what = f"it ended in phase {run.phase} ({_state(run)}) and can be resumed."
            yield information("resumable run", where, what, f"python runner.py resume {run.id}")
        return
    if path is not None and is_server:
        yield _recorded_elsewhere("missing work folder", run, run.work_path, folder)
        return
    reason = "does not belong to it" if path is None else "does not exist"
    what = f"its work folder {run.work_path} {reason}."
    yield fixable("missing work folder", where, what, "The path is removed from its row.", clear_path)


def _orphans(folders: Iterable[Path], folder: Path, named_paths: Iterable[str], is_server: bool) -> Iterator[Problem]:
    """Find folders that no row names; unfinished ones only if they are older than `MIN_ORPHAN_AGE_SECONDS`."""
    named_folders = {path for path in (_resolve(folder, path) for path in named_paths) if path is not None}
    for path in folders:
        resolved = path.resolve()
        if any(named.is_relative_to(resolved) for named in named_folders):
            continue
        is_unfinished = path.name.startswith(".")
        if is_unfinished and time.time() - path.lstat().st_mtime < MIN_ORPHAN_AGE_SECONDS:
            continue
        where, what = f"adapters/{path.name}", f"no run names this {'work folder' if is_unfinished else 'folder'}."
        if is_server:
            advice = f"In {folder}, another database may name it: it is kept."
            yield information("orphan folder", where, what, advice)
        else:
            advice = f"It is moved to adapters/{ORPHANS_FOLDER}, not deleted."
            yield fixable("orphan folder", where, what, advice, files=partial(_move_to_orphans, path))


def _move_to_orphans(path: Path) -> None:
    target = path.parent / ORPHANS_FOLDER / path.name
    target.parent.mkdir(exist_ok=True)
    while target.exists():
        target = target.with_name(f"{target.name}-again")
    os.rename(path, target)
