"""Recording a run: status, errors, heartbeats, log, history and resuming."""

import logging
import shutil
import signal
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import event

from core.config import make_config
from core.errors import RunError
from core.store import queries, recorder
from core.store.recorder import recording
from tests.store.helpers import record_run, record_without_data, save_random_predictions


def test_row_exists_while_the_run_is_in_progress(store):
    with recording(store, make_config({}), "a", {}) as run:
        assert queries.run(store, run.id).state == "running"
        run.enter_phase("training")
        assert queries.run(store, run.id).phase == "training"
    record = queries.run(store, run.id)
    assert (record.state, record.phase) == ("complete", None)


def test_failed_run_keeps_its_error(store):
    run = queries.run(store, record_without_data(store, error=RuntimeError("out of ideas")))
    assert (run.state, run.error_type, run.error_message) == ("failed", "RuntimeError", "out of ideas")
    assert "RuntimeError: out of ideas" in run.traceback
    assert run.ended_at is not None
    assert queries.log_tail(store, run.id)["text"].iloc[-1] == "RuntimeError: out of ideas"


def test_user_error_is_recorded_without_traceback(sqlite_store):
    run_id = record_without_data(sqlite_store, error=RunError("the training diverged"))
    assert queries.run(sqlite_store, run_id).traceback is None


def test_stopped_run_is_cancelled_and_the_stop_is_raised(store):
    with pytest.raises(KeyboardInterrupt), recording(store, make_config({}), "a", {}) as run:
        raise KeyboardInterrupt
    assert queries.run(store, run.id).state == "cancelled"


@pytest.mark.parametrize("error", [ValueError, RunError])
def test_error_with_unstorable_characters_is_recorded(store, error):
    with recording(store, make_config({}), "caf\udce9\0", {}) as run:
        raise error("can't read /data/caf\udce9\0.csv")
    record, expected = queries.run(store, run.id), "can't read /data/caf\ufffd\ufffd.csv"
    assert (record.state, record.error_message, record.name) == ("failed", expected, "caf\ufffd\ufffd")
    assert queries.log_tail(store, run.id)["text"].tolist() == [f"{error.__name__}: {expected}"]
    assert error is RunError or expected in record.traceback


def test_stop_while_the_end_is_written_is_recorded(store):
    stops = iter([signal.SIGINT])

    def stop(connection, cursor, statement, parameters, context, many):
        if statement.startswith("UPDATE runs") and "complete" in str(parameters):
            signal.raise_signal(next(stops))

    event.listen(store.engine, "before_cursor_execute", stop)
    with pytest.raises(KeyboardInterrupt), recording(store, make_config({}), "a", {}):
        pass
    record = queries.run(store, 1)
    assert (record.state, record.phase) == ("cancelled", "start") and record.ended_at is not None


def test_stop_after_the_end_was_written_leaves_the_run_complete(sqlite_store, monkeypatch):
    rmtree = shutil.rmtree

    def stop(folder, **options):
        monkeypatch.setattr(shutil, "rmtree", rmtree)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(shutil, "rmtree", stop)
    with pytest.raises(KeyboardInterrupt), recording(sqlite_store, make_config({}), "a", {}) as run:
        folder = run.create_work_folder()
    record = queries.run(sqlite_store, 1)
    assert (record.state, record.phase, record.work_path) == ("complete", None, None)
    assert not folder.exists()


def wait_for_heartbeat(store, run):
    first, deadline = queries.run(store, run.id).heartbeat_at, time.monotonic() + 20
    while queries.run(store, run.id).heartbeat_at == first and time.monotonic() < deadline:
        time.sleep(0.05)
    assert queries.run(store, run.id).heartbeat_at > first


def test_heartbeat_is_sent_regularly(store, monkeypatch):
    monkeypatch.setattr(recorder, "HEARTBEAT_SECONDS", 0.05)
    with recording(store, make_config({}), "a", {}) as run:
        wait_for_heartbeat(store, run)


def test_heartbeat_is_sent_at_once_when_the_clock_is_set(sqlite_store, monkeypatch):
    monkeypatch.setattr(recorder, "HEARTBEAT_SECONDS", 3600)
    with recording(sqlite_store, make_config({}), "a", {}) as run:
        wall_clock = time.time
        monkeypatch.setattr(time, "time", lambda: wall_clock() - 3600)
        wait_for_heartbeat(sqlite_store, run)


def test_non_finite_history_values_are_null(store):
    with recording(store, make_config({}), "a", {}) as run:
        run.log_history(1, 0.5, {"loss": float("nan"), "learning_rate": 0.1})
    history = queries.history(store, [run.id]).set_index("name")["value"]
    assert np.isnan(history["loss"])
    assert history["learning_rate"] == 0.1


def test_history_after_a_step_is_deleted(store):
    with recording(store, make_config({}), "a", {}) as run:
        for step in (1, 2, 3):
            run.log_history(step, step / 2, {"loss": 1 / step})
        run.delete_history_after(2)
    assert queries.history(store, [run.id])["step"].tolist() == [1, 2]


def test_log_keeps_the_last_lines(store):
    with recording(store, make_config({}), "a", {}) as run:
        for number in range(5):
            run.log_line(f"line {number}")
    assert list(queries.log_tail(store, run.id, lines=2)["text"]) == ["line 3", "line 4"]


def test_library_warnings_are_logged_by_the_run_in_progress_only(sqlite_store):
    with recording(sqlite_store, make_config({}), "a", {}) as run:
        logging.getLogger("somewhere").warning("mind the %s", "gap")
    logging.getLogger("somewhere").warning("afterwards")
    assert list(queries.log_tail(sqlite_store, run.id)["text"]) == ["somewhere: mind the gap"]


def test_resuming_deletes_results_and_keeps_history_and_log(store, data):
    with recording(store, make_config({}), "a", {"packages": {"torch": "1"}}) as run:
        save_random_predictions(run, data)
        run.log_history(1, 0.5, {"loss": 0.5})
        run.log_line("first")
        raise ValueError("boom")
    started_at = queries.run(store, run.id).started_at
    with recording(store, make_config({}), "a", {"packages": {"torch": "2"}}, resume_id=run.id) as run:
        record = queries.run(store, run.id)
        assert (record.state, record.error_message, record.ended_at) == ("running", None, None)
        assert (record.started_at, record.environment) == (started_at, {"packages": {"torch": "2"}, "resumed": 1})
        assert queries.predictions(store, run.id).empty and queries.class_metrics(store, [run.id]).empty
        assert queries.metrics(store, [run.id]).empty
        run.log_line("second")
    assert len(queries.history(store, [run.id])) == 1
    assert queries.log_tail(store, run.id)["text"].tolist() == ["first", "ValueError: boom", "second"]


def test_times_are_utc(store, data):
    created = queries.run(store, record_run(store, data)[0]).created_at
    assert created.tzinfo is not None
    assert abs(datetime.now(UTC) - created) < timedelta(minutes=5)
