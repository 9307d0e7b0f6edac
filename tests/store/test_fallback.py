"""A run whose database refuses a write is recorded in a fallback database and merged back."""

import json
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from core.catalog.figures import MACRO_F1_DIFFERENCE
from core.config import make_config
from core.errors import RequestError, StoreError
from core.runs.recovery import RecoveryResult, recover, recover_all
from core.store import queries
from core.store.engine import open_store
from core.store.fallback import import_fallback, is_recorded, list_fallbacks
from core.store.recorder import recording
from core.store.run_edits import edit_run
from core.store.run_writer import RunWriter
from tests.command_line import SIZES, run_cli
from tests.store.helpers import DATA, lock_database, record_run, save_random_predictions, set_columns

SETTINGS = {**DATA, "method": "lora"}


@pytest.fixture(autouse=True)
def state_home(tmp_path, monkeypatch):
    """Isolate the test from the fallback databases of other tests."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def store(sqlite_store):
    """Return a store with a short busy timeout."""
    store = open_store(sqlite_store.address, busy_timeout=0.1)
    yield store
    store.engine.dispose()


def record_while_locked(store, data, lock_at=0):
    """Record a run with files while its database is locked from a point on; return its writer and probabilities.

    Points: 0 before the run begins, 1 before its data set, 2 before its test predictions, 3 before its end,
    None never.
    """
    with closing(sqlite3.connect(store.address, isolation_level=None)) as other:

        def reach(point):
            if point == lock_at:
                other.execute("BEGIN EXCLUSIVE")

        reach(0)
        with recording(store, make_config(SETTINGS), "a run", {"packages": {}}) as run:
            reach(1)
            run.log_history(1, 0.5, {"loss": 0.7})
            run.save_dataset(data, "key")
            save_random_predictions(run, data, "validation")
            reach(2)
            run.log_history(2, 1.0, {"loss": 0.6})
            probabilities = save_random_predictions(run, data)
            folder = run.store.folder / "adapters" / "1-lora-r8"
            folder.mkdir(parents=True)
            (folder / "README.md").write_text("a card")
            run.update(adapter_path="adapters/1-lora-r8", trainable_parameters=1, total_parameters=2)
            reach(3)
    if run.is_in_fallback:
        run.store.engine.dispose()
    return run, probabilities


def record_in_fallback(store, data, error=None):
    """Record a run that switches to a fallback database and has unfinished work when it ends; return its writer."""
    with recording(store, make_config(SETTINGS), "a run", {"packages": {}}) as run:
        run.save_dataset(data, "key")
        run.switch_to_fallback("The database was locked.")
        (run.create_work_folder() / "checkpoint").write_text("step 5")
        if error is not None:
            raise error
    run.store.engine.dispose()
    return run


@pytest.mark.parametrize("lock_at", [0, 1, 2, 3])
def test_run_of_a_locked_database_is_merged_back_completely(store, data, lock_at):
    run, probabilities = record_while_locked(store, data, lock_at)
    assert run.is_in_fallback
    assert len(list_fallbacks(store)) == 1
    (run_id,) = recover_all(store).run_ids
    record = queries.run(store, run_id)
    assert (record.state, record.name, record.trainable_parameters) == ("complete", "a run", 1)
    assert len(queries.runs(store)) == 1
    assert np.array_equal(queries.probabilities(store, run_id), probabilities)
    assert len(queries.predictions(store, run_id, "validation")) == 20
    assert queries.history(store, [run_id])["value"].tolist() == [0.7, 0.6]
    assert list(queries.predictions(store, run_id)["text"]) == list(data.test.texts)
    assert any("Recording continues in" in text for text in queries.log_tail(store, run_id)["text"])
    assert (record.adapter_folder(store.folder) / "README.md").is_file()
    assert list_fallbacks(store) == [] and not (store.folder / "aside").exists()


def test_merged_run_gets_the_next_id_and_the_link_to_its_baseline(store, data):
    record_while_locked(store, data)
    baseline_id, _ = record_run(store, data, method="majority", seed=1)
    assert recover_all(store).run_ids == (2,)
    record = queries.run(store, 2)
    assert record.baseline_id == baseline_id == 1
    assert record.adapter_path == "adapters/2-lora-r8"
    assert MACRO_F1_DIFFERENCE in queries.metrics(store, [2])["name"].tolist()
    assert (record.adapter_folder(store.folder) / "README.md").read_text() != "a card"


def test_edits_made_before_the_merge_are_kept(store, data):
    record_while_locked(store, data, 2)
    edit_run(store, 1, "renamed", "a note", ["good"])
    recover_all(store)
    record = queries.run(store, 1)
    assert (record.name, record.notes, record.tags) == ("renamed", "a note", ["good"])


def test_merge_waits_while_the_database_is_locked(store, data):
    record_while_locked(store, data, 1)
    with lock_database(store), pytest.raises(StoreError) as error:
        recover_all(store)
    assert error.value.code == "locked"
    assert len(list_fallbacks(store)) == 1
    assert recover_all(store) == RecoveryResult((1,), ())
    assert recover_all(store) == RecoveryResult((), ())


def test_running_run_is_not_merged(store):
    with recording(store, make_config(SETTINGS), "a run", {}) as run:
        run.switch_to_fallback("No reason.")
        with pytest.raises(RequestError) as error:
            recover(store, run.store.folder)
        assert error.value.code == "run_is_running"


def test_run_switches_to_a_fallback_database_only_once(store):
    with recording(store, make_config(SETTINGS), "a run", {}) as run:
        run.switch_to_fallback("No reason.")
        with pytest.raises(StoreError):
            run.switch_to_fallback("Another reason.")
        assert run.storage.stores == (store, run.store)


def test_run_of_a_full_database_is_recorded_in_a_fallback_database(store, data):
    with recording(store, make_config(SETTINGS), "a run", {"packages": {}}) as run:
        with closing(sqlite3.connect(store.address)) as other:
            pages = other.execute("PRAGMA page_count").fetchone()[0]
        connection = store.engine.raw_connection()
        connection.cursor().execute(f"PRAGMA max_page_count = {pages}")  # kept by the pool's one connection
        connection.close()
        run.save_dataset(data, "key")
        probabilities = save_random_predictions(run, data)
    (fallback,) = list_fallbacks(store)
    assert "is full" in fallback.reason
    run.store.engine.dispose()
    reopened = open_store(store.address)
    assert recover_all(reopened).run_ids == (1,)
    assert np.array_equal(queries.probabilities(reopened, 1), probabilities)
    reopened.engine.dispose()


def test_fallback_databases_of_another_database_are_not_listed(store, data):
    record_while_locked(store, data)
    other = open_store(str(store.folder / "other.db"), create=True)
    assert recover_all(other) == RecoveryResult((), ()) and len(list_fallbacks(store)) == 1
    other.engine.dispose()


def test_folder_with_invalid_metadata_is_ignored(store):
    for number, content in enumerate(("", "{", "[]", '{"database": 1}')):
        folder = store.folder / "aside" / str(number)
        folder.mkdir(parents=True)
        (folder / "aside.json").write_text(content)
    assert list_fallbacks(store) == []


def test_fallback_database_of_an_earlier_version_is_found(store, tmp_path):
    folder = tmp_path / "state" / "adapter-bench" / "run-1-0123"
    folder.mkdir(parents=True)
    label = {"database": store.address, "reason": "It was locked.", "taken": 3}
    (folder / "aside.json").write_text(json.dumps(label))
    (fallback,) = list_fallbacks(store)
    assert (fallback.folder, fallback.reason, fallback.imported_as) == (folder, "It was locked.", 3)


def test_run_is_recorded_only_in_its_own_database(store, data):
    recorded, _ = record_while_locked(store, data, None)
    in_fallback, _ = record_while_locked(store, data, 2)
    assert is_recorded(store, queries.run(recorded.store, recorded.id))
    fallback_run = queries.run(in_fallback.store, in_fallback.id)
    assert not is_recorded(store, fallback_run)
    with lock_database(store):
        assert not is_recorded(store, fallback_run)


def test_run_is_not_recorded_before_its_files_are_copied(store, data):
    run, _ = record_while_locked(store, data, 2)
    (store.folder / "adapters").write_text("not a folder")
    assert recover_all(store).errors
    assert not is_recorded(store, queries.run(store, run.id))
    (store.folder / "adapters").unlink()
    assert recover_all(store).run_ids == (run.id,)
    assert is_recorded(store, queries.run(store, run.id))


def test_commands_report_and_merge_a_fallback_database(store, data, monkeypatch):
    record_while_locked(store, data)
    monkeypatch.setenv("RUNS_DB", store.address)
    code, output, errors = run_cli(["--dataset", "movie-reviews-3", "--method", "majority", *SIZES])
    assert code == 0 and "majority" in output
    assert str(store.folder / "aside") in errors and "runner.py db recover" in errors
    code, output, _ = run_cli(["db", "check"])
    assert code == 0 and "is in this fallback database" in output
    assert run_cli(["db", "recover"])[0] == 0
    assert "fallback database" not in run_cli(["db", "check"])[1]
    assert len(queries.runs(store)) == 2


def test_interrupted_merge_leaves_no_second_run(store, data):
    _, probabilities = record_while_locked(store, data)
    record_run(store, data, method="majority")
    (store.folder / "adapters").write_text("not a folder")
    for _ in range(2):
        assert len(recover_all(store).errors) == 1
    (store.folder / "adapters").unlink()
    assert recover_all(store).run_ids == (2,)
    assert len(queries.runs(store)) == 2
    assert (queries.run(store, 2).adapter_folder(store.folder) / "README.md").is_file()
    assert np.array_equal(queries.probabilities(store, 2), probabilities)


def test_repeated_merge_adds_nothing(store, data):
    _, probabilities = record_while_locked(store, data)
    (fallback,) = list_fallbacks(store)
    assert import_fallback(store, fallback.folder) == import_fallback(store, fallback.folder) == 1
    assert recover_all(store).run_ids == (1,)
    assert len(queries.runs(store)) == 1 and np.array_equal(queries.probabilities(store, 1), probabilities)


def test_run_that_was_resumed_meanwhile_is_not_overwritten(store, data):
    record_in_fallback(store, data, ValueError("boom"))
    set_columns(store, 1, status="failed", pid=None)  # as if its process had ended long ago
    with recording(store, make_config(SETTINGS), "a run", {"packages": {}}, resume_id=1) as run:
        run.save_dataset(data, "key")
        probabilities = save_random_predictions(run, data)
        run.update(adapter_sha256="abc")
    assert recover_all(store).run_ids == (1,)
    record = queries.run(store, 1)
    assert (record.state, record.error_message, record.adapter_sha256) == ("complete", None, "abc")
    assert np.array_equal(queries.probabilities(store, 1), probabilities)
    assert list_fallbacks(store) == []


def test_checkpoints_are_merged_with_their_run(store, data):
    record_in_fallback(store, data, ValueError("boom"))
    assert recover_all(store).run_ids == (1,)
    record = queries.run(store, 1)
    assert record.state == "failed"
    assert (record.work_folder(store.folder) / "checkpoint").read_text() == "step 5"


def test_leftover_work_folder_beside_the_database_is_deleted(store):
    with recording(store, make_config(SETTINGS), "a run", {"packages": {}}) as run:
        leftover = run.create_work_folder()
        run.switch_to_fallback("The folder was read-only.")
    run.store.engine.dispose()
    leftover.mkdir()  # in a read-only folder nothing can be deleted
    assert recover_all(store).run_ids == (1,)
    assert not leftover.exists() and queries.run(store, 1).work_path is None


def test_damaged_fallback_database_does_not_block_others(store, data):
    damaged, _ = record_while_locked(store, data)
    record_while_locked(store, data)
    (damaged.store.folder / "runs.db").write_text("no database")
    result = recover_all(store)
    assert len(result.run_ids) == 1 and len(result.errors) == 1
    assert f"The fallback database in {damaged.store.folder} cannot be read" in result.errors[0]


def test_resumed_run_switches_before_its_data_set_is_known(store, data):
    run_id, _ = record_run(store, data)
    set_columns(store, run_id, status="failed")
    with recording(store, make_config(SETTINGS), "a run", {"packages": {}}, resume_id=run_id) as run:
        run.switch_to_fallback("The database was locked.")
        run.save_dataset(data, "key")
        probabilities = save_random_predictions(run, data)
    run.store.engine.dispose()
    assert recover_all(store).run_ids == (run_id,)
    assert np.array_equal(queries.probabilities(store, run_id), probabilities)


@pytest.mark.parametrize("is_beside_possible", [True, False], ids=["beside", "elsewhere"])
def test_folder_that_cannot_be_used_is_skipped(store, data, tmp_path, monkeypatch, is_beside_possible):
    (tmp_path / "state").mkdir()
    unusable = tmp_path / "state" / "adapter-bench" if is_beside_possible else store.folder / "aside"
    unusable.write_text("not a folder")
    assert list_fallbacks(store) == []
    expected = store.folder / "aside" if is_beside_possible else tmp_path / "state" / "adapter-bench"
    assert record_while_locked(store, data, 1)[0].store.folder.parent == expected
    assert len(list_fallbacks(store)) == 1


def test_missing_home_folder_raises_no_error(store, monkeypatch):
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "")
    assert list_fallbacks(store) == []


def test_fallback_database_is_found_for_every_address_of_its_database(store, monkeypatch):
    with recording(store, make_config(SETTINGS), "a run", {}) as run:
        run.switch_to_fallback("No reason.")
    monkeypatch.chdir(store.folder)
    for address in ("runs.db", f"sqlite:///../{store.folder.name}/runs.db", f"sqlite:///{store.address}"):
        assert len(list_fallbacks(open_store(address))) == 1
    run.store.engine.dispose()


def test_additions_to_a_run_that_has_ended_use_no_fallback_database(store, data):
    run_id, _ = record_run(store, data)
    with lock_database(store), pytest.raises(StoreError):
        RunWriter.reopen(store, run_id).update(baseline_id=None)
    assert list_fallbacks(store) == []
