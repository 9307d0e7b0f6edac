"""Locate and open the database, with all connection settings of SQLite and PostgreSQL."""

import os
import re
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session, sessionmaker

from core.errors import RequestError
from core.store.backups import back_up
from core.store.db_errors import UNDECODABLE_MESSAGE, format_address, translate_db_error
from core.store.upgrade import REVISIONS, migrate, read_revision
from core.system.files import parse_user_path
from core.text.redact import redact_secrets

DEFAULT_DATABASE = Path(__file__).resolve().parents[2] / "runs.db"
BUSY_TIMEOUT_SECONDS = 30
WRITE_LOCK_ID = 0x_ADA_97E4
"""The key of PostgreSQL's advisory lock for writers and migrations."""


@dataclass(frozen=True)
class Store:
    """An open database of runs, and the folder that its adapter paths are relative to."""

    engine: Engine
    folder: Path

    @cached_property
    def read_session(self) -> sessionmaker[Session]:
        """The factory of sessions that read one snapshot of the database; for this package only."""
        snapshot = {} if self.engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        return sessionmaker(self.engine.execution_options(**snapshot))

    @cached_property
    def _write_sessions(self) -> sessionmaker[Session]:
        return sessionmaker(self.engine.execution_options(writes=True))

    @contextmanager
    def write_session(self) -> Iterator[Session]:
        """Open a session for writing, and commit at its end; for this package only.

        The session takes the write lock with its first statement, so rows that it has read cannot change until
        it commits.
        """
        with self._write_sessions.begin() as session:
            yield session

    @property
    def address(self) -> str:
        """The database's address for display: a path or a URL, without its password."""
        return format_address(self.engine.url)

    def format_command(self, command: str) -> str:
        """Return the shell command that runs ``command``, such as ``resume 12``, on this database."""
        return format_command(command, self.address)


def format_command(command: str, address: str) -> str:
    """Return the shell command that runs ``command`` on a database; the default database needs no --db."""
    is_default = address == str(DEFAULT_DATABASE)
    return f"python runner.py {command}" + ("" if is_default else f" --db {shlex.quote(address)}")


_MALFORMED_URL = re.compile(r"(sqlite|postgres(ql)?|mysql|file|https?)[\w+]*:", re.IGNORECASE)
"""The beginning of a URL that lacks its slashes, which must not be used as a file name."""


def resolve_url(address: str | None = None) -> URL:
    """Return the database's URL: the given path or URL, else $RUNS_DB, else runs.db beside runner.py."""
    text = address or os.environ.get("RUNS_DB") or str(DEFAULT_DATABASE)
    if "://" not in text and not _MALFORMED_URL.match(text):
        return URL.create("sqlite", database=str(parse_user_path("--db", text).resolve()))
    shown = redact_secrets(text)[:200]
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise RequestError(
            f"--db {shown} is neither a path nor a database URL such as sqlite:///runs.db.", code="invalid_url"
        ) from None
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise RequestError(f"--db {shown} is an in-memory database, which would not be saved. Pass a file.")
    if url.get_backend_name() == "sqlite" and not url.query:
        return url.set(database=str(parse_user_path("--db", url.database or "").resolve()))
    return url


def database_exists(url: URL) -> bool:
    """Return whether an SQLite file exists; always True for a server."""
    return url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()


def store_folder(address: str | None = None) -> Path:
    """Return the folder that contains a database's ``adapters``: an SQLite file's, else the current folder."""
    return _folder(resolve_url(address))


def open_store(
    address: str | None = None, *, create: bool = False, busy_timeout: float = BUSY_TIMEOUT_SECONDS
) -> Store:
    """Open the database of runs; with ``create``, create it if it does not exist.

    ``busy_timeout``: seconds to wait for another writer.

    Raises `RequestError` if it does not exist, belongs to another program, or has an older or newer schema than
    this version; `StoreError` if it cannot be read or written.
    """
    url = resolve_url(address)
    if not database_exists(url) and not create:
        first_run = format_command("--r 8", format_address(url))
        raise RequestError(
            f"There is no database {url.database}. The first run creates it: {first_run}", code="no_database"
        )
    store = Store(_create_engine(url, busy_timeout), _folder(url))
    _check_schema(store, create=create)
    return store


