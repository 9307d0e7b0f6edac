"""Upgrade a database's tables to the newest schema revision, in one transaction."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect

from core.errors import RequestError, StoreError
from core.store.db_errors import format_address, is_busy

MIGRATIONS = Path(__file__).parent / "migrations"
REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010")
"""The schema revisions in ``migrations/versions``, newest last."""
LOCK_TIMEOUT_SECONDS = 30.0


def read_revision(connection: Connection) -> str | None:
    """Return a database's schema revision; None for an empty database.

    Raises `RequestError` if it belongs to another program or was written by a newer version.
    """
    tables = inspect(connection).get_table_names()
    is_versioned = "alembic_version" in tables
    query = "SELECT version_num FROM alembic_version"
    revision = connection.exec_driver_sql(query).scalar() if is_versioned else None
    address = format_address(connection.engine.url)
    if revision is None and set(tables) - {"alembic_version"}:
        raise RequestError(
            f"{address} is a database of another program (its tables: {', '.join(tables[:5])}). "
            "Pass another file with --db.",
            code="foreign_database",
        )
    if revision is not None and revision not in REVISIONS:
        raise RequestError(
            f"{address} was written by a newer version (schema {revision}). Update Adapter Bench.",
            code="newer_schema",
        )
    return revision


def migrate(engine: Engine, before_migration: Callable[[str], None] | None = None) -> None:
    """Migrate a database to the newest revision in one transaction; do nothing if it is up to date.

    ``before_migration`` is called with the current revision of a database that is not empty, under the write lock.

    Raises `RequestError` if the tables belong to another program, or the migration would break foreign keys.
    """
    with engine.connect() as connection:
        is_empty = read_revision(connection) is None
    if is_empty and engine.dialect.name == "sqlite":
        _enable_wal(engine)
    with exclusive_transaction(engine) as connection:
        revision = read_revision(connection)
        if revision == REVISIONS[-1]:
            return
        if revision is not None and before_migration is not None:
            before_migration(revision)
        broken_before = _broken_foreign_keys(connection)
        _run_migrations(connection)
        if _broken_foreign_keys(connection) - broken_before:
            raise RequestError(
                f"{format_address(engine.url)} cannot be upgraded: the migration would leave foreign keys "
                "without their rows. Nothing was changed.",
                code="broken_links",
            )


def _enable_wal(engine: Engine) -> None:
    """Enable the write-ahead log, so that reads proceed during a write. SQLite stores the mode in the file."""
    deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
    while True:
        try:
            # It cannot be set within a transaction, and SQLite ignores its busy timeout here.
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            return
        except StoreError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@contextmanager
def exclusive_transaction(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that excludes all other writers."""
    with engine.connect().execution_options(writes=True) as connection:
        if engine.dialect.name != "sqlite":
            with connection.begin():
                yield connection
            return
        driver = connection.connection.driver_connection
        assert driver is not None, "the connection was just opened"
        # Recreating a table would cascade to the rows that refer to it; this cannot be set within a transaction.
        driver.execute("PRAGMA foreign_keys = OFF")
        try:
            with connection.begin():
                yield connection
        finally:
            driver.execute("PRAGMA foreign_keys = ON")


def _broken_foreign_keys(connection: Connection) -> Counter[tuple[str, str]]:
    """Return the number of broken links by table and referred table.

    Row ids and the numbers of foreign keys may change when a table is recreated.
    """
    if connection.dialect.name != "sqlite":
        return Counter()  # PostgreSQL enforces them
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check")
    return Counter((table, referred) for table, _, referred, _ in broken)


def _run_migrations(connection: Connection, target: str = "head") -> None:
    # Imported here: Alembic is only needed for upgrades, and the dashboard's first page opens faster without it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, target)
