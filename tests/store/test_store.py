import shutil
import signal
import sqlite3
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import event, inspect, update

from core.config import make_config
from core.data import load_data
from core.errors import RequestError, RunError
from core.evaluation.metrics import evaluate
from core.models.classifier import probabilities
from core.store import engine, queries, recorder, run_edits
from core.store.datasets import save_dataset
from core.store.engine import open_store, resolve_url
from core.store.publishing import make_publishable
from core.store.records import derive_state
from core.store.schema import Base, RunRow

DATA = {"train_size": 40, "validation_size": 20, "test_size": 30}


@pytest.fixture(scope="module")
def data():
    return load_data(make_config({"dataset": "movie-reviews-3", **DATA}))


def record(store, data, method="tfidf", seed=0, fail=None, **values):
    """Record a run with made-up logits."""
    config = make_config({"method": method, "dataset": "movie-reviews-3", **DATA, **values})
    logits = np.random.default_rng(seed).normal(size=(len(data.test), len(data.labels))).astype(np.float32)
    with recorder.recording(store, config, config.default_name(), {"packages": {"torch": "1"}}) as run:
        dataset_id = save_dataset(store, data)
        run.update(dataset_id=dataset_id, group_key=config.group_key(data.fingerprint))
        if fail:
            raise fail
        run.save_predictions(
            data,
            "test",
            dataset_id,
            probabilities(logits),
            evaluate(data.test.labels, probabilities(logits), data.labels),
        )
    return run.id, probabilities(logits)


def test_the_migrations_make_the_tables_of_the_schema(store):
    found = inspect(store.engine)
    for table in Base.metadata.sorted_tables:
        assert {c["name"] for c in found.get_columns(table.name)} == set(table.columns.keys())
        nullable = {c["name"]: c["nullable"] for c in found.get_columns(table.name)}
        assert nullable == {c.name: c.nullable for c in table.columns}


def test_sqlite_is_set_up(sqlite_store):
    with sqlite_store.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() > 0
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # a commit is on the disk


def test_predictions_stand_beside_their_own_texts(store, data):
    run_id, expected = record(store, data)
    frame = queries.predictions(store, run_id)
    assert list(frame["text"]) == list(data.test.texts)
    assert list(frame["label"]) == [data.labels[code] for code in data.test.labels]
    assert list(frame["predicted"]) == [data.labels[code] for code in expected.argmax(axis=1)]
    assert frame["confidence"].to_numpy() == pytest.approx(expected.max(axis=1))
    assert frame["true_probability"].to_numpy() == pytest.approx(expected[np.arange(30), data.test.labels])
    assert np.array_equal(queries.probabilities(store, run_id), expected)


def test_class_balance_counts_every_split(store, data):
    run_id, _ = record(store, data)
    balance = queries.class_balance(store, queries.run(store, run_id).dataset_id)
    assert balance.groupby("split")["count"].sum().to_dict() == {"train": 40, "validation": 20, "test": 30}
    assert balance.groupby("split")["share"].sum().to_list() == pytest.approx([1, 1, 1])


def test_a_data_set_is_stored_once(store, data):
    record(store, data)
    record(store, data, method="majority")
    assert len(queries.datasets(store)) == 1
    assert len(queries.examples(store, 1)) == 90


def test_the_row_is_there_while_the_run_goes_on(store):
    with recorder.recording(store, make_config({}), "a", {}) as run:
        assert queries.run(store, run.id).state == "running"
        run.enter_phase("training")
        assert queries.run(store, run.id).phase == "training"
    assert queries.run(store, run.id).state == "complete"


def test_a_failed_run_keeps_its_reason(store, data):
    run_id, _ = record(store, data, fail=RuntimeError("out of ideas"))
    run = queries.run(store, run_id)
    assert (run.state, run.error_type, run.error_message) == ("failed", "RuntimeError", "out of ideas")
    assert "RuntimeError: out of ideas" in run.traceback
    assert run.ended_at is not None


def test_an_error_for_users_is_kept_without_a_traceback(store, data):
    run_id, _ = record(store, data, fail=RunError("the training diverged"))
    assert queries.run(store, run_id).traceback is None


def test_a_stopped_run_is_cancelled_and_stops_the_program(store):
    with pytest.raises(KeyboardInterrupt), recorder.recording(store, make_config({}), "a", {}) as run:
        raise KeyboardInterrupt
    assert queries.run(store, run.id).state == "cancelled"


@pytest.mark.parametrize("error", [ValueError, RunError])
def test_an_error_is_kept_whatever_its_text_holds(store, error):
    with recorder.recording(store, make_config({}), "caf\udce9\0", {}) as run:
        raise error("can't read /data/caf\udce9\0.csv")
    found, kept = queries.run(store, run.id), "can't read /data/caf\ufffd\ufffd.csv"
    assert (found.state, found.error_message, found.name) == ("failed", kept, "caf\ufffd\ufffd")
    assert queries.log_tail(store, run.id)["text"].tolist() == [f"{error.__name__}: {kept}"]
    assert error is RunError or kept in found.traceback


