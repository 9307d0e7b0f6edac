"""What is deleted with a run, and what is left as it may be another's: run by run, database by database."""

import os
import shutil
from contextlib import suppress
from hashlib import sha256

import numpy as np
import pytest
from safetensors.numpy import save_file
from sqlalchemy import update

from cli.main import DONE, main
from core.config import make_config
from core.errors import RunError
from core.store import queries, run_edits
from core.store.backups import back_up
from core.store.engine import open_store
from core.store.integrity import check
from core.store.recorder import recording
from core.store.schema import RunRow
from core.system.files import CHECKSUM_PATTERNS, compute_checksum
from tests.store.test_integrity import address

NAME = "1-lora-r8"


def saved(folder, seed=1):
    """Write an adapter; return the hash of its files."""
    folder.mkdir(parents=True)
    save_file({"a": np.full(3, seed, dtype=np.float32)}, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text("{}")
    return compute_checksum(folder, *CHECKSUM_PATTERNS)


def with_adapter(store, seed=1, fail=False):
    """Record a run, complete or not, with an adapter; return its number and the folder."""
    with recording(store, make_config({"method": "lora"}), "lora-r8", {}) as run:
        folder = store.folder / "adapters" / f"{run.id}-lora-r8"
        run.update(adapter_path=f"adapters/{folder.name}", adapter_sha256=saved(folder, seed))
        if fail:
            raise RunError("stopped after its adapter was saved")
    return run.id, folder


def ended_early(store):
    """Record a run that left unfinished work; return its number and the folder."""
    with suppress(KeyboardInterrupt), recording(store, make_config({}), "early", {}) as run:
        folder = run.create_work_folder()
        (folder / "step-5").mkdir()
        raise KeyboardInterrupt
    return run.id, folder


def names(store, run_id, **columns):
    """Let a run's row say what a stranger may have written there."""
    with store.write_session() as session:
        session.execute(update(RunRow).where(RunRow.id == run_id).values(**columns))


def resume(store, run_id):
    """Take a run up again, which ends well."""
    with recording(store, make_config({}), "again", {}, resume_id=run_id):
        pass
    assert queries.run(store, run_id).state == "complete"
    return " ".join(queries.log_tail(store, run_id)["text"])


def delete_for_good(store, run_id):
    run_edits.trash_runs(store, [run_id])
    return run_edits.delete_trashed_runs(store, [run_id])


deleting = pytest.mark.parametrize("delete", [run_edits.delete_run, delete_for_good])


@deleting
def test_a_run_goes_with_its_adapter_and_its_unfinished_work(delete, store):
    (adapted, adapter), (early, work) = with_adapter(store), ended_early(store)
    assert delete(store, adapted) == [] == delete(store, early)
    assert not adapter.exists() and not work.exists()


@deleting
@pytest.mark.parametrize("column", ["adapter_path", "work_path"])
def test_a_run_that_names_another_runs_folder_leaves_it(delete, column, store):
    _, adapter = with_adapter(store)
    _, work = ended_early(store)
    for folder in (adapter, work):
        run_id, _ = ended_early(store)
        path = f"adapters/{folder.name}"
        columns = {"work_path": None, "adapter_sha256": compute_checksum(folder, *CHECKSUM_PATTERNS), column: path}
        names(store, run_id, **columns)
        assert delete(store, run_id) == [
            f"The folder {path} of run {run_id} does not belong to it; it was not deleted."
        ]
        assert any(folder.iterdir())


@deleting
def test_a_folder_that_another_run_names_too_is_left(delete, store):
    first, adapter = with_adapter(store)
    second, _ = with_adapter(store)
    names(store, second, adapter_path=f"adapters/x/../{adapter.name}")
    (told,) = delete(store, first)
    assert f"is also named by run {second}" in told
    assert any(adapter.iterdir())


@deleting
def test_an_adapter_that_was_changed_is_left_and_told(delete, store):
    run_id, adapter = with_adapter(store)
    (adapter / "adapter_config.json").write_text('{"r": 9}')
    told = "holds files that do not match the recorded checksum (SHA-256); it was not deleted."
    assert delete(store, run_id) == [f"The folder adapters/{adapter.name} of run {run_id} {told}"]
    assert any(adapter.iterdir())


@pytest.mark.parametrize("known", [None, sha256(b"").hexdigest()], ids=["no hash", "a hash of nothing"])
def test_files_that_a_row_has_no_hash_of_are_left(known, store):
    run_id, _ = ended_early(store)
    notes = store.folder / "adapters" / f"{run_id}-my-notes"
    notes.mkdir()
    (notes / "notes.txt").write_text("mine")
    names(store, run_id, adapter_path=f"adapters/{notes.name}", adapter_sha256=known)
    assert len(run_edits.delete_run(store, run_id)) == 1
    assert (notes / "notes.txt").read_text() == "mine"


def test_what_another_database_beside_it_names_is_left(sqlite_store):
    run_id, adapter = with_adapter(sqlite_store)
    sqlite_store.engine.dispose()
    copy = sqlite_store.folder / "copy.sqlite"
    shutil.copy(sqlite_store.address, copy)
    copied = open_store(str(copy))
    assert "is also named by the database runs.db" in run_edits.delete_run(copied, run_id)[0]
    copied.engine.dispose()
    copy.write_bytes(b"SQLite format 3\0" + b"\xff" * 2000)  # what it names can't be told
    assert "may belong to another database: not all" in run_edits.delete_run(sqlite_store, run_id)[0]
    assert any(adapter.iterdir())


def test_a_backup_of_the_database_keeps_no_adapter(sqlite_store):
    run_id, adapter = with_adapter(sqlite_store)
    back_up(sqlite_store.engine, "before-fix")
    (sqlite_store.folder / "no-database.db").write_text("words, " * 100)
    assert run_edits.delete_run(sqlite_store, run_id) == []
    assert not adapter.exists()


def test_the_command_tells_what_was_left(sqlite_store, capsys):
    run_id, adapter = with_adapter(sqlite_store)
    (adapter / "adapter_config.json").write_text('{"r": 9}')
    assert main(["delete", str(run_id), "--yes", "--db", sqlite_store.address]) == DONE
    out = capsys.readouterr().out
    assert f"Run {run_id} (lora-r8) is deleted.\nThe folder adapters/{adapter.name} of run {run_id} holds files" in out


# --- Taking up again ------------------------------------------------------------------------------------


def test_a_run_that_is_taken_up_again_takes_back_what_it_had_saved(store):
    run_id, adapter = with_adapter(store, fail=True)
    assert "was not deleted" not in resume(store, run_id)
    assert not adapter.exists()


@pytest.mark.parametrize("column", ["adapter_path", "work_path"])
def test_a_run_that_is_taken_up_leaves_another_runs_folder(column, store):
    _, adapter = with_adapter(store)
    run_id, work = ended_early(store)
    names(store, run_id, **{column: f"adapters/{adapter.name}"})
    told = resume(store, run_id)
    assert any(adapter.iterdir())
    assert work.exists() == (column == "work_path")
    assert ("does not belong to it; it was not deleted" in told) == (column == "adapter_path")


def test_a_run_that_is_taken_up_leaves_an_adapter_that_was_changed(store):
    run_id, adapter = with_adapter(store, fail=True)
    (adapter / "adapter_config.json").write_text('{"r": 9}')
    assert "do not match the recorded checksum" in resume(store, run_id)
    assert any(adapter.iterdir())


# --- A server's database, from another folder than its runs were made in -------------------------------


@pytest.fixture
def two_folders(postgres_store, tmp_path, monkeypatch):
    """Return a server's store as it is opened in a folder where an SQLite file has runs of its own; and that one.

    Its first run's adapter, and its second one's unfinished work, lie in another folder.
    """
    with_adapter(postgres_store, fail=True)
    ended_early(postgres_store)
    there = tmp_path / "there"
    there.mkdir()
    local = open_store(str(there / "runs.db"), create=True)
    with_adapter(local)  # of the same number, name and content
    monkeypatch.chdir(there)
    elsewhere = open_store(address(postgres_store))
    yield elsewhere, local
    elsewhere.engine.dispose()


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in (folder / "adapters").rglob("*"))


