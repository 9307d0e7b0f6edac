"""Backups of a database, made before it is changed in what it holds."""

import errno
import itertools
import shutil
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from core.errors import RequestError
from core.store.db_errors import format_address
from core.system.files import publish_atomically


def back_up(engine: Engine, why: str, *, backed_up: bool = False) -> Path | None:
    """Copy an SQLite database as it is now beside itself, as ``runs.db.<why>-<UTC time>``; return the copy's path.

    To be called by who alone may write to it. An earlier backup is never replaced: of those of one
    second the later ones have a counter.
    ``backed_up``: says that a server's database, which can't be copied from here, has a backup; then None is returned.

    Raises `RequestError` for a server's that has none, and where none can be written.
    """
    if engine.dialect.name == "sqlite":
        return _copied(Path(engine.url.database or ""), why)
    if not backed_up:
        raise RequestError(
            f"{format_address(engine.url)} is on a server, so no backup of it can be made from here. Make one "
            "(pg_dump --format=custom --file=runs.dump DATABASE), then say --backed-up. Nothing has changed."
        )
    return None


def _copied(path: Path, why: str) -> Path:
    target = _free(path.with_name(f"{path.name}.{why}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"))
    written = path.with_name(f"{path.name}.backup-unfinished")
    try:
        _check_room(path)
        written.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(written)) as copy:
            source.backup(copy)
        shutil.copymode(path, written)
        publish_atomically(written, target)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            written.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or error
        raise RequestError(
            f"No backup of {path} can be made beside it ({reason}), and without one it is not changed. "
            f"{'Make room' if _is_full(error) else 'Mend that'}, and try again."
        ) from None
    return target


def _free(path: Path) -> Path:
    named = (path if count == 1 else path.with_name(f"{path.name}-{count}") for count in itertools.count(1))
    return next(one for one in named if not one.exists())


def _is_full(error: OSError | sqlite3.Error) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def _check_room(path: Path) -> None:
    """Ask for room for the copy, and for as much again, which the change itself may take."""
    journal = path.with_name(path.name + "-wal")
    needed = 2 * sum(part.stat().st_size for part in (path, journal) if part.exists())
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise OSError(errno.ENOSPC, f"it takes {needed / 2**20:.0f} MB, {free / 2**20:.0f} MB are free")
