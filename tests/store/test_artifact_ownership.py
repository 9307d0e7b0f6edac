"""Deleting and resuming runs deletes only their own folders."""

import os
import shutil

import pytest

from cli.main import main
from core.config import make_config
from core.errors import RunError
from core.store import queries, run_edits
from core.store.backups import back_up
from core.store.engine import open_store
from core.store.integrity import check
from core.store.recorder import recording
from core.system.files import CHECKSUM_PATTERNS, compute_checksum
from tests.store.helpers import address_of, record_with_adapter, record_with_work, set_columns

STOPPED = RunError("stopped after its adapter was saved")


def resume(store, run_id):
    """Resume a run, which completes; return its log."""
    with recording(store, make_config({}), "resumed", {}, resume_id=run_id):
        pass
    assert queries.run(store, run_id).state == "complete"
    return " ".join(queries.log_tail(store, run_id)["text"])


def delete_from_trash(store, run_id):
    run_edits.trash_runs(store, [run_id])
    return run_edits.delete_trashed_runs(store, [run_id])


@pytest.mark.parametrize("delete", [run_edits.delete_run, delete_from_trash])
def test_run_is_deleted_with_its_adapter_and_work_folder(delete, store):
    (with_adapter, adapter), (with_work, work) = record_with_adapter(store), record_with_work(store)
    assert delete(store, with_adapter) == [] == delete(store, with_work)
    assert not adapter.exists() and not work.exists()


@pytest.mark.parametrize("column", ["adapter_path", "work_path"])
def test_folder_named_after_another_run_is_kept(column, store):
    _, adapter = record_with_adapter(store)
    _, work = record_with_work(store)
    for folder in (adapter, work):
        run_id, _ = record_with_work(store)
        checksum = compute_checksum(folder, *CHECKSUM_PATTERNS)
        set_columns(store, run_id, **{"work_path": None, "adapter_sha256": checksum, column: f"adapters/{folder.name}"})
        (message,) = run_edits.delete_run(store, run_id)
        assert message.startswith(f"The folder adapters/{folder.name} was not deleted: its name does not")
        assert any(folder.iterdir())


def test_path_outside_the_adapters_folder_is_never_followed(sqlite_store):
    precious = sqlite_store.folder / "precious"
    precious.mkdir()
    run_id, _ = record_with_work(sqlite_store)
    set_columns(sqlite_store, run_id, adapter_path="adapters/../precious", work_path="adapters/../precious")
    assert len(run_edits.delete_run(sqlite_store, run_id)) == 2
    assert precious.is_dir()


def test_folder_referenced_by_another_run_is_kept(store):
    first, adapter = record_with_adapter(store)
    second, _ = record_with_adapter(store)
    set_columns(store, second, adapter_path=f"adapters/x/../{adapter.name}")
    (message,) = run_edits.delete_run(store, first)
    assert f"is also recorded for run {second}" in message
    assert any(adapter.iterdir())


@pytest.mark.parametrize("checksum", [None, compute_checksum], ids=["no-checksum", "checksum-of-nothing"])
def test_files_without_a_valid_checksum_are_kept(checksum, sqlite_store):
    run_id, _ = record_with_work(sqlite_store)
    notes = sqlite_store.folder / "adapters" / f"{run_id}-my-notes"
    notes.mkdir()
    (notes / "notes.txt").write_text("mine")
    recorded = checksum and checksum(notes, *CHECKSUM_PATTERNS)
    set_columns(sqlite_store, run_id, adapter_path=f"adapters/{notes.name}", adapter_sha256=recorded)
    assert len(run_edits.delete_run(sqlite_store, run_id)) == 1
    assert (notes / "notes.txt").read_text() == "mine"


def test_empty_adapter_folder_is_deleted(sqlite_store):
    run_id, adapter = record_with_adapter(sqlite_store)
    for file in adapter.iterdir():
        file.unlink()
    assert run_edits.delete_run(sqlite_store, run_id) == []
    assert not adapter.exists()


def test_folder_referenced_by_another_database_is_kept(sqlite_store):
    run_id, adapter = record_with_adapter(sqlite_store)
    sqlite_store.engine.dispose()
    copy = sqlite_store.folder / "copy.sqlite"
    shutil.copy(sqlite_store.address, copy)
    copied = open_store(str(copy))
    assert "is also recorded in the database runs.db" in run_edits.delete_run(copied, run_id)[0]
    copied.engine.dispose()
    copy.write_bytes(b"SQLite format 3\0" + b"\xff" * 2000)  # unreadable: it may name the folder
    assert "may belong to another database" in run_edits.delete_run(sqlite_store, run_id)[0]
    assert any(adapter.iterdir())


