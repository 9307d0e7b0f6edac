"""Back up a database before its content is changed."""

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


def back_up(engine: Engine, reason: str, *, backed_up: bool = False) -> Path | None:
    """Copy an SQLite database to ``runs.db.<reason>-<UTC time>`` beside it; return the copy's path.

    Call it while holding the write lock. An earlier backup is never replaced: a counter is appended if
    the name is taken. ``backed_up`` confirms that a server's database, which cannot be copied from here,
    has a backup; then nothing is copied and None is returned.

    Raises `RequestError` for a server's database without that confirmation, and if the copy cannot be written.
    """
    if engine.dialect.name == "sqlite":
        return _copy(Path(engine.url.database or ""), reason)
    if not backed_up:
        raise RequestError(
            f"{format_address(engine.url)} is on a server and cannot be backed up from here. Back it up first "
            "(pg_dump --format=custom --file=runs.dump DATABASE), then pass --backed-up. Nothing was changed.",
            code="backup_required",
        )
    return None


def _copy(path: Path, reason: str) -> Path:
    target = _unused_path(path.with_name(f"{path.name}.{reason}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"))
    partial = path.with_name(f"{path.name}.backup-unfinished")
    try:
        _check_free_space(path)
        partial.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(partial)) as copy:
            source.backup(copy)
        shutil.copymode(path, partial)
        publish_atomically(partial, target)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        detail = getattr(error, "strerror", None) or error
        advice = "Free some space" if _is_disk_full(error) else "Fix the cause"
        raise RequestError(
            f"{path} cannot be backed up ({detail}). Nothing was changed, because that requires a backup. "
            f"{advice} and try again.",
            code="disk_full" if _is_disk_full(error) else "backup_failed",
        ) from None
    return target


def _unused_path(path: Path) -> Path:
    candidates = (path if count == 1 else path.with_name(f"{path.name}-{count}") for count in itertools.count(1))
    return next(candidate for candidate in candidates if not candidate.exists())


def _is_disk_full(error: OSError | sqlite3.Error) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def _check_free_space(path: Path) -> None:
    """Raise `OSError` unless the disk has space for the copy and as much again, which the change may need."""
    journal = path.with_name(path.name + "-wal")
    needed = 2 * sum(part.stat().st_size for part in (path, journal) if part.exists())
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise OSError(errno.ENOSPC, f"{needed / 2**20:.0f} MB are needed, {free / 2**20:.0f} MB are free")
