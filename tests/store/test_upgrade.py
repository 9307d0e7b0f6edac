"""Databases of other revisions: backed up, upgraded whole or not at all, or refused."""

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

from core.config import make_config
from core.data import load_data
from core.errors import RequestError, StoreError
from core.store import backups, queries
from core.store.backups import back_up
from core.store.engine import open_store, upgrade_store
from core.store.schema import Base
from core.store.upgrade import MIGRATIONS, REVISIONS, migrate
from tests.postgres import PASSWORD
from tests.store.earlier import EARLIER, contents, make_earlier, migrate_to, revision_of
from tests.store.test_store import DATA, record


def copies(folder):
    """Return the names of backups, whole or not."""
    return [path.name for path in folder.iterdir() if "before" in path.name or "unfinished" in path.name]


def test_no_migration_is_missing(store):
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_the_known_revisions_are_those_of_the_migrations():
    script = ScriptDirectory(str(MIGRATIONS))
    assert tuple(one.revision for one in reversed(list(script.walk_revisions()))) == REVISIONS
    assert (*EARLIER, REVISIONS[-1]) == REVISIONS


@pytest.mark.parametrize("revision", EARLIER)
def test_an_earlier_database_keeps_all_its_rows_and_its_backup_is_as_it_was(tmp_path, revision):
    path = tmp_path / "runs.db"
    make_earlier(path, revision)
    before = contents(path)
    with pytest.raises(RequestError, match="schema of an earlier version.*db upgrade"):
        open_store(str(path))
    done = upgrade_store(str(path))
    assert (done.previous_revision, revision_of(path)) == (revision, REVISIONS[-1])
    assert done.backup.parent == tmp_path and done.backup.name.startswith(f"runs.db.before-{REVISIONS[-1]}-")
    assert contents(done.backup) == before
    after = contents(path)
    for table in before.keys() - {"alembic_version"}:
        kept = [{name: row[name] for name in before[table][0] if name != "group_key"} for row in after[table]]
        assert kept == [{name: row[name] for name in row if name != "group_key"} for row in before[table]]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    run = queries.run(open_store(str(path)), 2)
    assert (run.baseline_id, run.work_path, run.tags) == (1, None, [])


def test_a_database_of_today_is_left_alone(sqlite_store):
    store = sqlite_store
    done = upgrade_store(store.address)
    assert (done.previous_revision, done.backup) == (None, None)
    assert not copies(store.folder)


def test_a_servers_database_is_upgraded_where_somebody_says_that_it_is_backed_up(postgres_store):
    address = postgres_store.engine.url.render_as_string(hide_password=False)
    with postgres_store.engine.begin() as connection:
        migrate_to(connection, "0002")
    with pytest.raises(RequestError, match=r"pg_dump.*--backed-up.*Nothing has changed"):
        upgrade_store(address)
    with pytest.raises(RequestError, match="schema of an earlier version"):
        open_store(address)
    done = upgrade_store(address, backed_up=True)
    assert (done.previous_revision, done.backup) == ("0002", None)
    assert queries.runs(open_store(address)).empty


def test_an_upgrade_keeps_seeds_of_one_configuration_together(tmp_path):
    store = open_store(str(tmp_path / "runs.db"), create=True)
    run_id, _ = record(store, load_data(make_config({"dataset": "movie-reviews-3", **DATA})))
    config, expected = queries.run(store, run_id).config, queries.run(store, run_id).group_key
    before = json.dumps(config | {"target_modules": None, "revision": None})
    with store.engine.begin() as connection:
        migrate_to(connection, "0003")
        connection.exec_driver_sql("UPDATE runs SET group_key = 'another', config = ?", (before,))
    again = upgrade_store(store.address).store
    assert queries.run(again, run_id).config == config
    assert queries.run(again, run_id).group_key == expected
    assert queries.run(again, run_id).base_memory_bytes is None


def test_an_upgrade_loses_nothing_of_what_hangs_on_a_run(tmp_path):
    store = open_store(str(tmp_path / "runs.db"), create=True)
    run_id, expected = record(store, load_data(make_config({"dataset": "movie-reviews-3", **DATA})))
    with store.engine.begin() as connection:
        migrate_to(connection, "0002")
    again = upgrade_store(store.address).store
    assert np.array_equal(queries.probabilities(again, run_id), expected)
    assert queries.run(again, run_id).tags == []
    assert queries.run(again, run_id).changed_at == queries.run(again, run_id).created_at


def test_links_that_were_broken_before_stop_no_upgrade(tmp_path):
    path = tmp_path / "runs.db"
    make_earlier(path, "0001")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE runs SET baseline_id = 99 WHERE id = 2")
    upgrade_store(str(path))
    assert contents(path)["runs"][1]["baseline_id"] == 99


_KILLED = """
import sys, time
from sqlalchemy import Engine, event
from core.store.engine import upgrade_store

@event.listens_for(Engine, "after_cursor_execute")
def stand_still(connection, cursor, statement, parameters, context, many):
    if statement.strip().startswith(sys.argv[2]):
        print("there", flush=True)
        time.sleep(300)

upgrade_store(sys.argv[1])
"""


@pytest.mark.parametrize("moment", ["UPDATE runs SET changed_at", "CREATE TABLE log", "UPDATE alembic_version"])
def test_an_upgrade_that_is_killed_leaves_the_database_as_it_was(tmp_path, moment):
    path = tmp_path / "runs.db"
    make_earlier(path, "0002")
    before = contents(path)
    command = [sys.executable, "-c", _KILLED, str(path), moment]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "there\n"
        process.send_signal(signal.SIGKILL)
    assert contents(path) == before
    assert upgrade_store(str(path)).previous_revision == "0002"
    assert revision_of(path) == REVISIONS[-1]


