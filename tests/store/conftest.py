"""One store of each kind: whatever is tested here holds on an SQLite file and on a server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.store.engine import Store, open_store
from tests.postgres import PASSWORD, Server


@pytest.fixture(scope="session")
def migrated(postgres: Server) -> Iterator[str]:
    """Return the name of a database with all tables and no rows: others are made as its copies."""
    with postgres.database() as name:
        open_store(postgres.url(name, password=PASSWORD), create=True).engine.dispose()
        yield name


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Store:
    """Return an empty SQLite file's store."""
    return open_store(str(tmp_path / "runs.db"), create=True)


@pytest.fixture
def postgres_store(tmp_path: Path, postgres: Server, migrated: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Return a server's store; its adapters lie in the folder where we are, which is the test's own."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    monkeypatch.chdir(tmp_path)
    with postgres.database(migrated) as name:
        store = open_store(postgres.url(name))
        yield store
        store.engine.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> Store:
    """Return an empty store, of one kind after the other."""
    return request.getfixturevalue(f"{request.param}_store")
