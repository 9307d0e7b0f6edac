"""Where the database is, and how it is opened: the one place that knows of SQLite's settings."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event, inspect, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.orm import Session, sessionmaker

from core.errors import RequestError, StoreError

DEFAULT = Path(__file__).resolve().parents[2] / "runs.db"
MIGRATIONS = Path(__file__).parent / "migrations"
REVISIONS = ("0001", "0002", "0003", "0004", "0005")
"""The schema's revisions, the newest last; those of the files in ``migrations/versions``."""
BUSY_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Store:
    """An open database of runs, and the folder that its adapter paths are relative to."""

    engine: Engine
    folder: Path

    @cached_property
    def session(self) -> sessionmaker[Session]:
        """Make sessions that read, each one state of the database; for this package only."""
        return sessionmaker(self.engine)

    @cached_property
    def _writing(self) -> sessionmaker[Session]:
        return sessionmaker(self.engine.execution_options(writes=True))

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a session that writes, and commit at its end; for this package only.

        On SQLite it holds the right to write from its beginning: what it has read stays so until it has written.
        """
        with self._writing.begin() as session:
            yield session

    @property
    def address(self) -> str:
        """The database's address for people: a path or a URL, without its password."""
        return address_of(self.engine.url)


def address_of(url: URL) -> str:
    """Return a database's address for people: a path or a URL, without its password."""
    if url.get_backend_name() == "sqlite":
        return url.database or ""
    return url.difference_update_query(["password"]).render_as_string(hide_password=True)


def resolve(address: str | None = None) -> URL:
    """Return the database's URL: the given path or URL, else $RUNS_DB, else runs.db beside runner.py."""
    text = address or os.environ.get("RUNS_DB") or str(DEFAULT)
    if "://" not in text:
        return URL.create("sqlite", database=str(Path(text).expanduser().resolve()))
    try:
        return make_url(text)
    except ArgumentError:
        raise RequestError(f"--db {text} is neither a path nor a database URL such as sqlite:///runs.db.") from None


def exists(url: URL) -> bool:
    """Tell whether there may be a database: always for a server, by its file for SQLite."""
    return url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()


def folder_of(address: str | None = None) -> Path:
    """Return the folder that a database's adapters lie in: beside an SQLite file, else where we are."""
    return _folder(resolve(address))


def open_store(address: str | None = None, *, create: bool = False, patience: float = BUSY_TIMEOUT_SECONDS) -> Store:
    """Open the database of runs; with ``create``, make it where there is none.

    ``patience``: how many seconds to wait for an SQLite file that another process has locked.

    Raises `RequestError` where there is none, where it belongs to another program, where it can't
    be read or written, and where its schema is older or newer than this version's.
    """
    url = resolve(address)
    if not exists(url) and not create:
        raise RequestError(f"There is no database {url.database}. The first run makes it: python runner.py")
    store = Store(_engine(url, patience), _folder(url))
    _check_schema(store, create=create)
    return store


def _folder(url: URL) -> Path:
    on_disk = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(url.database or "").resolve().parent if on_disk else Path.cwd()


def _engine(url: URL, patience: float = BUSY_TIMEOUT_SECONDS) -> Engine:
    try:
        engine = create_engine(url, pool_pre_ping=url.get_backend_name() != "sqlite")
    except (ArgumentError, ModuleNotFoundError) as error:
        name = url.render_as_string(hide_password=True)
        raise RequestError(f"--db {name}: this kind of database can't be reached from here ({error}).") from None
    event.listen(engine, "handle_error", _in_words)
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", partial(_set_up_sqlite, patience))
        event.listen(engine, "begin", _begin_sqlite)
    return engine


_OUR_MISTAKES = (IntegrityError, ProgrammingError, DataError, NotSupportedError)


def _in_words(context: ExceptionContext) -> None:
    """Raise `StoreError` where the database can't be used; what we asked wrongly stays as it is."""
    error = context.sqlalchemy_exception
    if isinstance(error, DBAPIError) and not isinstance(error, _OUR_MISTAKES):
        assert context.engine is not None, "the event is the engine's own"
        raise StoreError(unusable(context.engine.url, error)) from error


def _begin_sqlite(connection: Connection) -> None:
    """Begin a transaction ourselves: the driver would wait for the first write, by which time another may have come."""
    options = connection.get_execution_options()
    if options.get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")


def _set_up_sqlite(patience: float, connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # see `_begin_sqlite`
    connection.execute(f"PRAGMA busy_timeout = {round(patience * 1000)}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = NORMAL")


def _check_schema(store: Store, *, create: bool, outdated: bool = False) -> None:
    """Bring an empty (``create``) or an older (``outdated``) database to the newest revision; refuse others."""
    with store.engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        marked = "alembic_version" in tables
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() if marked else None
    if found == REVISIONS[-1]:
        return
    if found is None and set(tables) - {"alembic_version"}:
        raise RequestError(
            f"{store.address} is a database of another program (its tables: {', '.join(tables[:5])}). "
            "Name another file with --db."
        )
    known = found in REVISIONS
    if (found is None and create) or (known and outdated):
        _upgrade(store)
    elif found is None:
        raise RequestError(f"{store.address} is empty. The first run fills it: python runner.py")
    elif known:
        raise RequestError(
            f"{store.address} is from an earlier version. Bring it up to date: python runner.py db upgrade"
        )
    else:
        raise RequestError(f"{store.address} was written by a newer version (schema {found}). Update Adapter Bench.")


def upgrade_store(address: str | None = None) -> Store:
    """Bring the database's tables up to date, and open it. Refuses what `open_store` refuses."""
    url = resolve(address)
    if not exists(url):
        raise RequestError(f"There is no database {url.database}.")
    store = Store(_engine(url), _folder(url))
    _check_schema(store, create=True, outdated=True)
    return store


def _upgrade(store: Store) -> None:
    if store.engine.dialect.name == "sqlite":
        # Kept in the file, and never set on a stranger's; not to be had within a transaction.
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    # Only who upgrades waits for Alembic; the first page opens without it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = store.engine
    command.upgrade(config, "head")


def unusable(url: URL, error: DBAPIError) -> str:
    """Return in plain words why a database can't be used, and what to do; without its password."""
    address, reason = address_of(url), " ".join(str(error.orig).split())
    for secret in (url.password, *url.normalized_query.get("password", ())):
        reason = reason.replace(str(secret), "***") if secret else reason
    for sign, told in _REASONS.items():
        if sign in reason:
            return told.format(address=address, reason=reason)
    return f"The database {address} can't be used: {reason}"


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
    "does not exist": "{address} can't be used ({reason}). Make it on its server first: createdb",
    "onnection": _AWAY,
    "could not translate host": _AWAY,
}
"""What a driver's message holds, and what is said instead; the first that is found counts."""