_AT_ONCE = """
import sys, time
from pathlib import Path
from core.store import queries
from core.store.engine import open_store, upgrade_store

print("ready", flush=True)
sys.stdin.readline()
store = open_store(sys.argv[1], create=True) if sys.argv[2] == "create" else upgrade_store(sys.argv[1]).store
print(len(queries.runs(store)))
"""


def all_at_once(address, action):
    """Open a database by eight processes that begin together; return what they print and complain of."""
    command = [sys.executable, "-c", _AT_ONCE, str(address), action]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    several = [subprocess.Popen(command, **pipes) for _ in range(8)]
    assert [process.stdout.readline() for process in several] == ["ready\n"] * 8
    for process in several:
        process.stdin.write("\n")
        process.stdin.flush()
    return [process.communicate(timeout=120) for process in several]


@pytest.mark.parametrize(("action", "runs", "backups"), [("create", 0, 0), ("upgrade", 2, 1)])
def test_of_many_at_once_one_does_it_and_the_others_find_it_done(tmp_path, action, runs, backups):
    path = tmp_path / "runs.db"
    if action == "upgrade":
        make_earlier(path, "0001")
    assert all_at_once(path, action) == [(f"{runs}\n", "")] * 8
    assert revision_of(path) == REVISIONS[-1]
    assert len(copies(tmp_path)) == backups


def test_of_many_at_once_one_fills_a_servers_database(postgres):
    with postgres.database() as name:
        assert all_at_once(postgres.url(name, password=PASSWORD), "create") == [("0\n", "")] * 8


@pytest.mark.parametrize("opened", [open_store, upgrade_store])
@pytest.mark.parametrize(("revision", "expected"), [("9999", "by a newer version"), (None, "of another program")])
def test_a_schema_that_is_not_ours_is_refused_and_left_alone(tmp_path, opened, revision, expected):
    path = tmp_path / "runs.db"
    make_earlier(path, "0004")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM alembic_version")
        if revision:
            connection.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
    before = contents(path)
    with pytest.raises(RequestError, match=expected):
        opened(str(path))
    assert contents(path) == before
    assert not copies(tmp_path)


def test_without_room_for_a_backup_nothing_is_changed(tmp_path, monkeypatch):
    path = tmp_path / "runs.db"
    make_earlier(path, "0003")
    before = contents(path)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2**30, 2**30, 0))
    with pytest.raises(RequestError, match="cannot be backed up .* 0 MB are free.*Free some space"):
        upgrade_store(str(path))
    assert contents(path) == before
    assert not copies(tmp_path)


class Noon(datetime):
    @classmethod
    def now(cls, zone=None):
        return cls(2026, 1, 1, 12, tzinfo=zone)


def test_no_backup_replaces_another_of_the_same_second(sqlite_store, monkeypatch):
    monkeypatch.setattr(backups, "datetime", Noon)
    made = [back_up(sqlite_store.engine, "before").name for _ in range(3)]
    assert made == [f"runs.db.before-20260101T120000Z{counter}" for counter in ("", "-2", "-3")]
    assert sorted(copies(sqlite_store.folder)) == sorted(made)


def test_who_may_not_write_a_backup_is_not_told_to_make_room(tmp_path):
    path = tmp_path / "runs.db"
    make_earlier(path, "0003")
    before = contents(path)
    (tmp_path / "runs.db.backup-unfinished").mkdir()
    with pytest.raises(RequestError, match=r"cannot be backed up .*Is a directory.*Fix that"):
        upgrade_store(str(path))
    assert contents(path) == before


def test_an_upgrade_waits_for_a_servers_writers_only_so_long(postgres_store):
    impatient = open_store(postgres_store.engine.url.render_as_string(hide_password=False), busy_timeout=0.1)
    with postgres_store.write_session() as session:
        session.connection()
        with pytest.raises(StoreError, match="locked by another program"):
            migrate(impatient.engine)
    migrate(impatient.engine)
    impatient.engine.dispose()


_NO_ROOM = """
import resource, sys
from core.errors import RequestError
from core.store.engine import upgrade_store

resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
try:
    upgrade_store(sys.argv[1])
except RequestError as error:
    print(error)
"""


def test_a_backup_that_can_not_be_written_to_its_end_is_taken_away_and_nothing_is_changed(tmp_path):
    path = tmp_path / "runs.db"
    make_earlier(path, "0003")
    before = contents(path)
    done = subprocess.run([sys.executable, "-c", _NO_ROOM, str(path)], capture_output=True, text=True, check=True)
    assert "not changed without a backup" in done.stdout
    assert contents(path) == before
    assert not copies(tmp_path)


def test_the_backup_can_be_read_by_nobody_who_could_not_read_the_database(tmp_path):
    path = tmp_path / "runs.db"
    make_earlier(path, "0004")
    path.chmod(0o600)
    assert upgrade_store(str(path)).backup.stat().st_mode & 0o777 == 0o600


def test_the_command_says_where_the_backup_is(tmp_path, capsys):
    from cli.main import DONE, main

    make_earlier(tmp_path / "runs.db", "0002")
    assert main(["db", "upgrade", "--db", str(tmp_path / "runs.db")]) == DONE
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("The database as it was (schema 0002) is kept in ")
    assert revision_of(Path(first.rpartition(" in ")[2].rstrip("."))) == "0002"
    assert second.endswith("runs.db is up to date.")
