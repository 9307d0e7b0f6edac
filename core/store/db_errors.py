"""Translate errors of the database drivers into `StoreError`, with a message for users and a code."""

import shutil
import sqlite3
from pathlib import Path

from sqlalchemy import URL, ExceptionContext
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError

from core.errors import StoreError

UNDECODABLE_MESSAGE = "malformed: SQLite's own error message is not valid UTF-8"
"""The reason in the message if the driver cannot decode SQLite's own error message, as with a damaged schema."""
_PROGRAMMING_ERRORS = (IntegrityError, ProgrammingError, DataError, NotSupportedError)
_INSUFFICIENT_PRIVILEGE = "42501"  # PostgreSQL's SQLSTATE; psycopg raises ProgrammingError for it


def format_address(url: URL) -> str:
    """Return a database's address for display: a path or a URL, without its password."""
    if url.get_backend_name() == "sqlite":
        return url.database or ""
    return url.difference_update_query(["password"]).render_as_string(hide_password=True)


def translate_db_error(context: ExceptionContext) -> None:
    """Raise `StoreError` if the database cannot be used; let programming errors pass. An engine event handler."""
    if context.is_pre_ping:
        return  # a dead pooled connection; SQLAlchemy reconnects, and the reconnect reports its own error
    error = context.sqlalchemy_exception
    if isinstance(context.original_exception, UnicodeDecodeError) and context.engine is not None:
        message = _DAMAGED.format(address=format_address(context.engine.url), reason=UNDECODABLE_MESSAGE)
        raise StoreError(message, code="damaged")
    sqlstate = getattr(context.original_exception, "sqlstate", None)
    is_external = context.connection is None or sqlstate == _INSUFFICIENT_PRIVILEGE
    if isinstance(error, DBAPIError) and (is_external or not isinstance(error, _PROGRAMMING_ERRORS)):
        assert context.engine is not None, "the event is registered on an engine"
        raise make_store_error(context.engine.url, error) from error


def is_busy(error: StoreError) -> bool:
    """Return whether the error is an SQLite file that another connection has locked."""
    return _sqlite_code(error) == sqlite3.SQLITE_BUSY


def is_damaged(error: StoreError) -> bool:
    """Return whether the error is an SQLite file with damaged content."""
    fragments = ("Could not decode", "malformed", "codec can't decode", "no such")
    has_fragment = any(fragment in str(error.__cause__) for fragment in fragments)
    return has_fragment or _sqlite_code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _sqlite_code(error: StoreError) -> int:
    """Return SQLite's primary result code (the low byte of the extended one); 0 if there is none."""
    return int(getattr(error.__cause__, "sqlite_errorcode", 0)) & 0xFF


def make_store_error(url: URL, error: DBAPIError) -> StoreError:
    """Return the `StoreError` for a driver error: what happened and what to do, without the password."""
    address, reason = format_address(url), " ".join(str(error.orig).split())
    for secret in (url.password, *url.normalized_query.get("password", ())):
        reason = reason.replace(str(secret), "***") if secret else reason
    if "disk I/O" in reason and _is_disk_full(address):  # SQLite's message if its journal does not fit on the disk
        return StoreError(_FULL.format(address=address), code="full")
    code, template = next((entry for part, entry in _MESSAGES.items() if part in reason), ("unusable", _UNUSABLE))
    return StoreError(template.format(address=address, reason=reason), code=code)


def _is_disk_full(path: str) -> bool:
    try:
        return shutil.disk_usage(Path(path).parent).free < _SQLITE_JOURNAL_BYTES
    except OSError:
        return False


_SQLITE_JOURNAL_BYTES = 64 * 2**10
_DAMAGED = '{address} is damaged ({reason}). Restore a backup, or recover readable data: sqlite3 "{address}" .recover'
_LOCKED = "{address} is locked by another program. Try again in a moment; no data is lost."
_FULL = "The disk of {address} is full. Free some space and try again."
_CANNOT_OPEN = "{address} cannot be opened for writing ({reason}). Does its folder exist, and may you write to it?"
_UNREACHABLE = "The server of {address} does not respond ({reason}). Is it running, and reachable from this machine?"
_UNUSABLE = "The database {address} cannot be used: {reason}"
_MESSAGES = {
    "not a database": ("not_sqlite", "{address} is not an SQLite database. Pass another file with --db."),
    "malformed": ("damaged", _DAMAGED),
    "Could not decode": ("damaged", _DAMAGED),
    "is locked": ("locked", _LOCKED),
    "lock timeout": ("locked", _LOCKED),
    "disk is full": ("full", _FULL),
    "No space left": ("full", _FULL),
    "disk I/O": ("disk_error", "{address} cannot be read or written: its disk does not respond ({reason})."),
    "unable to open": ("cannot_open", _CANNOT_OPEN),
    "readonly": ("cannot_open", _CANNOT_OPEN),
    "read-only": ("read_only", "{address} cannot be written: it is read-only ({reason})."),
    "authentication failed": ("login_refused", "{address}: the server rejects this user or password."),
    "no password supplied": (
        "password_required",
        "The server of {address} requires a password. Put it in ~/.pgpass or $PGPASSWORD.",
    ),
    "permission denied": ("permission_denied", "{address}: the server does not allow this user to do that ({reason})."),
    "does not exist": ("no_such_database", "{address} cannot be used ({reason}). Create it on the server: createdb"),
    "onnection": ("unreachable", _UNREACHABLE),
    "resolve host": ("unreachable", _UNREACHABLE),
    "could not translate host": ("unreachable", _UNREACHABLE),
}
"""Code and message by a fragment of the driver's message; the first fragment that occurs applies."""
