"""Unusable databases raise `StoreError` with a code; transactions isolate readers and writers."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from core.data.splits import DataSet
from core.errors import StoreError
from core.store import queries
from core.store.datasets import save_dataset
from core.store.db_errors import format_address, make_store_error
from core.store.engine import open_store, resolve_url
from core.store.run_edits import edit_run
from core.store.schema import MetricRow, RunRow
from tests.store.helpers import address_of, lock_database, record_run, record_without_data, set_columns


def names(session: Session):
    return session.scalars(select(RunRow.name).order_by(RunRow.id)).all()


def test_locked_database_is_reported_and_can_be_read(sqlite_store):
    impatient = open_store(sqlite_store.address, busy_timeout=0.1)
    run_id = record_without_data(impatient)
    with lock_database(impatient):
        with pytest.raises(StoreError) as error:
            edit_run(impatient, run_id, "b", "", [])
        assert error.value.code == "locked"
        assert queries.run(impatient, run_id).name == "a run"
    edit_run(impatient, run_id, "b", "", [])
    assert queries.run(impatient, run_id).name == "b"
    impatient.engine.dispose()


def test_full_disk_is_reported_and_nothing_is_lost(sqlite_store, data):
    run_id, _ = record_run(sqlite_store, data)
    rows = [{"run_id": run_id, "split": "test", "name": f"figure {n}" * 50, "value": 0.5} for n in range(1000)]
    with sqlite_store.engine.connect() as connection:  # the pooled connection that the next session uses
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError) as error, sqlite_store.write_session() as session:
        session.execute(insert(MetricRow), rows)
    assert error.value.code == "full"
    assert queries.run(sqlite_store, run_id).state == "complete"
    assert not queries.metrics(sqlite_store, [run_id])["name"].str.startswith("figure").any()


def test_read_only_file_is_reported(sqlite_store):
    run_id = record_without_data(sqlite_store)
    with sqlite_store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    with pytest.raises(StoreError) as error:
        edit_run(sqlite_store, run_id, "b", "", [])
    assert error.value.code == "cannot_open"
    sqlite_store.engine.dispose()
    assert queries.run(sqlite_store, run_id).name == "a run"


def test_database_that_was_damaged_after_opening_is_reported(sqlite_store, data):
    record_run(sqlite_store, data)
    sqlite_store.engine.dispose()
    path = Path(sqlite_store.address)
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 4096 * 20)
    with pytest.raises(StoreError, match=r"is damaged.*\.recover") as error:
        queries.runs(sqlite_store)
    assert error.value.code == "damaged"


def test_programming_errors_are_not_translated(store):
    with pytest.raises(IntegrityError), store.write_session() as session:
        session.execute(insert(MetricRow), [{"run_id": 99, "split": "test", "name": "a"}])


def test_reader_does_not_block_a_writer_and_reads_one_snapshot(store):
    run_id = record_without_data(store)
    with store.read_session() as reading:
        before = names(reading)
        edit_run(store, run_id, "renamed", "", [])
        record_without_data(store)
        assert names(reading) == before
    with store.read_session() as reading:
        assert names(reading) == ["renamed", "a run"]


def test_read_session_cannot_overwrite_newer_changes(sqlite_store):
    run_id = record_without_data(sqlite_store)
    with sqlite_store.read_session() as reading:
        names(reading)
        edit_run(sqlite_store, run_id, "renamed", "", [])
        with pytest.raises(StoreError) as error:
            reading.execute(update(RunRow).values(name="lost"))
        assert error.value.code == "locked"
    assert queries.run(sqlite_store, run_id).name == "renamed"


def in_threads(store, action, count=4):
    """Call an action in several threads that start together, each with a store of its own; return the results."""
    started = Barrier(count)

    def call(_):
        own_store = open_store(address_of(store))
        started.wait()
        try:
            return action(own_store)
        finally:
            own_store.engine.dispose()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


def test_rows_that_a_writer_has_read_do_not_change_until_it_commits(store):
    set_columns(store, record_without_data(store), step=0)

    def increment(own_store):
        for _ in range(25):
            with own_store.write_session() as session:
                step = session.scalar(select(RunRow.step))
                session.execute(update(RunRow).values(step=step + 1))

    in_threads(store, increment)
    assert queries.run(store, 1).step == 100


class EditingDataSet(DataSet):
    """A data set that edits run 1 of another store while its checks are computed."""

    @cached_property
    def checks(self):
        edit_run(self.other, 1, "renamed meanwhile", "", [])
        return super().checks


def test_checks_of_a_data_set_are_computed_without_the_write_lock(store, data):
    record_without_data(store)
    EditingDataSet.other = open_store(address_of(store), busy_timeout=0.1)
    save_dataset(store, EditingDataSet(**vars(replace(data))))
    assert queries.run(store, 1).name == "renamed meanwhile"
    assert queries.dataset(store, 1).checks == data.checks
    EditingDataSet.other.engine.dispose()


def test_data_set_that_is_saved_concurrently_is_stored_once(store, data):
    ids = in_threads(store, lambda own_store: save_dataset(own_store, data))
    assert len(set(ids)) == 1
    assert (len(queries.datasets(store)), len(queries.examples(store, ids[0]))) == (1, 90)


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        pytest.param('FATAL: password authentication failed for user "ann"', "login_refused", id="password"),
        pytest.param('FATAL: database "runs" does not exist', "no_such_database", id="database"),
        pytest.param("connection refused, password was s3cret", "unreachable", id="refused"),
        pytest.param("could not write: No space left on device", "full", id="disk-full"),
        pytest.param("canceling statement due to lock timeout", "locked", id="locked"),
        pytest.param("disk I/O error", "disk_error", id="disk-error"),
        pytest.param("something else with s3cret", "unusable", id="other"),
    ],
)
@pytest.mark.parametrize("password", ["ann:s3cret@host/runs", "host/runs?password=s3cret"], ids=["user", "query"])
def test_driver_messages_get_a_code_and_lose_the_password(reason, code, password):
    url = resolve_url(f"postgresql://{password}")
    error = make_store_error(url, OperationalError("SELECT 1", {}, Exception(reason)))
    assert error.code == code
    assert "s3cret" not in str(error) + format_address(url)


def test_disk_error_without_free_space_is_reported_as_full(tmp_path, monkeypatch):
    url, cause = resolve_url(str(tmp_path / "runs.db")), OperationalError("SELECT 1", {}, Exception("disk I/O error"))
    assert make_store_error(url, cause).code == "disk_error"
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=4096))
    assert make_store_error(url, cause).code == "full"
