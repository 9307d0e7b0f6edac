"""A database that takes nothing: the record goes on aside, and comes home."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest
from sqlalchemy import update

from core.catalog.figures import MACRO_F1_DIFFERENCE
from core.config import make_config
from core.data import load_data
from core.errors import RequestError, StoreError
from core.evaluation.metrics import evaluate
from core.models.classifier import probabilities
from core.runs.recovery import RecoveryResult, recover, recover_all
from core.store import queries
from core.store.engine import open_store
from core.store.fallback import import_fallback, is_recorded, list_fallbacks
from core.store.recorder import recording
from core.store.run_writer import RunWriter
from core.store.schema import RunRow
from tests.bad_input.asking import SIZES, ask

SETTINGS = {"method": "lora", "dataset": "movie-reviews-3", "train_size": 40, "validation_size": 20, "test_size": 30}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """No record of another database, and none of ours in a real home."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def store(tmp_path):
    (tmp_path / "db").mkdir()
    return open_store(str(tmp_path / "db" / "runs.db"), create=True, busy_timeout=0.2)


@pytest.fixture(scope="module")
def data():
    return load_data(make_config(SETTINGS))


def locked(store):
    """Hold the database as another program would, until it is closed."""
    other = sqlite3.connect(store.address, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    return closing(other)


def evaluated(run, data, split, seed=0):
    logits = np.random.default_rng(seed).normal(size=(len(data.splits[split]), len(data.labels))).astype(np.float32)
    shares = probabilities(logits)
    dataset_id = run.save_dataset(data, "key")
    run.save_predictions(data, split, dataset_id, shares, evaluate(data.splits[split].labels, shares, data.labels))
    return shares


def record(store, data, lock_at, method="lora"):
    """Record a run while the database is locked from a point on: 0 before it begins, to 3 before it ends."""
    config = make_config({**SETTINGS, "method": method})
    locks = []

    def point(number):
        if number == lock_at:
            locks.append(locked(store).__enter__())

    point(0)
    with recording(store, config, "a run", {"packages": {}}) as run:
        run.enter_phase("training")
        point(1)
        run.log_history(1, 0.5, {"loss": 0.7})
        evaluated(run, data, "validation")
        point(2)
        run.log_history(2, 1.0, {"loss": 0.6})
        shares = evaluated(run, data, "test")
        folder = run.store.folder / "adapters" / "1-lora-r8"
        folder.mkdir(parents=True)
        (folder / "README.md").write_text("a card")
        run.update(adapter_path="adapters/1-lora-r8", trainable_parameters=1, total_parameters=2, model="a/model")
        point(3)
    for lock in locks:
        lock.close()
    return run, shares


@pytest.mark.parametrize("lock_at", [0, 1, 2, 3])
def test_a_record_that_found_its_database_locked_comes_home_whole(store, data, lock_at):
    run, shares = record(store, data, lock_at)
    assert run.store is not store
    (kept,) = list_fallbacks(store)
    assert "is locked by another program" in kept.reason
    run.store.engine.dispose()
    (taken,) = recover_all(store).run_ids
    found = queries.run(store, taken)
    assert (found.state, found.name, found.trainable_parameters) == ("complete", "a run", 1)
    assert len(queries.runs(store)) == 1
    assert np.array_equal(queries.probabilities(store, taken), shares)
    assert len(queries.predictions(store, taken, "validation")) == 20
    assert queries.history(store, [taken])["value"].tolist() == [0.7, 0.6]
    assert list(queries.predictions(store, taken)["text"]) == list(data.test.texts)
    assert any("Recording continues in" in text for text in queries.log_tail(store, taken)["text"])
    assert (found.adapter_folder(store.folder) / "README.md").is_file()
    assert list_fallbacks(store) == [] and not list(store.folder.glob("aside/*"))


def test_a_record_comes_home_into_a_database_that_has_new_runs(store, data):
    run, _ = record(store, data, 0)
    run.store.engine.dispose()
    with recording(store, make_config({**SETTINGS, "method": "majority"}), "another", {"packages": {}}) as other:
        evaluated(other, data, "test", seed=1)
    assert recover_all(store).run_ids == (2,)
    found = queries.run(store, 2)
    assert found.baseline_id == other.id == 1
    assert found.adapter_path == "adapters/2-lora-r8"
    names = queries.metrics(store, [2])["name"].tolist()
    assert MACRO_F1_DIFFERENCE in names
    assert "Against the best baseline" in (found.adapter_folder(store.folder) / "README.md").read_text()


def test_what_people_said_of_a_run_meanwhile_stays(store, data):
    from core.store.run_edits import edit_run

    run, _ = record(store, data, 2)
    run.store.engine.dispose()
    edit_run(store, 1, "renamed", "a note", ["good"])
    recover_all(store)
    found = queries.run(store, 1)
    assert (found.name, found.notes, found.tags) == ("renamed", "a note", ["good"])


def test_a_record_waits_while_its_database_is_still_locked(store, data):
    run, _ = record(store, data, 1)
    run.store.engine.dispose()
    with locked(store), pytest.raises(StoreError, match="locked"):
        recover_all(store)
    assert len(list_fallbacks(store)) == 1
    assert recover_all(store).run_ids == (1,)
    assert recover_all(store) == RecoveryResult((), ())


def test_a_run_that_is_still_at_work_is_not_taken_in(store, data):
    with recording(store, make_config(SETTINGS), "a run", {}) as run:
        run.switch_to_fallback("No reason.")
        with pytest.raises(RequestError, match="still running"):
            recover(store, run.store.folder)


def test_a_full_database_sends_the_record_aside(store, data):
    with recording(store, make_config(SETTINGS), "a run", {"packages": {}}) as run:
        with closing(sqlite3.connect(store.address)) as other:
            pages = other.execute("PRAGMA page_count").fetchone()[0]
        for connection in (store.engine.raw_connection(),):
            connection.cursor().execute(f"PRAGMA max_page_count = {pages}")  # kept by the pool's one connection
            connection.close()
        shares = evaluated(run, data, "test")
    (kept,) = list_fallbacks(store)
    assert "is full" in kept.reason
    run.store.engine.dispose()
    again = open_store(store.address)
    assert recover_all(again).run_ids == (1,)
    assert np.array_equal(queries.probabilities(again, 1), shares)


def test_records_of_another_database_are_left_alone(store, data, tmp_path):
    run, _ = record(store, data, 0)
    run.store.engine.dispose()
    other = open_store(str(tmp_path / "db" / "other.db"), create=True)
    assert recover_all(other) == RecoveryResult((), ()) and len(list_fallbacks(store)) == 1


def test_a_label_that_cannot_be_read_is_passed_over(store):
    for number, content in enumerate(("", "{", "[]", '{"database": 1}')):
        folder = store.folder / "aside" / str(number)
        folder.mkdir(parents=True)
        (folder / "aside.json").write_text(content)
    assert list_fallbacks(store) == []


def test_a_record_is_home_when_its_database_tells_what_it_tells(store, data):
    at_home, _ = record(store, data, None)
    away, _ = record(store, data, 2)
    assert is_recorded(store, queries.run(at_home.store, at_home.id))
    assert not is_recorded(store, queries.run(away.store, away.id))
    with locked(store):
        assert not is_recorded(store, queries.run(away.store, away.id))


def test_a_record_is_not_home_while_its_files_are_not(store, data):
    away, _ = record(store, data, 2)
    (store.folder / "adapters").write_text("no folder")
    assert recover_all(store).errors
    assert not is_recorded(store, queries.run(store, away.id))
    (store.folder / "adapters").unlink()
    assert recover_all(store).run_ids == (away.id,)
    assert is_recorded(store, queries.run(store, away.id))


def test_a_run_is_reported_while_an_earlier_record_is_still_aside(store, data, monkeypatch):
    away, _ = record(store, data, 0)
    away.store.engine.dispose()
    monkeypatch.setenv("RUNS_DB", store.address)
    code, out, err = ask(["--dataset", "movie-reviews-3", "--method", "majority", *SIZES])
    assert code == 0 and "majority" in out
    assert str(store.folder) in err and "runner.py db recover" in err
    code, out, _ = ask(["db", "check"])
    assert code == 0 and "a record of this database is kept aside here." in out
    assert ask(["db", "recover"])[:2] == (0, "Merged: run 2.\n")
    assert "kept aside" not in ask(["db", "check"])[1]


def ended_aside(store, data, error=None):
    """Record a run that goes aside in the middle and ends there, by an error or complete."""
    with recording(store, make_config(SETTINGS), "a run", {"packages": {}}) as run:
        evaluated(run, data, "validation")
        run.switch_to_fallback("The database was locked.")
        (run.create_work_folder() / "checkpoint").write_text("step 5")
        if error is not None:
            raise error
    run.store.engine.dispose()
    return run


def test_a_try_that_is_cut_short_leaves_no_second_run(store, data):
    away, shares = record(store, data, 0)
    away.store.engine.dispose()
    with recording(store, make_config({**SETTINGS, "method": "majority"}), "another", {"packages": {}}):
        pass
    (store.folder / "adapters").write_text("no folder")
    for _ in range(3):
        (why,) = recover_all(store).errors
        assert "cannot be copied" in why and str(away.store.folder) in why
    (store.folder / "adapters").unlink()
    assert recover_all(store).run_ids == (2,)
    assert len(queries.runs(store)) == 2
    assert (queries.run(store, 2).adapter_folder(store.folder) / "README.md").is_file()
    assert np.array_equal(queries.probabilities(store, 2), shares)


def test_a_record_that_is_taken_in_twice_is_there_once(store, data):
    away, shares = record(store, data, 0)
    away.store.engine.dispose()
    (kept,) = list_fallbacks(store)
    assert import_fallback(store, kept.folder) == import_fallback(store, kept.folder) == 1
    assert recover_all(store).run_ids == (1,)
    assert len(queries.runs(store)) == 1 and np.array_equal(queries.probabilities(store, 1), shares)


def test_a_run_that_was_taken_up_again_stays_as_it_became(store, data):
    ended_aside(store, data, ValueError("boom"))
    with store.write_session() as session:  # as if its process had been gone for long
        session.execute(update(RunRow).values(status="failed", pid=None))
    with recording(store, make_config(SETTINGS), "a run", {"packages": {}}, resume_id=1) as run:
        shares = evaluated(run, data, "test")
        run.update(adapter_sha256="abc")
    assert recover_all(store).run_ids == (1,)
    found = queries.run(store, 1)
    assert (found.state, found.error_message, found.adapter_sha256) == ("complete", None, "abc")
    assert np.array_equal(queries.probabilities(store, 1), shares)
    assert list_fallbacks(store) == []


def test_checkpoints_come_home_with_their_record(store, data):
    ended_aside(store, data, ValueError("boom"))
    assert recover_all(store).run_ids == (1,)
    found = queries.run(store, 1)
    assert found.state == "failed"
    assert (found.work_folder(store.folder) / "checkpoint").read_text() == "step 5"


def test_what_a_whole_record_left_behind_when_it_went_aside_is_cleared(store, data):
    with recording(store, make_config(SETTINGS), "a run", {"packages": {}}) as run:
        left = run.create_work_folder()
        run.switch_to_fallback("The folder was closed.")
    run.store.engine.dispose()
    left.mkdir()  # a folder that is closed lets nothing of it be deleted
    assert recover_all(store).run_ids == (1,)
    assert not left.exists() and queries.run(store, 1).work_path is None


def test_one_that_can_not_be_taken_in_keeps_no_other_out(store, data):
    damaged, _ = record(store, data, 0)
    sound, _ = record(store, data, 0)
    for run in (damaged, sound):
        run.store.engine.dispose()
    (damaged.store.folder / "runs.db").write_text("no database")
    done = recover_all(store)
    assert len(done.run_ids) == 1 and len(done.errors) == 1
    assert f"The record in {damaged.store.folder} cannot be read" in done.errors[0]


def test_a_run_that_is_taken_up_goes_aside_before_its_data_are_there(store, data):
    with recording(store, make_config(SETTINGS), "a run", {"packages": {}}) as run:
        evaluated(run, data, "validation")
        raise ValueError("boom")
    with recording(store, make_config(SETTINGS), "a run", {"packages": {}}, resume_id=1) as run:
        run.switch_to_fallback("The database was locked.")
        shares = evaluated(run, data, "test")
    run.store.engine.dispose()
    assert recover_all(store).run_ids == (1,)
    assert np.array_equal(queries.probabilities(store, 1), shares)


def test_a_place_that_nobody_may_look_into_is_passed_over(store, data, tmp_path, monkeypatch):
    (tmp_path / "state").write_text("no folder")
    assert list_fallbacks(store) == []
    assert record(store, data, 1)[0].store.folder.parent == store.folder / "aside"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "")
    assert len(list_fallbacks(store)) == 1


def test_a_record_is_found_however_its_database_is_named(store, data, monkeypatch):
    record(store, data, 1)
    monkeypatch.chdir(store.folder)
    for address in ("runs.db", "sqlite:///runs.db", "sqlite:///../db/runs.db", f"sqlite:///{store.address}"):
        assert len(list_fallbacks(open_store(address))) == 1


def test_what_is_added_to_a_whole_record_does_not_go_aside(store, data):
    with recording(store, make_config(SETTINGS), "a run", {"packages": {}}) as run:
        pass
    with locked(store), pytest.raises(StoreError, match="locked"):
        RunWriter.reopen(store, run.id).update(baseline_id=None)
    assert list_fallbacks(store) == []