def test_deleting_a_servers_run_leaves_what_lies_where_we_are(two_folders, tmp_path):
    elsewhere, local = two_folders
    before = files(local.folder), files(tmp_path)
    assert "is also named by the database runs.db; it was not deleted" in run_edits.delete_run(elsewhere, 1)[0]
    (told,) = run_edits.delete_run(elsewhere, 2)
    assert f"is not in {local.folder}: it may still exist where it was created" in told
    assert (files(local.folder), files(tmp_path)) == before


def test_taking_up_a_servers_run_leaves_what_lies_where_we_are(two_folders, tmp_path):
    elsewhere, local = two_folders
    before = files(local.folder), files(tmp_path)
    assert "is also named by the database runs.db; it was not deleted" in resume(elsewhere, 1)
    resume(elsewhere, 2)
    assert (files(local.folder), files(tmp_path)) == before


def test_what_a_servers_runs_have_elsewhere_is_told_and_not_mended(two_folders, tmp_path):
    elsewhere, local = two_folders
    with_adapter(elsewhere, fail=True)
    names(elsewhere, 3, status="complete", adapter_path="adapters/3-elsewhere")
    (local.folder / "adapters" / "9-lora").mkdir()
    os.rename(local.address, tmp_path / "away")
    before, work = files(local.folder), queries.run(elsewhere, 2).work_path
    checked = check(address(elsewhere), fix=True, backed_up=True)
    assert {one.kind for one in checked.findings if one.fault} == {"missing predictions"}
    told = {(one.kind, one.where): one.what + one.advice for one in checked.findings}
    assert (
        str(local.folder) in told["missing work folder", "run 2"]
        and str(local.folder) in told["missing files", "run 3"]
    )
    assert "it is kept" in told["orphan folder", "adapters/9-lora"]
    assert queries.run(elsewhere, 2).work_path == work
    assert files(local.folder) == before
