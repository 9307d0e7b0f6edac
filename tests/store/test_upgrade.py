"""Databases of earlier schema revisions are upgraded completely and after a backup, or not changed."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import namedtuple
from contextlib import closing
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from cli.main import main
from core.errors import RequestError, StoreError
from core.store import backups, queries
from core.store.backups import back_up
from core.store.engine import open_store, upgrade_store
from core.store.schema import Base
from core.store.upgrade import MIGRATIONS, REVISIONS, exclusive_transaction, migrate
from tests.postgres import PASSWORD
from tests.store.earlier import EARLIER_REVISIONS, contents, make_earlier_database, migrate_to, revision_of
from tests.store.helpers import address_of, record_run


@pytest.fixture
def earlier(tmp_path):
    """Return a function that creates a database of an earlier revision and returns its path and content."""

    def make(revision):
        make_earlier_database(tmp_path / "runs.db", revision)
        return tmp_path / "runs.db", contents(tmp_path / "runs.db")

    return make


def backup_names(folder):
    """Return the names of backups, complete or not."""
    return [path.name for path in folder.iterdir() if "before" in path.name or "unfinished" in path.name]


def test_schema_and_migrations_agree(store):
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_listed_revisions_match_the_migrations():
    script = ScriptDirectory(str(MIGRATIONS))
    assert tuple(revision.revision for revision in reversed(list(script.walk_revisions()))) == REVISIONS
    assert (*EARLIER_REVISIONS, REVISIONS[-1]) == REVISIONS


@pytest.mark.parametrize("revision", EARLIER_REVISIONS)
def test_upgrade_keeps_all_rows_and_the_backup_is_unchanged(tmp_path, earlier, revision):
    path, before = earlier(revision)
    with pytest.raises(RequestError, match="db upgrade") as error:
        open_store(str(path))
    assert error.value.code == "older_schema"
    upgrade = upgrade_store(str(path))
    assert (upgrade.previous_revision, revision_of(path)) == (revision, REVISIONS[-1])
    assert upgrade.backup.parent == tmp_path and upgrade.backup.name.startswith(f"runs.db.before-{REVISIONS[-1]}-")
    assert contents(upgrade.backup) == before
    after = contents(path)
    for table in before.keys() - {"alembic_version"}:
        kept = [{name: row[name] for name in before[table][0] if name != "group_key"} for row in after[table]]
        assert kept == [{name: row[name] for name in row if name != "group_key"} for row in before[table]]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        in_key_order = connection.execute("SELECT name FROM sqlite_master WHERE sql LIKE '%WITHOUT ROWID%'").fetchall()
        assert sorted(in_key_order) == [("metrics",), ("predictions",)]
    run = queries.run(open_store(str(path)), 2)
    assert (run.baseline_id, run.work_path, run.tags) == (1, None, [])


def test_database_of_the_newest_revision_is_not_changed(sqlite_store):
    upgrade = upgrade_store(sqlite_store.address)
    assert (upgrade.previous_revision, upgrade.backup) == (None, None)
    assert not backup_names(sqlite_store.folder)


def test_missing_database_is_not_created(tmp_path):
    with pytest.raises(RequestError) as error:
        upgrade_store(str(tmp_path / "none.db"))
    assert error.value.code == "no_database"
    assert not list(tmp_path.iterdir())


def test_server_is_upgraded_only_with_a_confirmed_backup(own_postgres_store):
    address = address_of(own_postgres_store)
    with exclusive_transaction(own_postgres_store.engine) as connection:
        migrate_to(connection, "0002")
    with pytest.raises(RequestError, match=r"pg_dump.*--backed-up") as error:
        upgrade_store(address)
    assert error.value.code == "backup_required"
    with pytest.raises(RequestError) as error:
        open_store(address)
    assert error.value.code == "older_schema"
    upgrade = upgrade_store(address, backed_up=True)
    assert (upgrade.previous_revision, upgrade.backup) == ("0002", None)
    assert queries.runs(upgrade.store).empty
    upgrade.store.engine.dispose()


def test_upgrade_keeps_seeds_of_one_configuration_together(sqlite_store, data):
    run_id, _ = record_run(sqlite_store, data)
    config, expected = queries.run(sqlite_store, run_id).config, queries.run(sqlite_store, run_id).group_key
    earlier_config = json.dumps(config | {"target_modules": None, "revision": None})
    with exclusive_transaction(sqlite_store.engine) as connection:
        migrate_to(connection, "0003")
        connection.exec_driver_sql("UPDATE runs SET group_key = 'another', config = ?", (earlier_config,))
    run = queries.run(upgrade_store(sqlite_store.address).store, run_id)
    assert (run.config, run.group_key, run.base_memory_bytes) == (config, expected, None)


def test_upgrade_keeps_the_predictions_of_a_run(sqlite_store, data):
    run_id, expected = record_run(sqlite_store, data)
    with exclusive_transaction(sqlite_store.engine) as connection:
        migrate_to(connection, "0002")
    upgraded = upgrade_store(sqlite_store.address).store
    assert np.array_equal(queries.probabilities(upgraded, run_id), expected)
    run = queries.run(upgraded, run_id)
    assert (run.tags, run.changed_at) == ([], run.created_at)


def test_links_that_were_already_broken_do_not_block_an_upgrade(earlier):
    path, _ = earlier("0001")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE runs SET baseline_id = 99 WHERE id = 2")
        connection.execute("UPDATE predictions SET example_id = 99 WHERE example_id = 8")
    upgrade_store(str(path))
    after = contents(path)
    assert after["runs"][1]["baseline_id"] == 99
    assert [row["example_id"] for row in after["predictions"]] == [7, 99]


_PAUSED_UPGRADE = """
import sys, time
from sqlalchemy import Engine, event
from core.store.engine import upgrade_store

