"""Where Optuna stores the searches of a database: a journal file next to an SQLite file, a schema on a server."""

from pathlib import Path

from sqlalchemy import inspect

from core.store.engine import Store

SCHEMA = "optuna"
"""The schema of Optuna's tables in PostgreSQL; its ``alembic_version`` would collide with that of the runs."""


def journal_file(store: Store) -> Path | None:
    """Return the journal file of an SQLite database, whether it exists or not; None for a server."""
    if store.engine.dialect.name != "sqlite":
        return None
    path = Path(store.engine.url.database or "")
    return path.with_name(f"{path.name}.searches.journal")


def server_url(store: Store) -> str:
    """Return the URL of Optuna's tables on the database's server, with its password."""
    url = store.engine.url
    options = [str(url.query.get("options", "")), f"-csearch_path={SCHEMA}"]
    return url.update_query_dict({"options": " ".join(filter(None, options))}).render_as_string(hide_password=False)


def has_schema(store: Store) -> bool:
    """Return whether the server has Optuna's schema."""
    with store.engine.connect() as connection:
        return SCHEMA in inspect(connection).get_schema_names()


def create_schema(store: Store) -> None:
    """Create Optuna's schema on the server, unless it exists."""
    with store.write_session() as session:
        session.connection().exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
