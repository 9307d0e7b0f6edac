"""Prepare a database for publication."""

from sqlalchemy import update

from core.store.engine import Store
from core.store.schema import RunRow


def make_publishable(store: Store) -> None:
    """Remove host names and process ids from all runs, and compact an SQLite database into a single file."""
    with store.write_session() as session:
        session.execute(update(RunRow).values(host=None, pid=None))
    if store.engine.dialect.name == "sqlite":
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
