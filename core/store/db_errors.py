"""What is said of a database that can't be used, in place of what its driver says."""

import shutil
import sqlite3
from pathlib import Path

from sqlalchemy import URL, ExceptionContext
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError

from core.errors import StoreError


def format_address(url: URL) -> str:
    """Return a database's address for people: a path or a URL, without its password."""
    if url.get_backend_name() == "sqlite":
        return url.database or ""
    return url.difference_update_query(["password"]).render_as_string(hide_password=True)


_OUR_MISTAKES = (IntegrityError, ProgrammingError, DataError, NotSupportedError)
_NO_RIGHT = "42501"  # PostgreSQL's code for what a user may not do; the driver counts it among our mistakes


def translate_db_error(context: ExceptionContext) -> None:
    """Raise `StoreError` where the database can't be used; what we asked wrongly stays as it is. An engine's event."""
    if context.is_pre_ping:
        return  # a connection of the pool has died; a new one is made, and told of if that fails
    error = context.sqlalchemy_exception
    if isinstance(context.original_exception, UnicodeDecodeError) and context.engine is not None:
        raise StoreError(_DAMAGED.format(address=format_address(context.engine.url), reason=GARBLED))
    elsewhere = context.connection is None or getattr(context.original_exception, "sqlstate", None) == _NO_RIGHT
    if isinstance(error, DBAPIError) and (elsewhere or not isinstance(error, _OUR_MISTAKES)):
        assert context.engine is not None, "the event is the engine's own"
        raise StoreError(describe_db_error(context.engine.url, error)) from error


GARBLED = "malformed: what SQLite says of it is no text"
"""The reason where a damaged file's garbled names stand in SQLite's message, which the driver then can't read."""


def is_busy(error: StoreError) -> bool:
    """Tell whether an SQLite file is only held by somebody else for now."""
    return _code(error) == sqlite3.SQLITE_BUSY


def is_damaged(error: StoreError) -> bool:
    """Tell whether an SQLite file is not what SQLite once wrote."""
    signs = ("Could not decode", "malformed", "codec can't decode", "no such")
    told = any(sign in str(error.__cause__) for sign in signs)
    return told or _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _code(error: StoreError) -> int:
    """Return SQLite's result code, of which the low byte tells the kind; 0 for what it did not say."""
    return int(getattr(error.__cause__, "sqlite_errorcode", 0)) & 0xFF


def describe_db_error(url: URL, error: DBAPIError) -> str:
    """Return in plain words why a database can't be used, and what to do; without its password."""
    address, reason = format_address(url), " ".join(str(error.orig).split())
    for secret in (url.password, *url.normalized_query.get("password", ())):
        reason = reason.replace(str(secret), "***") if secret else reason
    if "disk I/O" in reason and _is_full(address):  # SQLite says so where it has no room for its files beside the file
        return _FULL.format(address=address)
    for sign, told in _REASONS.items():
        if sign in reason:
            return told.format(address=address, reason=reason)
    return f"The database {address} can't be used: {reason}"


def _is_full(path: str) -> bool:
    """Tell whether there is no room beside a file for the least that SQLite has to write there."""
    try:
        return shutil.disk_usage(Path(path).parent).free < _LEAST_ROOM
    except OSError:
        return False


_LEAST_ROOM = 64 * 2**10
_DAMAGED = '{address} is damaged ({reason}). Use a backup, or save what can be read: sqlite3 "{address}" .recover'
_LOCKED = "{address} is locked by another program. Try again in a moment; nothing is lost."
_FULL = "The disk that {address} lies on is full. Make room, and try again."
_CLOSED = "{address} can't be opened for writing ({reason}). Is its folder there, and yours to write in?"
_AWAY = "The server of {address} does not answer ({reason}). Is it running, and can it be reached from here?"
_REASONS = {
    "not a database": "{address} is not an SQLite database. Name another file with --db.",
    "malformed": _DAMAGED,
    "Could not decode": _DAMAGED,
    "is locked": _LOCKED,
    "lock timeout": _LOCKED,
    "disk is full": _FULL,
    "No space left": _FULL,
    "disk I/O": "{address} can't be read or written: its disk does not answer ({reason}).",
    "unable to open": _CLOSED,
    "readonly": _CLOSED,
    "read-only": "{address} can't be written to: it is read-only ({reason}).",
    "authentication failed": "{address} can't be used: its server refuses this user or password.",
    "no password supplied": "The server of {address} asks for a password: put it into ~/.pgpass or $PGPASSWORD.",
    "permission denied": "{address} can't be used so: its server does not let this user do that ({reason}).",
    "does not exist": "{address} can't be used ({reason}). Make it on its server first: createdb",
    "onnection": _AWAY,
    "resolve host": _AWAY,
    "could not translate host": _AWAY,
}
"""What a driver's message holds, and what is said instead; the first that is found counts."""