def test_backup_of_the_database_does_not_prevent_deletion(sqlite_store):
    run_id, adapter = record_with_adapter(sqlite_store)
    back_up(sqlite_store.engine, "before-fix")
    (sqlite_store.folder / "no-database.db").write_text("words, " * 100)
    assert run_edits.delete_run(sqlite_store, run_id) == []
    assert not adapter.exists()


def test_delete_command_reports_a_changed_adapter_that_it_kept(sqlite_store, capsys):
    run_id, adapter = record_with_adapter(sqlite_store)
    (adapter / "adapter_config.json").write_text('{"r": 9}')
    assert main(["delete", str(run_id), "--yes", "--db", sqlite_store.address]) == 0
    assert f"The folder adapters/{adapter.name} was not deleted: it contains files" in capsys.readouterr().out
    assert any(adapter.iterdir())


# --- Resuming ----------------------------------------------------------------


def test_resuming_deletes_the_adapter_that_the_run_had_saved(store):
    run_id, adapter = record_with_adapter(store, error=STOPPED)
    assert "not deleted" not in resume(store, run_id)
    assert not adapter.exists()


@pytest.mark.parametrize("column", ["adapter_path", "work_path"])
def test_resuming_keeps_a_folder_of_another_run(column, store):
    _, adapter = record_with_adapter(store)
    run_id, work = record_with_work(store)
    set_columns(store, run_id, **{column: f"adapters/{adapter.name}"})
    log = resume(store, run_id)
    assert any(adapter.iterdir())
    assert work.exists() == (column == "work_path")
    assert ("not deleted" in log) == (column == "adapter_path")


def test_resuming_keeps_an_adapter_that_was_changed(sqlite_store):
    run_id, adapter = record_with_adapter(sqlite_store, error=STOPPED)
    (adapter / "adapter_config.json").write_text('{"r": 9}')
    assert "not deleted" in resume(sqlite_store, run_id)
    assert any(adapter.iterdir())


# --- A server's database, opened from another folder than its runs were recorded in ---


@pytest.fixture
def two_folders(postgres_store, tmp_path, monkeypatch):
    """Return a server's store and the store of an SQLite file with other runs, both in one folder.

    The server's run 1 has an adapter and its run 2 a work folder in another folder.
    """
    record_with_adapter(postgres_store, error=STOPPED)
    record_with_work(postgres_store)
    there = tmp_path / "there"
    there.mkdir()
    local_store = open_store(str(there / "runs.db"), create=True)
    record_with_adapter(local_store)  # the same id, name and content
    monkeypatch.chdir(there)
    server_store = open_store(address_of(postgres_store))
    yield server_store, local_store
    server_store.engine.dispose()
    local_store.engine.dispose()


def list_files(*folders):
    return [
        sorted(path.relative_to(folder).as_posix() for path in (folder / "adapters").rglob("*")) for folder in folders
    ]


def test_deleting_and_resuming_a_servers_runs_keeps_local_folders(two_folders, tmp_path):
    server_store, local_store = two_folders
    before = list_files(local_store.folder, tmp_path)
    assert "is also recorded in the database runs.db" in resume(server_store, 1)
    resume(server_store, 2)
    set_columns(server_store, 2, work_path="adapters/.unfinished-2-x")
    set_columns(server_store, 1, **{"adapter_path": "adapters/1-lora-r8", "adapter_sha256": "?"})
    assert "is also recorded in the database runs.db" in run_edits.delete_run(server_store, 1)[0]
    (message,) = run_edits.delete_run(server_store, 2)
    assert f"is not in {local_store.folder}" in message
    assert list_files(local_store.folder, tmp_path) == before


def test_folders_of_a_servers_runs_elsewhere_are_reported_and_not_fixed(two_folders, tmp_path):
    server_store, local_store = two_folders
    record_with_adapter(server_store, error=STOPPED)
    set_columns(server_store, 3, status="complete", adapter_path="adapters/3-elsewhere")
    (local_store.folder / "adapters" / "9-lora").mkdir()
    local_store.engine.dispose()
    os.rename(local_store.address, tmp_path / "away")
    before, work = list_files(local_store.folder), queries.run(server_store, 2).work_path
    result = check(address_of(server_store), fix=True, backed_up=True)
    assert {finding.kind for finding in result.findings if finding.fault} == {"missing predictions"}
    findings = {(finding.kind, finding.where): finding for finding in result.findings}
    assert str(local_store.folder) in findings["missing work folder", "run 2"].what
    assert str(local_store.folder) in findings["missing files", "run 3"].what
    assert not findings["orphan folder", "adapters/9-lora"].fixable
    assert queries.run(server_store, 2).work_path == work
    assert list_files(local_store.folder) == before
