"""Locate and open databases; refuse and do not change those of other programs."""

import sqlite3
from types import SimpleNamespace

import pytest
from sqlalchemy import inspect, make_url

from core.errors import RequestError
from core.store import engine, queries
from core.store.engine import Store, open_store, resolve_url
from core.store.schema import Base
from tests.store.helpers import address_of, record_without_data


def test_migrations_create_the_tables_of_the_schema(store):
    database = inspect(store.engine)
    for table in Base.metadata.sorted_tables:
        columns = database.get_columns(table.name)
        assert {column["name"]: column["nullable"] for column in columns} == {c.name: c.nullable for c in table.columns}


def test_sqlite_connections_are_configured(sqlite_store):
    with sqlite_store.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() > 0
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL: a commit survives power failure


def test_reopened_database_contains_the_recorded_runs(store):
    record_without_data(store)
    reopened = open_store(address_of(store))
    assert len(queries.runs(reopened)) == 1
    reopened.engine.dispose()


def test_reading_a_missing_database_creates_none(tmp_path):
    with pytest.raises(RequestError) as error:
        open_store(str(tmp_path / "none.db"))
    assert error.value.code == "no_database"
    assert not (tmp_path / "none.db").exists()


def test_database_of_another_program_is_refused_and_not_changed(tmp_path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE songs (id)")
    before = path.read_bytes()
    with pytest.raises(RequestError, match=r"\(its tables: songs\)") as error:
        open_store(str(path), create=True)
    assert error.value.code == "foreign_database"
    assert path.read_bytes() == before


def test_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "notes.db"
    path.write_text("not a database, " * 100)
    with pytest.raises(RequestError) as error:
        open_store(str(path), create=True)
    assert error.value.code == "not_sqlite"


def test_missing_folder_is_refused(tmp_path):
    with pytest.raises(RequestError) as error:
        open_store(str(tmp_path / "no" / "runs.db"), create=True)
    assert error.value.code == "cannot_open"


def test_address_comes_from_the_flag_then_the_environment_then_the_default(monkeypatch, tmp_path):
    monkeypatch.setenv("RUNS_DB", str(tmp_path / "env.db"))
    assert resolve_url(str(tmp_path / "flag.db")).database == str(tmp_path / "flag.db")
    assert resolve_url().database == str(tmp_path / "env.db")
    monkeypatch.delenv("RUNS_DB")
    assert resolve_url().database == str(engine.DEFAULT_DATABASE)


def test_formatted_command_contains_the_database_unless_it_is_the_default(tmp_path):
    assert engine.format_command("list", str(engine.DEFAULT_DATABASE)) == "python runner.py list"
    assert engine.format_command("list", "/a b/runs.db") == "python runner.py list --db '/a b/runs.db'"


def test_address_is_shown_without_its_password(tmp_path):
    fake_engine = SimpleNamespace(url=make_url("postgresql://me:secret@host/runs"))
    assert "secret" not in Store(fake_engine, tmp_path).address


def test_malformed_url_is_refused():
    with pytest.raises(RequestError) as error:
        resolve_url("://")
    assert error.value.code == "invalid_url"


@pytest.mark.parametrize("scheme", ["nosuch", "oracle"])
def test_server_without_driver_is_refused_without_the_password(scheme):
    with pytest.raises(RequestError) as error:
        open_store(f"{scheme}://me:secret@host/runs", create=True)
    assert error.value.code == "no_driver"
    assert "secret" not in str(error.value)
