"""Whether a run goes on, and who may write its record."""

import logging
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
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

LONG_AGO = timedelta(minutes=5)

_AT_WORK = """
import sys
from core.config import make_config
from core.store.engine import open_store
from core.store.recorder import recording

with recording(open_store(sys.argv[1]), make_config({}), "a run", {}):
    print("at work", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def process(store):
    """A run that is at work in a process of its own."""
    command = [sys.executable, "-c", _AT_WORK, store.engine.url.render_as_string(hide_password=False)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as begun:
        assert begun.stdout.readline() == "at work\n"
        yield begun
        begun.kill()


def silent(store, **columns):
    """Let the runs have been silent for long."""
    with store.write_session() as session:
        session.execute(update(RunRow).values(heartbeat_at=datetime.now(UTC) - LONG_AGO, **columns))


def take_up(store, run_id=1):
    return recording(store, make_config({}), "a run", {}, resume_id=run_id)


def test_a_run_whose_process_was_stopped_is_at_work_until_the_process_is_gone(store, process, monkeypatch):
    process.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(records, "HEARTBEAT_TIMEOUT", timedelta(0))  # it has been silent for longer than that
    with pytest.raises(RequestError, match=rf"Run 1 is still running \(process {process.pid} on"), take_up(store):
        pass
    with pytest.raises(RequestError, match="still running"):
        run_edits.delete_run(store, 1)
    assert queries.runs(store)["state"].tolist() == [queries.run(store, 1).state] == ["running"]
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and is not taken note of
    assert queries.runs(store)["state"].tolist() == [queries.run(store, 1).state] == ["crashed"]
    with take_up(store):
        pass
    assert queries.run(store, 1).state == "complete"


def test_another_process_of_the_same_number_is_not_the_run(store):
    with recording(store, make_config({}), "a run", {}) as run:
        before = psutil.Process().create_time() - 60
        run.update(heartbeat_at=datetime.fromtimestamp(before, UTC))
        assert not is_running(queries.run(store, 1))


def test_a_process_that_may_not_be_looked_at_is_there(monkeypatch):
    def refused(process):
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(psutil.Process, "status", refused)
    assert is_alive(os.getpid(), datetime.now(UTC))


@pytest.mark.parametrize("pid", [-1, 0, 2**40], ids=["negative", "zero", "too-large"])
def test_a_number_that_no_process_has_is_nobody(pid):
    assert not is_alive(pid, datetime.now(UTC))


def test_who_lost_a_run_to_another_process_writes_nothing_more_of_it(store, capsys):
    ours = recording(store, make_config({}), "a run", {})
    lost = ours.__enter__()
    silent(store, host="elsewhere")
    with take_up(store) as run:
        run.log_history(1, 0.5, {"loss": 0.1})
        told = rf"Run 1 was resumed by another process \(process {os.getpid()} on"
        with pytest.raises(RunError, match=told):
            lost.log_history(1, 0.5, {"loss": 0.9})
        with pytest.raises(RunError, match=told):
            lost.update(seed=7)
        logging.getLogger("a library").warning("to both of them")
        assert "Traceback" not in capsys.readouterr().err
        silent(store)
        lost.storage.send_heartbeat()
        assert datetime.now(UTC) - queries.run(store, 1).heartbeat_at >= LONG_AGO
    with pytest.raises(RunError, match=told):
        ours.__exit__(None, None, None)
    found = queries.run(store, 1)
    assert (found.state, found.seed, found.error_message) == ("complete", 42, None)
    assert queries.log_tail(store, 1)["text"].tolist() == ["a library: to both of them"]
    assert queries.history(store, [1])["value"].tolist() == [0.1]


def test_who_lost_a_run_that_was_deleted_is_told_and_leaves_the_next_of_its_number_alone(store):
    ours = recording(store, make_config({}), "deleted", {})
    lost = ours.__enter__()
    silent(store, host="elsewhere")
    run_edits.delete_run(store, 1)
    told = "Run 1 was deleted while it was running"
    with pytest.raises(RunError, match=told):
        lost.log_history(1, 0.5, {"loss": 0.9})
    with recording(store, make_config({}), "the next", {}) as run:
        run.log_history(1, 0.5, {"loss": 0.1})
    with pytest.raises(RunError, match=told):
        lost.log_history(2, 1.0, {"loss": 0.9})
    with pytest.raises(RunError, match=told):
        ours.__exit__(None, None, None)
    assert queries.runs(store)[["name", "state"]].values.tolist() == [["the next", "complete"]]
    assert queries.history(store, [run.id])["value"].tolist() == [0.1]


def test_a_run_that_could_not_begin_in_its_database_is_no_sign_of_life_of_the_one_that_has_its_number(tmp_path):
    store = open_store(str(tmp_path / "runs.db"), create=True, busy_timeout=0.1)
    with recording(store, make_config({}), "the first", {}):
        silent(store)
        with closing(sqlite3.connect(store.address, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            away = recording(store, make_config({}), "away", {})
            run = away.__enter__()
        before = queries.run(store, 1)
        run.storage.send_heartbeat()
        assert (run.id, queries.run(store, 1)) == (1, before)
        assert queries.run(run.store, 1).heartbeat_at > before.heartbeat_at + LONG_AGO / 2
        away.__exit__(None, None, None)
    run.store.engine.dispose()
