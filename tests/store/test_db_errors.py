"""A database that can't be used: told in words, by one kind of error; and what transactions hold."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from core.config import make_config
from core.data import load_data
from core.data.splits import DataSet
from core.errors import StoreError
from core.store import queries
from core.store.datasets import save_dataset
from core.store.db_errors import format_address, make_store_error
from core.store.engine import open_store, resolve_url
from core.store.recorder import recording
from core.store.run_edits import edit_run
from core.store.schema import MetricRow, RunRow
from tests.store.test_store import DATA, record


@pytest.fixture(scope="module")
def data():
    return load_data(make_config({"dataset": "movie-reviews-3", **DATA}))


@pytest.fixture
def impatient(tmp_path):
    return open_store(str(tmp_path / "runs.db"), create=True, busy_timeout=0.1)


def names(session: Session):
    return session.scalars(select(RunRow.name).order_by(RunRow.id)).all()


def test_a_locked_database_is_told(impatient):
    with recording(impatient, make_config({}), "a", {}):
        pass
    with closing(sqlite3.connect(impatient.address, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked by another program"):
            edit_run(impatient, 1, "b", "", [])
        assert queries.run(impatient, 1).name == "a"
    edit_run(impatient, 1, "b", "", [])
    assert queries.run(impatient, 1).name == "b"


def test_a_full_disk_is_told_and_what_was_there_stays(sqlite_store, data):
    run_id, _ = record(sqlite_store, data)
    rows = [{"run_id": run_id, "split": "test", "name": f"figure {n}" * 50, "value": 0.5} for n in range(1000)]
    with sqlite_store.engine.connect() as connection:  # the one that the next session takes
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="is full"), sqlite_store.write_session() as session:
        session.execute(insert(MetricRow), rows)
    assert queries.run(sqlite_store, run_id).state == "complete"
    assert not queries.metrics(sqlite_store, [run_id])["name"].str.startswith("figure").any()


def test_a_file_that_may_only_be_read_is_told(sqlite_store, data):
    run_id, _ = record(sqlite_store, data)
    with sqlite_store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match="cannot be opened for writing"):
        edit_run(sqlite_store, run_id, "b", "", [])
    sqlite_store.engine.dispose()
    assert queries.run(sqlite_store, run_id).name != "b"


def test_a_database_that_was_damaged_meanwhile_is_told(sqlite_store, data):
    record(sqlite_store, data)
    sqlite_store.engine.dispose()
    path = Path(sqlite_store.address)
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 4096 * 20)
    with pytest.raises(StoreError, match=r"is damaged.*\.recover"):
        queries.runs(sqlite_store)


def test_our_own_mistakes_stay_what_they_are(store):
    with pytest.raises(IntegrityError), store.write_session() as session:
        session.execute(insert(MetricRow), [{"run_id": 99, "split": "test", "name": "a"}])


def test_who_reads_keeps_nobody_from_writing_and_sees_one_state(store, data):
    run_id, _ = record(store, data)
    with store.read_session() as reading:
        before = names(reading)
        edit_run(store, run_id, "renamed", "", [])
        assert names(reading) == before
    with store.read_session() as reading:
        assert names(reading) == ["renamed"]


def test_a_session_that_reads_does_not_turn_into_one_that_writes_over_others(sqlite_store, data):
    run_id, _ = record(sqlite_store, data)
    with sqlite_store.read_session() as reading:
        names(reading)
        edit_run(sqlite_store, run_id, "renamed", "", [])
        with pytest.raises(StoreError, match="locked"):
            reading.execute(update(RunRow).values(name="lost"))
    assert queries.run(sqlite_store, run_id).name == "renamed"


_COUNT = """
import sys
from sqlalchemy import select, update
from core.store.engine import open_store
from core.store.schema import RunRow

store = open_store(sys.argv[1])
for _ in range(25):
    with store.write_session() as session:
        step = session.scalar(select(RunRow.step))
        session.execute(update(RunRow).values(step=step + 1))
"""


def test_what_a_writer_has_read_stays_so_until_it_has_written(store, data):
    record(store, data)
    with store.write_session() as session:
        session.execute(update(RunRow).values(step=0))
    command = [sys.executable, "-c", _COUNT, store.engine.url.render_as_string(hide_password=False)]
    several = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate(timeout=200)[1] for process in several] == [""] * 4
    assert queries.run(store, 1).step == 100


class Curious(DataSet):
    """A data set whose checks ask, while they are made, whether others can write."""

    @cached_property
    def checks(self):
        edit_run(self.other, 1, "renamed meanwhile", "", [])
        return super().checks


def test_others_write_while_a_data_set_is_checked(store, data):
    with recording(store, make_config({}), "a", {}):
        pass
    Curious.other = open_store(store.engine.url.render_as_string(hide_password=False), busy_timeout=0.1)
    save_dataset(store, Curious(**vars(replace(data))))
    assert queries.run(store, 1).name == "renamed meanwhile"
    assert queries.dataset(store, 1).checks == data.checks
    Curious.other.engine.dispose()


_SAVE = """
import sys
from core.config import make_config
from core.data import load_data
from core.store.datasets import save_dataset
from core.store.engine import open_store

data = load_data(make_config({"dataset": "movie-reviews-3", "train_size": 40, "validation_size": 20, "test_size": 30}))
store = open_store(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(save_dataset(store, data))
"""


def test_a_data_set_that_processes_store_at_once_is_stored_once(store):
    command = [sys.executable, "-c", _SAVE, store.engine.url.render_as_string(hide_password=False)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    several = [subprocess.Popen(command, **pipes) for _ in range(4)]
    assert [process.stdout.readline() for process in several] == ["ready\n"] * 4
    for process in several:
        process.stdin.write("\n")
        process.stdin.flush()
    told = [process.communicate(timeout=200) for process in several]
    assert [out for out, _ in told] == [told[0][0]] * 4, told
    assert (len(queries.datasets(store)), len(queries.examples(store, int(told[0][0])))) == (1, 90)


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        pytest.param(
            'FATAL: password authentication failed for user "ann"', "rejects this user or password", id="password"
        ),
        pytest.param('FATAL: database "runs" does not exist', "createdb", id="database"),
        pytest.param(
            "connection refused, password was s3cret",
            r"does not respond \(connection refused, password was \*\*\*\)",
            id="refused",
        ),
        pytest.param("could not write: No space left on device", "is full", id="disk-full"),
        pytest.param("canceling statement due to lock timeout", "locked by another program", id="locked"),
        pytest.param("disk I/O error", "its disk does not respond", id="disk-error"),
        pytest.param("something else", "cannot be used: something else", id="other"),
    ],
)
@pytest.mark.parametrize("address", ["postgresql://ann:s3cret@host/runs", "postgresql://host/runs?password=s3cret"])
def test_what_a_server_says_is_told_without_its_password(reason, told, address):
    text = str(make_store_error(resolve_url(address), OperationalError("SELECT 1", {}, Exception(reason))))
    assert told.replace("\\", "") in text
    assert "s3cret" not in text + format_address(resolve_url(address))


def test_a_disk_without_any_room_is_told_as_full_whatever_sqlite_says(tmp_path, monkeypatch):
    url, error = resolve_url(str(tmp_path / "runs.db")), OperationalError("SELECT 1", {}, Exception("disk I/O error"))
    assert make_store_error(url, error).code == "disk_error"
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=4096))
    assert make_store_error(url, error).code == "full"