def test_a_stop_while_the_end_is_written_is_recorded(store):
    stops = iter([signal.SIGINT])

    def stop(connection, cursor, statement, parameters, context, many):
        if statement.startswith("UPDATE runs") and "complete" in str(parameters):
            signal.raise_signal(next(stops))

    event.listen(store.engine, "before_cursor_execute", stop)
    with pytest.raises(KeyboardInterrupt), recorder.recording(store, make_config({}), "a", {}):
        pass
    found = queries.run(store, 1)
    assert (found.state, found.phase) == ("cancelled", "start") and found.ended_at is not None


def test_a_stop_after_the_end_was_written_leaves_the_run_complete(store, monkeypatch):
    really = shutil.rmtree

    def stop(folder, **options):
        monkeypatch.setattr(shutil, "rmtree", really)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(shutil, "rmtree", stop)
    with pytest.raises(KeyboardInterrupt), recorder.recording(store, make_config({}), "a", {}) as run:
        folder = run.create_work_folder()
    found = queries.run(store, 1)
    assert (found.state, found.phase, found.work_path) == ("complete", None, None)
    assert not folder.exists()


def test_a_silent_run_of_another_machine_reads_as_crashed_and_reading_writes_nothing(store):
    with recorder.recording(store, make_config({}), "a", {}) as run:
        silent = {"heartbeat_at": datetime.now(UTC) - timedelta(minutes=2), "host": "elsewhere"}
        with store.write_session() as session:
            session.execute(update(RunRow).values(**silent))
        assert queries.run(store, run.id).state == "crashed"
        assert queries.run(store, run.id).status == "running"
    assert derive_state("complete", None) == "complete"


def test_the_heartbeat_keeps_a_run_alive(store, monkeypatch):
    monkeypatch.setattr(recorder, "HEARTBEAT_SECONDS", 0.05)
    with recorder.recording(store, make_config({}), "a", {}) as run:
        first = queries.run(store, run.id).heartbeat_at
        deadline = datetime.now(UTC) + timedelta(seconds=20)
        while queries.run(store, run.id).heartbeat_at == first and datetime.now(UTC) < deadline:
            pass
        assert queries.run(store, run.id).heartbeat_at > first


def test_a_run_gives_a_sign_of_life_at_once_when_the_clock_is_set(store, monkeypatch):
    monkeypatch.setattr(recorder, "HEARTBEAT_SECONDS", 3600)
    with recorder.recording(store, make_config({}), "a", {}) as run:
        first = queries.run(store, run.id).heartbeat_at
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() - 3600)
        deadline = time.monotonic() + 20
        while queries.run(store, run.id).heartbeat_at == first and time.monotonic() < deadline:
            time.sleep(0.1)
        assert queries.run(store, run.id).heartbeat_at > first


def test_values_that_are_no_numbers_are_null(store):
    with recorder.recording(store, make_config({}), "a", {}) as run:
        run.log_history(1, 0.5, {"loss": float("nan"), "learning_rate": 0.1})
    history = queries.history(store, [run.id]).set_index("name")["value"]
    assert np.isnan(history["loss"])
    assert history["learning_rate"] == 0.1


def test_the_list_carries_headline_metrics_with_intervals(store, data):
    run_id, expected = record(store, data)
    row = queries.runs(store).iloc[0]
    assert (row["id"], row["dataset"], row["state"]) == (run_id, "movie-reviews-3", "complete")
    assert row["accuracy"] == pytest.approx((expected.argmax(axis=1) == data.test.labels).mean())
    assert row["macro_f1_low"] < row["macro_f1"] < row["macro_f1_high"]


def test_a_run_that_is_not_there_is_told(store, data):
    with pytest.raises(RequestError, match="There is no run 7. There are no runs yet"):
        queries.run(store, 7)
    record(store, data)
    with pytest.raises(RequestError, match="The newest is 1"):
        queries.run(store, 7)


def test_the_same_baseline_is_found_again_only_under_the_same_conditions(store, data):
    run_id, _ = record(store, data)
    settings = queries.run(store, run_id).config
    assert queries.find_identical_run(store, settings, data.fingerprint, {"torch": "1"}).id == run_id
    assert queries.find_identical_run(store, settings, data.fingerprint, {"torch": "2"}) is None
    assert queries.find_identical_run(store, settings, "other", {"torch": "1"}) is None
    assert queries.find_identical_run(store, settings | {"test_size": 31}, data.fingerprint, {"torch": "1"}) is None


def test_the_best_baseline_is_of_the_runs_seed(store, data):
    mine = {record(store, data, method="tfidf", seed=1)[0], record(store, data, method="untrained", seed=2, **{})[0]}
    other = record(store, data, "untrained", 3)[0]
    with store.write_session() as session:
        session.execute(update(RunRow).where(RunRow.id == other).values(seed=99))
    assert queries.best_baseline(store, 1, seed=42) in mine


