"""Backups of a database, made before it is changed in what it holds."""

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from core.errors import RequestError
from core.files import rename_whole
from core.store.failures import address_of


def back_up(engine: Engine, why: str, *, backed_up: bool = False) -> Path | None:
    """Copy an SQLite database as it is now beside itself, as ``runs.db.<why>-<UTC time>``; return the copy's path.

    ``backed_up``: says that a server's database, which can't be copied from here, has a backup; then None is returned.

    Raises `RequestError` for a server's that has none, and where there is too little room.
    """
    if engine.dialect.name == "sqlite":
        return _copied(Path(engine.url.database or ""), why)
    if not backed_up:
        raise RequestError(
            f"{address_of(engine.url)} is on a server, so no backup of it can be made from here. Make one "
            "(pg_dump --format=custom --file=runs.dump DATABASE), then say --backed-up. Nothing has changed."
        )
    return None


def _copied(path: Path, why: str) -> Path:
    target = path.with_name(f"{path.name}.{why}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    written = path.with_name(f"{path.name}.backup-unfinished")
    try:
        _check_room(path)
        written.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(written)) as copy:
            source.backup(copy)
        shutil.copymode(path, written)
        rename_whole(written, target)
    except (OSError, sqlite3.Error) as error:
        written.unlink(missing_ok=True)
        raise RequestError(
            f"No backup of {path} can be made beside it ({error}), and without one it is not changed. "
            "Make room, and try again."
        ) from None
    return target


def _check_room(path: Path) -> None:
    """Ask for room for the copy, and for as much again, which the change itself may take."""
    journal = path.with_name(path.name + "-wal")
    needed = 2 * sum(part.stat().st_size for part in (path, journal) if part.exists())
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise OSError(f"it takes {needed / 2**20:.0f} MB, {free / 2**20:.0f} MB are free")