def open_existing_store(address: str | None = None) -> Store | None:
    """Open the database of runs; return None if there is none, or an empty one. Raises the errors of `open_store`."""
    try:
        return open_store(address)
    except RequestError as error:
        if error.code in ("no_database", "empty_database"):
            return None
        raise


def _folder(url: URL) -> Path:
    is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(url.database or "").resolve().parent if is_file else Path.cwd()


def _create_engine(url: URL, busy_timeout: float = BUSY_TIMEOUT_SECONDS) -> Engine:
    try:
        engine = create_engine(url, pool_pre_ping=url.get_backend_name() != "sqlite")
    except (ArgumentError, ImportError) as error:
        is_postgres = url.get_backend_name().startswith("postgres")
        advice = " For PostgreSQL: pip install -e '.[postgres]', and --db postgresql+psycopg://user@host/name."
        raise RequestError(
            f"--db {format_address(url)}: no driver for this kind of database ({error}).{advice * is_postgres}",
            code="no_driver",
        ) from None
    event.listen(engine, "handle_error", translate_db_error)
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", partial(_configure_sqlite, busy_timeout))
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "begin", partial(_begin_on_server, busy_timeout))
    return engine


def _begin_sqlite(connection: Connection) -> None:
    """Begin a transaction explicitly: the driver would begin it only at the first write."""
    options = connection.get_execution_options()
    if options.get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")


def _begin_on_server(busy_timeout: float, connection: Connection) -> None:
    """Serialize writers from their first statement on, as SQLite does; readers never wait."""
    if connection.get_execution_options().get("writes"):
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(busy_timeout * 1000)}")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITE_LOCK_ID})")


def _configure_sqlite(busy_timeout: float, connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # see `_begin_sqlite`
    connection.execute(f"PRAGMA busy_timeout = {round(busy_timeout * 1000)}")
    connection.execute("PRAGMA foreign_keys = ON")
    try:
        # NORMAL could lose the last commits in a power failure, and their checkpoints and fallback databases
        # are deleted after these commits.
        connection.execute("PRAGMA synchronous = FULL")
    except UnicodeDecodeError as error:  # this statement is the first to read the file
        raise sqlite3.DatabaseError(UNDECODABLE_MESSAGE) from error


def _check_schema(store: Store, *, create: bool) -> None:
    """Raise `RequestError` unless the schema is the newest; with ``create``, create an empty database's tables."""
    with store.engine.connect() as connection:
        revision = read_revision(connection)
    if revision is None and create:
        migrate(store.engine)
    elif revision is None:
        first_run = store.format_command("--r 8")
        raise RequestError(f"{store.address} is empty. The first run fills it: {first_run}", code="empty_database")
    elif revision != REVISIONS[-1]:
        raise RequestError(
            f"{store.address} has the schema of an earlier version. Upgrade it: {store.format_command('db upgrade')}",
            code="older_schema",
        )


@dataclass(frozen=True)
class Upgrade:
    """An upgraded database, its previous revision and its backup; both None if it was up to date."""

    store: Store
    previous_revision: str | None = None
    backup: Path | None = None


def upgrade_store(address: str | None = None, *, backed_up: bool = False) -> Upgrade:
    """Back up the database, upgrade its tables, and open it.

    ``backed_up`` confirms that a server's database, which cannot be backed up from here, has a backup.

    Raises the errors of `open_store`, except that of an older schema, and `RequestError` if no backup can be made.
    """
    url = resolve_url(address)
    if not database_exists(url):
        raise RequestError(f"There is no database {url.database}.", code="no_database")
    store = Store(_create_engine(url), _folder(url))
    upgrades: list[Upgrade] = []

    def before_migration(revision: str) -> None:
        backup = back_up(store.engine, f"before-{REVISIONS[-1]}", backed_up=backed_up)
        upgrades.append(Upgrade(store, revision, backup))

    migrate(store.engine, before_migration)
    return upgrades[0] if upgrades else Upgrade(store)
