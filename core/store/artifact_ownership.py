"""Whose a folder among the adapters is: what may be another's is never deleted.

A record may come from anybody, and a server's is read in many folders: what a row names there may be
a folder of another run, or of another database.
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
"""What is raised where a database can't be looked into."""
_HEADER = b"SQLite format 3\0"
_FOREIGN = "is none of its own"
_PATHS = {
    "adapter_path": "SELECT adapter_path FROM runs",
    "work_path": "SELECT work_path FROM runs",
}


def resolve_work_folder(store_folder: Path, run_id: int, path: str | None) -> Path | None:
    """Return where a run's unfinished work lies; None where its row names no folder, or none of its own.

    The name is enough to tell: it has the run's number and a random part.
    """
    return _named_for(f"{WORK_PREFIX}{run_id}-", store_folder, path)


def delete_work_folder(store: Store, run: Run) -> str:
    """Delete a run's unfinished work. Return a sentence on what is left, nothing for none. Raises `OSError`."""
    if run.work_path is None:
        return ""
    folder = resolve_work_folder(store.folder, run.id, run.work_path)
    return _delete(store, run, run.work_path, folder, "" if folder else _FOREIGN)


def delete_adapter_folder(store: Store, run: Run) -> str:
    """Delete the files that a run has saved, where they are surely its own.

    Return a sentence on what is left, nothing for none. Raises `OSError`.
    """
    if run.adapter_path is None:
        return ""
    folder = _named_for(f"{run.id}-", store.folder, run.adapter_path)
    doubt = _FOREIGN if folder is None else _doubt(store, run, folder) if folder.is_dir() else ""
    return _delete(store, run, run.adapter_path, folder, doubt)


def _named_for(beginning: str, store_folder: Path, path: str | None) -> Path | None:
    """Return the folder among the adapters that a path leads to, where its name has that beginning."""
    folder = resolve_adapter_path(store_folder, path)
    if folder is None or folder.parent != (store_folder / "adapters").resolve():
        return None
    return folder if folder.name.startswith(beginning) else None


def _delete(store: Store, run: Run, path: str, folder: Path | None, doubt: str) -> str:
    if doubt:
        return f"The folder {path} of run {run.id} {doubt}: it was left as it is."
    if folder is not None and folder.is_dir():
        shutil.rmtree(folder)
    elif store.engine.dialect.name != "sqlite":
        return f"The folder {path} of run {run.id} is not in {store.folder}: where it was made, it may still be there."
    return ""


def _doubt(store: Store, run: Run, folder: Path) -> str:
    """Return why a folder may not be the one that a run has saved; nothing where it surely is."""
    if (other := _named_by_another_run(store, run, folder)) is not None:
        return f"is named by run {other} too"
    if other_database := _named_by_another_database(store, folder):
        return other_database
    if not any(folder.iterdir()):
        return ""
    if run.adapter_sha256 is None:
        return "holds files of which its record has no hash"
    saved = any(folder.glob(WEIGHT_PATTERN)) and matches_checksum(folder, run.adapter_sha256)
    return "" if saved else "holds other files than it saved (SHA-256)"


def _named_by_another_run(store: Store, run: Run, folder: Path) -> int | None:
    columns = (RunRow.adapter_path, RunRow.work_path)
    likely = or_(*(column.contains(folder.name, autoescape=True) for column in columns))
    with store.read_session() as session:
        rows = session.execute(select(RunRow.id, *columns).where(RunRow.id != run.id, likely).order_by(RunRow.id))
        return next((number for number, *paths in rows if _any_in(store.folder, paths, folder)), None)


def _any_in(store_folder: Path, paths: list[str | None], folder: Path) -> bool:
    named = (resolve_adapter_path(store_folder, path) for path in paths)
    return any(one is not None and one.is_relative_to(folder) for one in named)


def _named_by_another_database(store: Store, folder: Path) -> str:
    """Return which other database names a folder, or that this can't be told; its own backups don't count."""
    try:
        beside = paths_in_other_databases(store.folder, store.address)
    except DATABASE_READ_ERRORS as error:
        return f"may be another database's, as not all those in {store.folder} can be read ({error})"
    backup = f"{Path(store.address).name}.before-"
    others = (name for name, paths in beside.items() if _any_in(store.folder, [*paths], folder))
    return next((f"is named by the database {name} too" for name in others if not name.startswith(backup)), "")


def paths_in_other_databases(folder: Path, database: str) -> dict[str, set[str]]:
    """Return what the other databases of ours in a folder name as their runs' folders, by the file's name.

    Raises `DATABASE_READ_ERRORS` where one of them can't be looked into.
    """
    return {
        other.name: _named_by(other)
        for other in sorted(folder.iterdir())
        if other.is_file() and _is_sqlite(other) and not (os.path.exists(database) and other.samefile(database))
    }


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_HEADER)) == _HEADER


def _named_by(database: Path) -> set[str]:
    with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not {"alembic_version", "runs"} <= tables:
            return set()
        columns = {row[1] for row in connection.execute("PRAGMA table_info(runs)")}
        queries = [query for column, query in _PATHS.items() if column in columns]
        return {path for query in queries for (path,) in connection.execute(query) if isinstance(path, str)}
