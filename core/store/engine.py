"""Where the database is, and how it is opened: the one place that knows of SQLite's settings."""

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
from core.store.db_errors import GARBLED, format_address, translate_db_error
from core.store.upgrade import REVISIONS, migrate, revision
from core.system.files import parse_user_path
from core.text.redact import redact_secrets

DEFAULT_DATABASE = Path(__file__).resolve().parents[2] / "runs.db"
BUSY_TIMEOUT_SECONDS = 30
WRITING = 0x_ADA_97E4
"""The number of the lock on a server that whoever writes or migrates holds."""


@dataclass(frozen=True)
class Store:
    """An open database of runs, and the folder that its adapter paths are relative to."""

    engine: Engine
    folder: Path

    @cached_property
    def read_session(self) -> sessionmaker[Session]:
        """Make sessions that read, each one state of the database; for this package only."""
        whole = {} if self.engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        return sessionmaker(self.engine.execution_options(**whole))

    @cached_property
    def _writing(self) -> sessionmaker[Session]:
        return sessionmaker(self.engine.execution_options(writes=True))

    @contextmanager
    def write_session(self) -> Iterator[Session]:
        """Open a session that writes, and commit at its end; for this package only.

        It alone has the right to write from its beginning: what it has read stays so until it has written.
        """
        with self._writing.begin() as session:
            yield session

    @property
    def address(self) -> str:
        """The database's address for people: a path or a URL, without its password."""
        return format_address(self.engine.url)

    def format_command(self, words: str) -> str:
        """Return what a person types to do something with this very database, as in ``resume 12``."""
        return format_command(words, self.address)


def format_command(words: str, address: str) -> str:
    """Return what a person types to do something with the database at an address: with ``--db`` for all but ours."""
    return f"python runner.py {words}" + ("" if address == str(DEFAULT_DATABASE) else f" --db {shlex.quote(address)}")


_MISSPELT = re.compile(r"(sqlite|postgres(ql)?|mysql|file|https?)[\w+]*:", re.IGNORECASE)
"""How a URL begins that lacks its slashes; no one names a file so."""


def resolve_url(address: str | None = None) -> URL:
    """Return the database's URL: the given path or URL, else $RUNS_DB, else runs.db beside runner.py."""
    text = address or os.environ.get("RUNS_DB") or str(DEFAULT_DATABASE)
    if "://" not in text and not _MISSPELT.match(text):
        return URL.create("sqlite", database=str(parse_user_path("--db", text).resolve()))
    told = redact_secrets(text)[:200]
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise RequestError(f"--db {told} is neither a path nor a database URL such as sqlite:///runs.db.") from None
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise RequestError(f"--db {told} lies in memory: nothing would be left of a record. Name a file.")
    if url.get_backend_name() == "sqlite" and not url.query:
        return url.set(database=str(parse_user_path("--db", url.database or "").resolve()))
    return url


def database_exists(url: URL) -> bool:
    """Tell whether there may be a database: always for a server, by its file for SQLite."""
    return url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()


def store_folder(address: str | None = None) -> Path:
    """Return the folder that a database's adapters lie in: beside an SQLite file, else where we are."""
    return _folder(resolve_url(address))


def open_store(
    address: str | None = None, *, create: bool = False, busy_timeout: float = BUSY_TIMEOUT_SECONDS
) -> Store:
    """Open the database of runs; with ``create``, make it where there is none.

    ``busy_timeout``: how many seconds to wait for another process that writes.

    Raises `RequestError` where there is none, where it belongs to another program, where it can't
    be read or written, and where its schema is older or newer than this version's.
    """
    url = resolve_url(address)
    if not database_exists(url) and not create:
        made_by = format_command("--r 8", format_address(url))
        raise RequestError(f"There is no database {url.database}. The first run makes it: {made_by}")
    store = Store(_engine(url, busy_timeout), _folder(url))
    _check_schema(store, create=create)
    return store


def _folder(url: URL) -> Path:
    on_disk = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(url.database or "").resolve().parent if on_disk else Path.cwd()


def _engine(url: URL, busy_timeout: float = BUSY_TIMEOUT_SECONDS) -> Engine:
    try:
        engine = create_engine(url, pool_pre_ping=url.get_backend_name() != "sqlite")
    except (ArgumentError, ImportError) as error:
        postgres = url.get_backend_name().startswith("postgres")
        way = " For PostgreSQL: pip install -e '.[postgres]', and --db postgresql+psycopg://user@host/name."
        raise RequestError(
            f"--db {format_address(url)}: this kind of database can't be reached from here ({error}).{way * postgres}"
        ) from None
    event.listen(engine, "handle_error", translate_db_error)
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", partial(_set_up_sqlite, busy_timeout))
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "begin", partial(_begin_on_server, busy_timeout))
    return engine


def _begin_sqlite(connection: Connection) -> None:
    """Begin a transaction ourselves: the driver would wait for the first write, by which time another may have come."""
    options = connection.get_execution_options()
    if options.get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")


def _begin_on_server(busy_timeout: float, connection: Connection) -> None:
    """Let writers wait for each other from their beginning, as on SQLite; who reads waits for nobody."""
    if connection.get_execution_options().get("writes"):
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(busy_timeout * 1000)}")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITING})")


def _set_up_sqlite(busy_timeout: float, connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # see `_begin_sqlite`
    connection.execute(f"PRAGMA busy_timeout = {round(busy_timeout * 1000)}")
    connection.execute("PRAGMA foreign_keys = ON")
    try:
        # With NORMAL a power failure takes the last commits along; checkpoints and records that were kept
        # aside are deleted once what they are for is committed.
        connection.execute("PRAGMA synchronous = FULL")
    except UnicodeDecodeError as error:  # the first to read the file
        raise sqlite3.DatabaseError(GARBLED) from error


def _check_schema(store: Store, *, create: bool) -> None:
    """Refuse a database of another revision than the newest; fill an empty one (``create``)."""
    with store.engine.connect() as connection:
        found = revision(connection)
    if found is None and create:
        migrate(store.engine)
    elif found is None:
        raise RequestError(f"{store.address} is empty. The first run fills it: {store.format_command('--r 8')}")
    elif found != REVISIONS[-1]:
        raise RequestError(
            f"{store.address} is from an earlier version. Bring it up to date: {store.format_command('db upgrade')}"
        )


@dataclass(frozen=True)
class Upgrade:
    """An upgraded database: the revision that it had, and its backup; neither where nothing was to be done."""

    store: Store
    found: str | None = None
    backup: Path | None = None


def upgrade_store(address: str | None = None, *, backed_up: bool = False) -> Upgrade:
    """Bring the database's tables up to date, after a backup, and open it.

    ``backed_up``: says that there is a backup of a server's database; from here none can be made.

    Raises `RequestError` for what `open_store` refuses but an older one, and where no backup can be had.
    """
    url = resolve_url(address)
    if not database_exists(url):
        raise RequestError(f"There is no database {url.database}.")
    store = Store(_engine(url), _folder(url))
    made: list[Upgrade] = []

    def before(found: str) -> None:
        made.append(Upgrade(store, found, back_up(store.engine, f"before-{REVISIONS[-1]}", backed_up=backed_up)))

    migrate(store.engine, before)
    return made[0] if made else Upgrade(store)
