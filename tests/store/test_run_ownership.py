"""Whether a run's process is alive, and which process may write the run."""

import logging
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import psutil
import pytest
from sqlalchemy import update

from core.config import make_config
from core.errors import RequestError, RunError
from core.store import queries, records, run_edits
from core.store.engine import open_store
from core.store.recorder import recording
from core.store.records import is_running
from core.store.schema import RunRow
from core.system.processes import is_alive
from tests.store.helpers import address_of, lock_database

LONG_AGO = timedelta(minutes=5)

_RECORD_A_RUN = """
import sys
from core.config import make_config
from core.store.engine import open_store
from core.store.recorder import recording

with recording(open_store(sys.argv[1]), make_config({}), "a run", {}):
    print("recording", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def process(store):
    """Return a process that is recording run 1."""
    command = [sys.executable, "-c", _RECORD_A_RUN, address_of(store)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout.readline() == "recording\n"
        yield started
        started.kill()


def make_heartbeats_old(store, **columns):
    """Set the last heartbeats of all runs to a time long ago, and set other columns of their rows."""
    with store.write_session() as session:
        session.execute(update(RunRow).values(heartbeat_at=datetime.now(UTC) - LONG_AGO, **columns))


def resume(store, run_id=1):
    return recording(store, make_config({}), "a run", {}, resume_id=run_id)


def test_suspended_process_keeps_its_run_until_it_ends(store, process, monkeypatch):
    process.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(records, "HEARTBEAT_TIMEOUT", timedelta(0))  # its heartbeat is older than that
    with pytest.raises(RequestError, match=rf"process {process.pid} on") as error, resume(store):
        pass
    assert error.value.code == "run_is_running"
    with pytest.raises(RequestError):
        run_edits.delete_run(store, 1)
    assert queries.runs(store)["state"].tolist() == [queries.run(store, 1).state] == ["running"]
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended and is a zombie
    assert queries.runs(store)["state"].tolist() == [queries.run(store, 1).state] == ["crashed"]
    with resume(store):
        pass
    assert queries.run(store, 1).state == "complete"


def test_another_process_with_the_same_id_is_not_the_run(sqlite_store):
    with recording(sqlite_store, make_config({}), "a run", {}) as run:
        before = psutil.Process().create_time() - 60
        run.update(heartbeat_at=datetime.fromtimestamp(before, UTC))
        assert not is_running(queries.run(sqlite_store, 1))


def test_inaccessible_process_counts_as_alive(monkeypatch):
    def refuse(process):
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(psutil.Process, "status", refuse)
    assert is_alive(os.getpid(), datetime.now(UTC))


@pytest.mark.parametrize("pid", [-1, 2**40])
def test_impossible_process_id_is_not_alive(pid):
    assert not is_alive(pid, datetime.now(UTC))


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        pytest.param({"status": "complete"}, "run_is_complete", id="complete"),
        pytest.param({"status": "failed", "deleted_at": datetime.now(UTC)}, "run_in_trash", id="trashed"),
    ],
)
def test_run_that_cannot_be_resumed_is_refused(sqlite_store, columns, code):
    with pytest.raises(RequestError) as error, resume(sqlite_store):
        pass
    assert error.value.code == "no_run"
    with recording(sqlite_store, make_config({}), "a run", {}):
        pass
    make_heartbeats_old(sqlite_store, **columns)
    with pytest.raises(RequestError) as error, resume(sqlite_store):
        pass
    assert error.value.code == code


def test_process_that_lost_its_run_to_another_writes_nothing_more(store, capsys):
    first_execution = recording(store, make_config({}), "a run", {})
    first_run = first_execution.__enter__()
    make_heartbeats_old(store, host="elsewhere")
    with resume(store) as run:
        run.log_history(1, 0.5, {"loss": 0.1})
        for write in (lambda: first_run.log_history(1, 0.5, {"loss": 0.9}), lambda: first_run.update(seed=7)):
            with pytest.raises(RunError, match=rf"resumed by another process \(process {os.getpid()} on"):
                write()
        logging.getLogger("a library").warning("to both of them")
        assert "Traceback" not in capsys.readouterr().err
        make_heartbeats_old(store)
        first_run.storage.send_heartbeat()
        assert datetime.now(UTC) - queries.run(store, 1).heartbeat_at >= LONG_AGO
    with pytest.raises(RunError):
        first_execution.__exit__(None, None, None)
    record = queries.run(store, 1)
    assert (record.state, record.seed, record.error_message) == ("complete", 42, None)
    assert queries.log_tail(store, 1)["text"].tolist() == ["a library: to both of them"]
    assert queries.history(store, [1])["value"].tolist() == [0.1]


def test_process_whose_run_was_deleted_does_not_write_to_the_next_run_with_its_id(store):
    first_execution = recording(store, make_config({}), "deleted", {})
    first_run = first_execution.__enter__()
    make_heartbeats_old(store, host="elsewhere")
    run_edits.delete_run(store, 1)
    with pytest.raises(RunError, match="Run 1 was deleted"):
        first_run.log_history(1, 0.5, {"loss": 0.9})
    with recording(store, make_config({}), "the next", {}) as run:
        run.log_history(1, 0.5, {"loss": 0.1})
    with pytest.raises(RunError):
        first_run.log_history(2, 1.0, {"loss": 0.9})
    with pytest.raises(RunError):
        first_execution.__exit__(None, None, None)
    assert queries.runs(store)[["name", "state"]].values.tolist() == [["the next", "complete"]]
    assert queries.history(store, [run.id])["value"].tolist() == [0.1]


def test_run_in_a_fallback_database_sends_no_heartbeat_for_the_run_with_its_id(sqlite_store):
    store = open_store(sqlite_store.address, busy_timeout=0.1)
    with recording(store, make_config({}), "the first", {}):
        make_heartbeats_old(store)
        with lock_database(store):
            in_fallback = recording(store, make_config({}), "in fallback", {})
            run = in_fallback.__enter__()
        before = queries.run(store, 1)
        run.storage.send_heartbeat()
        assert (run.id, queries.run(store, 1)) == (1, before)
        assert queries.run(run.store, 1).heartbeat_at > before.heartbeat_at + LONG_AGO / 2
        in_fallback.__exit__(None, None, None)
    run.store.engine.dispose()
    store.engine.dispose()
