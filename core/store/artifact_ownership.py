"""Delete the folders of a run in ``adapters``, if they certainly belong to it.

Databases are untrusted, and a PostgreSQL database can be used from several working folders: a path in a row may
lead to a folder of another run or of another database.
"""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import or_, select

from core.store.engine import Store
from core.store.records import WORK_PREFIX, Run, resolve_adapter_path
from core.store.schema import RunRow
from core.system.files import WEIGHT_PATTERN, matches_checksum

DATABASE_READ_ERRORS = (sqlite3.Error, UnicodeDecodeError, OSError)
"""The exceptions that reading a damaged or inaccessible database file raises."""
_SQLITE_HEADER = b"SQLite format 3\0"
_PATH_QUERIES = {
    "adapter_path": "SELECT adapter_path FROM runs",
    "work_path": "SELECT work_path FROM runs",
}


def resolve_work_folder(store_folder: Path, run_id: int, path: str | None) -> Path | None:
    """Return a run's work folder; None if none is recorded, or if its place or name is not that of a work folder.

    The folder's name must start with the run's id; its random suffix makes a match with another run's folder unlikely.
    """
    return _resolve_with_prefix(f"{WORK_PREFIX}{run_id}-", store_folder, path)


def delete_work_folder(store: Store, run: Run) -> str:
    """Delete a run's work folder. Return why the folder was not deleted, else "". Raises `OSError`."""
    if run.work_path is None:
        return ""
    folder = resolve_work_folder(store.folder, run.id, run.work_path)
    return _delete(store, run, run.work_path, folder, "" if folder else _name_mismatch(run))


def delete_adapter_folder(store: Store, run: Run) -> str:
    """Delete a run's adapter folder, only if it certainly belongs to the run.

    Return why the folder was not deleted, else "". Raises `OSError`.
    """
    if run.adapter_path is None:
        return ""
    folder = _resolve_with_prefix(f"{run.id}-", store.folder, run.adapter_path)
    reason = _name_mismatch(run) if folder is None else _reason_to_keep(store, run, folder) if folder.is_dir() else ""
    return _delete(store, run, run.adapter_path, folder, reason)


def _resolve_with_prefix(prefix: str, store_folder: Path, path: str | None) -> Path | None:
    """Return the folder directly in ``adapters`` that a path leads to, if its name has the prefix."""
    folder = resolve_adapter_path(store_folder, path)
    if folder is None or folder.parent != (store_folder / "adapters").resolve():
        return None
    return folder if folder.name.startswith(prefix) else None


def _name_mismatch(run: Run) -> str:
    return f"its name does not show that it belongs to run {run.id}"


def _delete(store: Store, run: Run, path: str, folder: Path | None, reason_to_keep: str) -> str:
    if reason_to_keep:
        return f"The folder {path} was not deleted: {reason_to_keep}."
    if folder is not None and folder.is_dir():
        shutil.rmtree(folder)
    elif store.engine.dialect.name != "sqlite":
        return f"The folder {path} of run {run.id} is not in {store.folder}: it may still exist where it was created."
    return ""


def _reason_to_keep(store: Store, run: Run, folder: Path) -> str:
    """Return why a folder may not be the one that a run saved; "" if it certainly is."""
    if (other_run := _find_other_run(store, run, folder)) is not None:
        return f"it is also recorded for run {other_run}"
    if reason := _other_database_reason(store, folder):
        return reason
    if not any(folder.iterdir()):
        return ""
    if run.adapter_sha256 is None:
        return "it contains files without a recorded checksum"
    is_intact = any(folder.glob(WEIGHT_PATTERN)) and matches_checksum(folder, run.adapter_sha256)
    return "" if is_intact else "it contains files that do not match the recorded checksum (SHA-256)"


def _find_other_run(store: Store, run: Run, folder: Path) -> int | None:
    columns = (RunRow.adapter_path, RunRow.work_path)
    may_match = or_(*(column.contains(folder.name, autoescape=True) for column in columns))
    with store.read_session() as session:
        rows = session.execute(select(RunRow.id, *columns).where(RunRow.id != run.id, may_match).order_by(RunRow.id))
        return next((run_id for run_id, *paths in rows if _is_any_inside(store.folder, paths, folder)), None)


def _is_any_inside(store_folder: Path, paths: list[str | None], folder: Path) -> bool:
    resolved = (resolve_adapter_path(store_folder, path) for path in paths)
    return any(path is not None and path.is_relative_to(folder) for path in resolved)


def _other_database_reason(store: Store, folder: Path) -> str:
    """Return why a folder may belong to another database, else ""; backups of this database do not count."""
    try:
        paths_by_database = paths_in_other_databases(store.folder, store.address)
    except DATABASE_READ_ERRORS as error:
        return f"it may belong to another database: not all databases in {store.folder} can be read ({error})"
    backup_prefix = f"{Path(store.address).name}.before-"
    names = (name for name, paths in paths_by_database.items() if _is_any_inside(store.folder, [*paths], folder))
    others = (name for name in names if not name.startswith(backup_prefix))
    return next((f"it is also recorded in the database {name}" for name in others), "")


def paths_in_other_databases(folder: Path, database: str) -> dict[str, set[str]]:
    """Return the adapter and work paths recorded in the other run databases of a folder, keyed by database file name.

    Raises `DATABASE_READ_ERRORS` if a database cannot be read.
    """
    return {
        other.name: _recorded_paths(other)
        for other in sorted(folder.iterdir())
        if other.is_file() and _is_sqlite(other) and not (os.path.exists(database) and other.samefile(database))
    }


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_SQLITE_HEADER)) == _SQLITE_HEADER


def _recorded_paths(database: Path) -> set[str]:
    with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not {"alembic_version", "runs"} <= tables:
            return set()
        columns = {row[1] for row in connection.execute("PRAGMA table_info(runs)")}
        queries = [query for column, query in _PATH_QUERIES.items() if column in columns]
        return {path for query in queries for (path,) in connection.execute(query) if isinstance(path, str)}
