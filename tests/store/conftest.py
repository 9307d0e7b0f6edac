"""Stores on SQLite and PostgreSQL; most tests of this folder run on both."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.config import make_config
from core.data import load_data
from core.data.splits import DataSet
from core.store.engine import Store, open_store
from core.store.schema import Base
from tests.postgres import PASSWORD, Server
from tests.store.helpers import DATA


@pytest.fixture(scope="session")
def data() -> DataSet:
    """Return a small data set with three labels."""
    return load_data(make_config(DATA))


@pytest.fixture(scope="session")
def other_data() -> DataSet:
    """Return a data set with another test split."""
    return load_data(make_config({**DATA, "seed": 7, "test_size": 20}))


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an SQLite file with all tables and no rows, to be copied."""
    path = tmp_path_factory.mktemp("empty") / "runs.db"
    open_store(str(path), create=True).engine.dispose()
    return path


@pytest.fixture
def sqlite_store(tmp_path: Path, empty_file: Path) -> Iterator[Store]:
    """Return the store of an empty SQLite file."""
    shutil.copy(empty_file, tmp_path / "runs.db")
    store = open_store(str(tmp_path / "runs.db"))
    yield store
    store.engine.dispose()


@pytest.fixture(scope="session")
def empty_database(postgres: Server) -> Iterator[str]:
    """Return the name of a PostgreSQL database with all tables and no rows."""
    with postgres.database() as name:
        open_store(postgres.url(name, password=PASSWORD), create=True).engine.dispose()
        yield name


@pytest.fixture
def postgres_store(
    tmp_path: Path, postgres: Server, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    """Return the store of an empty PostgreSQL database; its adapters are in the test's folder."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    monkeypatch.chdir(tmp_path)
    store = open_store(postgres.url(empty_database))
    yield store
    tables = ", ".join(table.name for table in Base.metadata.sorted_tables)
    with store.engine.begin() as connection:  # much faster than a new database for each test
        connection.exec_driver_sql(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")
    store.engine.dispose()


@pytest.fixture
def own_postgres_store(
    tmp_path: Path, postgres: Server, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    """Return the store of a PostgreSQL database that the test may migrate or damage."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    monkeypatch.chdir(tmp_path)
    with postgres.database(empty_database) as name:
        store = open_store(postgres.url(name))
        yield store
        store.engine.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> Store:
    """Return an empty store of each kind."""
    store: Store = request.getfixturevalue(f"{request.param}_store")
    return store