@event.listens_for(Engine, "after_cursor_execute")
def pause(connection, cursor, statement, parameters, context, many):
    if statement.strip().startswith(sys.argv[2]):
        print("paused", flush=True)
        time.sleep(300)

upgrade_store(sys.argv[1])
"""


@pytest.mark.parametrize("statement", ["CREATE TABLE log", "UPDATE alembic_version"], ids=["middle", "end"])
def test_killed_upgrade_leaves_the_database_unchanged(earlier, statement):
    path, before = earlier("0002")
    command = [sys.executable, "-c", _PAUSED_UPGRADE, str(path), statement]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "paused\n"
        process.send_signal(signal.SIGKILL)
    assert contents(path) == before
    assert upgrade_store(str(path)).previous_revision == "0002"
    assert revision_of(path) == REVISIONS[-1]


_OPEN_OR_UPGRADE = """
import sys, time
from pathlib import Path
from core.store import queries
from core.store.engine import open_store, upgrade_store

print("ready", flush=True)
sys.stdin.readline()
store = open_store(sys.argv[1], create=True) if sys.argv[2] == "create" else upgrade_store(sys.argv[1]).store
print(len(queries.runs(store)))
"""


def open_in_processes(address, action, count=3):
    """Open or upgrade a database in several processes that start together; return their output and errors."""
    command = [sys.executable, "-c", _OPEN_OR_UPGRADE, str(address), action]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(count)]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * count
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    return [process.communicate(timeout=120) for process in processes]


@pytest.mark.slow
@pytest.mark.parametrize(("action", "runs", "backups"), [("create", 0, 0), ("upgrade", 2, 1)])
def test_only_one_of_several_processes_migrates(earlier, tmp_path, action, runs, backups):
    path = earlier("0001")[0] if action == "upgrade" else tmp_path / "runs.db"
    assert open_in_processes(path, action) == [(f"{runs}\n", "")] * 3
    assert revision_of(path) == REVISIONS[-1]
    assert len(backup_names(tmp_path)) == backups


@pytest.mark.slow
def test_only_one_of_several_processes_creates_a_servers_tables(postgres):
    with postgres.database() as name:
        assert open_in_processes(postgres.url(name, password=PASSWORD), "create") == [("0\n", "")] * 3


@pytest.mark.parametrize("open_database", [open_store, upgrade_store])
@pytest.mark.parametrize(
    ("revision", "code"),
    [pytest.param("9999", "newer_schema", id="newer"), pytest.param(None, "foreign_database", id="foreign")],
)
def test_unknown_schema_is_refused_and_not_changed(earlier, tmp_path, open_database, revision, code):
    path, _ = earlier("0004")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM alembic_version")
        if revision:
            connection.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
    before = contents(path)
    with pytest.raises(RequestError) as error:
        open_database(str(path))
    assert error.value.code == code
    assert contents(path) == before
    assert not backup_names(tmp_path)


def test_nothing_is_changed_without_space_for_a_backup(earlier, tmp_path, monkeypatch):
    path, before = earlier("0003")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2**30, 2**30, 0))
    with pytest.raises(RequestError) as error:
        upgrade_store(str(path))
    assert error.value.code == "disk_full"
    assert contents(path) == before
    assert not backup_names(tmp_path)


class Noon(datetime):
    @classmethod
    def now(cls, zone=None):
        return cls(2026, 1, 1, 12, tzinfo=zone)


def test_backup_does_not_replace_another_of_the_same_second(sqlite_store, monkeypatch):
    monkeypatch.setattr(backups, "datetime", Noon)
    made = [back_up(sqlite_store.engine, "before").name for _ in range(3)]
    assert made == [f"runs.db.before-20260101T120000Z{counter}" for counter in ("", "-2", "-3")]
    assert sorted(backup_names(sqlite_store.folder)) == sorted(made)


def test_unwritable_backup_is_reported_and_nothing_is_changed(earlier, tmp_path):
    path, before = earlier("0003")
    (tmp_path / "runs.db.backup-unfinished").mkdir()
    with pytest.raises(RequestError, match="Is a directory") as error:
        upgrade_store(str(path))
    assert error.value.code == "backup_failed"
    assert contents(path) == before


def test_upgrade_waits_for_a_servers_writers_only_for_the_timeout(postgres_store):
    impatient = open_store(address_of(postgres_store), busy_timeout=0.1)
    with postgres_store.write_session() as session:
        session.connection()
        with pytest.raises(StoreError) as error:
            migrate(impatient.engine)
        assert error.value.code == "locked"
    migrate(impatient.engine)
    impatient.engine.dispose()


_UPGRADE_WITH_FILE_SIZE_LIMIT = """
import resource, sys
from core.errors import RequestError
from core.store.engine import upgrade_store

resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
try:
    upgrade_store(sys.argv[1])
except RequestError as error:
    print(error.code)
"""


def test_incomplete_backup_is_deleted_and_nothing_is_changed(earlier, tmp_path):
    path, before = earlier("0003")
    command = [sys.executable, "-c", _UPGRADE_WITH_FILE_SIZE_LIMIT, str(path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "backup_failed\n"
    assert contents(path) == before
    assert not backup_names(tmp_path)


def test_backup_has_the_permissions_of_the_database(earlier):
    path, _ = earlier("0004")
    path.chmod(0o600)
    assert upgrade_store(str(path)).backup.stat().st_mode & 0o777 == 0o600


def test_upgrade_command_prints_the_backup(earlier, capsys):
    path, _ = earlier("0002")
    assert main(["db", "upgrade", "--db", str(path)]) == 0
    line = capsys.readouterr().out.splitlines()[0]
    assert revision_of(Path(line.rpartition(": ")[2])) == "0002"