def test_deleting_takes_what_hangs_on_a_run_and_leaves_the_others(store, data):
    first, _ = record(store, data)
    second, _ = record(store, data, method="majority")
    folder = store.folder / "adapters" / "1-tfidf"
    folder.mkdir(parents=True)
    with store.write_session() as session:
        session.execute(update(RunRow).where(RunRow.id == first).values(adapter_path="adapters/1-tfidf"))
    run_edits.delete_run(store, first)
    assert not folder.exists()
    assert queries.predictions(store, first).empty
    assert len(queries.predictions(store, second)) == 30
    run_edits.delete_run(store, second)
    assert queries.datasets(store).empty


def test_a_path_that_leaves_the_adapters_folder_is_never_followed(store, data, tmp_path):
    run_id, _ = record(store, data)
    precious = tmp_path / "precious"
    precious.mkdir()
    with store.write_session() as session:
        session.execute(update(RunRow).values(adapter_path="adapters/../precious"))
    run_edits.delete_run(store, run_id)
    assert precious.is_dir()


def test_a_running_run_is_not_deleted(store):
    with recorder.recording(store, make_config({}), "a", {}) as run, pytest.raises(RequestError, match="still running"):
        run_edits.delete_run(store, run.id)


def test_a_published_database_names_no_machine(store, data):
    run_id, _ = record(store, data)
    assert queries.run(store, run_id).host
    make_publishable(store)
    assert queries.run(store, run_id).host is None
    assert queries.run(store, run_id).pid is None


def test_a_published_sqlite_database_is_one_file(sqlite_store, data):
    record(sqlite_store, data)
    make_publishable(sqlite_store)
    sqlite_store.engine.dispose()
    with sqlite3.connect(f"file:{sqlite_store.address}?immutable=1", uri=True) as alone:  # the file without its journal
        assert alone.execute("SELECT count(*) FROM predictions").fetchone() == (30,)


def test_times_are_utc(store, data):
    run_id, _ = record(store, data)
    created = queries.run(store, run_id).created_at
    assert created.tzinfo is not None
    assert abs(datetime.now(UTC) - created) < timedelta(minutes=5)


def test_reading_where_there_is_no_database_makes_none(tmp_path):
    with pytest.raises(RequestError, match="There is no database"):
        open_store(str(tmp_path / "none.db"))
    assert not (tmp_path / "none.db").exists()


def test_another_programs_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE songs (id)")
    before = path.read_bytes()
    with pytest.raises(RequestError, match=r"of another program \(its tables: songs\)"):
        open_store(str(path), create=True)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "notes.db"
    path.write_text("not a database, " * 100)
    with pytest.raises(RequestError, match="is not an SQLite database"):
        open_store(str(path), create=True)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(RequestError, match="cannot be opened"):
        open_store(str(tmp_path / "no" / "runs.db"), create=True)


def test_the_address_comes_from_the_flag_then_the_environment_then_the_default(monkeypatch, tmp_path):
    monkeypatch.setenv("RUNS_DB", str(tmp_path / "env.db"))
    assert resolve_url(str(tmp_path / "flag.db")).database == str(tmp_path / "flag.db")
    assert resolve_url().database == str(tmp_path / "env.db")
    monkeypatch.delenv("RUNS_DB")
    assert resolve_url().database == str(engine.DEFAULT_DATABASE)


def test_an_address_is_shown_without_its_password():
    from sqlalchemy import make_url

    class Server:
        url = make_url("postgresql://me:secret@host/runs")

    shown = engine.Store(Server(), engine.DEFAULT_DATABASE.parent).address
    assert "secret" not in shown


def test_a_wrong_url_is_told():
    with pytest.raises(RequestError, match="neither a path nor a database URL"):
        resolve_url("://")


@pytest.mark.parametrize("url", ["nosuch://me:secret@host/runs", "oracle://me:secret@host/runs"])
def test_a_server_without_its_driver_is_told_without_the_password(url):
    with pytest.raises(RequestError, match="no driver for this kind") as error:
        open_store(url, create=True)
    assert "secret" not in str(error.value)


def test_opening_again_finds_what_was_written(store, data):
    record(store, data)
    again = open_store(store.address)
    assert len(queries.runs(again)) == 1
    again.engine.dispose()


def test_the_class_with_the_lowest_f1_comes_with_the_run(store, data):
    run_id, _ = record(store, data)
    row = queries.runs(store).iloc[0]
    worst = queries.class_metrics(store, [run_id]).sort_values(["f1", "label"]).iloc[0]
    assert (row["worst_class"], row["worst_f1"]) == (worst["label"], worst["f1"])


def test_a_value_that_is_not_what_was_written_is_said_to_be_damaged(sqlite_store, data):
    run_id, _ = record(sqlite_store, data)
    with sqlite_store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE datasets SET labels = '[\"nega'")
    with pytest.raises(RequestError, match="is damaged: it holds a value that cannot be read"):
        queries.dataset(sqlite_store, queries.run(sqlite_store, run_id).dataset_id)


def test_a_prediction_of_no_known_label_is_said_to_be_damaged(store, data):
    run_id, _ = record(store, data)
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE predictions SET predicted = 'negatovi' WHERE example_id BETWEEN 61 AND 70")
    with pytest.raises(RequestError, match="names the label 'negatovi', which is none of negative, neutral, positive"):
        queries.labels_and_predictions(store, run_id, data.labels)
