"""How a database's tables are brought up to date: all at once, or not at all."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect

from core.errors import RequestError, StoreError
from core.store.db_errors import format_address, is_busy

MIGRATIONS = Path(__file__).parent / "migrations"
REVISIONS = ("0001", "0002", "0003", "0004", "0005")
"""The schema's revisions, the newest last; those of the files in ``migrations/versions``."""
PATIENCE_SECONDS = 30.0


def revision(connection: Connection) -> str | None:
    """Return a database's revision; None for an empty one.

    Raises `RequestError` where it belongs to another program, or to a newer version than this.
    """
    tables = inspect(connection).get_table_names()
    marked = "alembic_version" in tables
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() if marked else None
    address = format_address(connection.engine.url)
    if found is None and set(tables) - {"alembic_version"}:
        raise RequestError(
            f"{address} is a database of another program (its tables: {', '.join(tables[:5])}). "
            "Name another file with --db."
        )
    if found is not None and found not in REVISIONS:
        raise RequestError(f"{address} was written by a newer version (schema {found}). Update Adapter Bench.")
    return found


def migrate(engine: Engine, before: Callable[[str], None] | None = None) -> None:
    """Bring a database to the newest revision in one transaction; who comes second finds it done.

    ``before`` is called with the revision of one that is not empty, while nobody else can write to it.

    Raises `RequestError` where its tables are not ours, or where links would be broken that were not before.
    """
    with engine.connect() as connection:
        empty = revision(connection) is None
    if empty and engine.dialect.name == "sqlite":
        _write_ahead(engine)
    with _alone(engine) as connection:
        found = revision(connection)
        if found == REVISIONS[-1]:
            return
        if found is not None and before is not None:
            before(found)
        broken = _broken_links(connection)
        _apply(connection)
        if _broken_links(connection) - broken:
            raise RequestError(
                f"{format_address(engine.url)} can't be brought up to date: rows in it would lose others."
            )


def _write_ahead(engine: Engine) -> None:
    """Let readers read while somebody writes. That is kept in the file, so it is never set on a stranger's."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            # Not to be had within a transaction; and here SQLite itself waits for nobody.
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            return
        except StoreError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that no other process writes beside."""
    with engine.connect().execution_options(writes=True) as connection:
        if engine.dialect.name != "sqlite":
            with connection.begin():
                yield connection
            return
        driver = connection.connection.driver_connection
        assert driver is not None, "the connection was opened just now"
        # Else a table that is made anew takes all that hangs on it along; not to be had within a transaction.
        driver.execute("PRAGMA foreign_keys = OFF")
        try:
            with connection.begin():
                yield connection
        finally:
            driver.execute("PRAGMA foreign_keys = ON")


def _broken_links(connection: Connection) -> set[tuple[object, ...]]:
    if connection.dialect.name != "sqlite":
        return set()  # a server lets none be
    return {tuple(row) for row in connection.exec_driver_sql("PRAGMA foreign_key_check")}


def _apply(connection: Connection, target: str = "head") -> None:
    # Only who upgrades waits for Alembic; the first page opens without it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, target)
