"""What `db check` finds among the files, and what it mends there."""

import os
import random
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from sqlalchemy import update

from cli.main import DONE, RUN_FAILED, main
from core.config import make_config
from core.data import load_data
from core.errors import RequestError, StoreError
from core.store import queries, records
from core.store.engine import open_store
from core.store.integrity import check
from core.store.integrity.files import MIN_ORPHAN_AGE_SECONDS
from core.store.recorder import recording
from core.store.records import HEARTBEAT_TIMEOUT, derive_state
from core.store.run_writer import RunWriter
from core.store.schema import RunRow
from core.system.files import CHECKSUM_PATTERNS, WEIGHT_PATTERN, compute_checksum
from tests.store.test_integrity import address, found
from tests.store.test_store import DATA, record


@pytest.fixture(scope="module")
def data():
    return load_data(make_config({"dataset": "movie-reviews-3", **DATA}))


def with_adapter(store, data):
    """Record a run with files; return its number and their folder."""
    run_id, _ = record(store, data)
    folder = store.folder / "adapters" / f"{run_id}-lora"
    folder.mkdir(parents=True)
    save_file({"a": np.arange(6, dtype=np.float32)}, folder / "adapter_model.safetensors")
    path = folder.relative_to(store.folder).as_posix()
    RunWriter.reopen(store, run_id).update(adapter_path=path, adapter_sha256=compute_checksum(folder, WEIGHT_PATTERN))
    return run_id, folder


def ended_early(store, status="failed"):
    """Record a run that has left unfinished work; return its number and the folder of that."""
    with recording(store, make_config({}), "early", {}) as run:
        run.enter_phase("training")
        folder = run.create_work_folder()
        (folder / "step-5").mkdir()
    with store.write_session() as session:
        path = folder.relative_to(store.folder).as_posix()
        session.execute(
            update(RunRow).where(RunRow.id == run.id).values(status=status, phase="training", work_path=path)
        )
    folder.mkdir(exist_ok=True)
    return run.id, folder


def age(path, seconds):
    moment = path.stat().st_mtime - seconds
    os.utime(path, (moment, moment))


def test_files_as_they_were_saved_are_sound(store, data):
    with_adapter(store, data)
    assert found(store) == []


def test_a_folder_that_is_gone_is_found(sqlite_store, data):
    run_id, folder = with_adapter(sqlite_store, data)
    folder.rename(sqlite_store.folder / "elsewhere")
    assert found(sqlite_store) == [("missing files", f"run {run_id}", False)]


def test_a_folder_that_was_emptied_is_found(store, data):
    run_id, folder = with_adapter(store, data)
    (folder / "adapter_model.safetensors").unlink()
    assert found(store) == [("missing files", f"run {run_id}", False)]


def test_changed_weights_are_found(store, data):
    run_id, folder = with_adapter(store, data)
    weights = folder / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert found(store) == [("changed adapter", f"run {run_id}", False)]


def test_a_changed_config_is_found_where_its_hash_was_recorded(store, data):
    run_id, folder = with_adapter(store, data)
    config = folder / "adapter_config.json"
    config.write_text('{"lora_alpha": 16}')
    assert found(store) == []  # an earlier run's hash is one of the weights alone
    RunWriter.reopen(store, run_id).update(adapter_sha256=compute_checksum(folder, *CHECKSUM_PATTERNS))
    assert found(store) == []
    config.write_text('{"lora_alpha": 17}')
    assert found(store) == [("changed adapter", f"run {run_id}", False)]


@pytest.mark.parametrize("path", ["adapters/../precious", "/etc", "adapters", "adapters/link", "precious"])
def test_a_path_that_leaves_the_adapters_folder_is_found_and_left_alone(sqlite_store, data, path):
    run_id, _ = record(sqlite_store, data)
    precious = sqlite_store.folder / "precious"
    precious.mkdir()
    (precious / "kept").touch()
    (sqlite_store.folder / "adapters").mkdir()
    (sqlite_store.folder / "adapters" / "link").symlink_to(precious)
    RunWriter.reopen(sqlite_store, run_id).update(adapter_path=path)
    for fix in (False, True):
        told = check(sqlite_store.address, fix=fix).findings
        assert ("path outside", f"run {run_id}", False) in [(one.kind, one.where, one.fixable) for one in told]
    assert (precious / "kept").exists()
    assert queries.run(sqlite_store, run_id).adapter_path == path


def test_folders_that_nobody_names_are_moved_and_not_deleted(sqlite_store, data):
    _, ours = with_adapter(sqlite_store, data)
    for _ in range(2):
        stray = sqlite_store.folder / "adapters" / "9-lora"
        stray.mkdir()
        (stray / "adapter_config.json").write_text("{}")
        assert found(sqlite_store) == [("orphan folder", "adapters/9-lora", True)]
        assert check(sqlite_store.address, fix=True).is_sound
        assert found(sqlite_store) == []
    orphans = sqlite_store.folder / "adapters" / ".orphans"
    assert sorted(path.name for path in orphans.iterdir()) == ["9-lora", "9-lora-again"]
    assert (orphans / "9-lora-again" / "adapter_config.json").read_text() == "{}"
    assert ours.is_dir()


@pytest.mark.parametrize("name", ["earlier.db", "earlier.sqlite", "earlier", ".earlier.db-2025"])
def test_a_folder_that_a_database_beside_this_one_names_is_nobodys_orphan(name, sqlite_store, data):
    _, folder = with_adapter(sqlite_store, data)
    sqlite_store.engine.dispose()
    os.rename(sqlite_store.address, sqlite_store.folder / name)
    (sqlite_store.folder / "notes.db").write_text("no database, " * 100)
    open_store(sqlite_store.address, create=True)
    assert found(sqlite_store) == []
    with closing(sqlite3.connect(sqlite_store.folder / name)) as connection, connection:
        connection.execute("UPDATE runs SET adapter_path = NULL")
    assert found(sqlite_store) == [("orphan folder", f"adapters/{folder.name}", True)]


def test_where_a_database_beside_this_one_can_not_be_read_no_folder_is_moved(sqlite_store, data):
    other = sqlite_store.folder / "other.db"
    open_store(str(other), create=True).engine.dispose()
    with other.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 2000)
    (sqlite_store.folder / "adapters" / "9-lora").mkdir(parents=True)
    checked = check(sqlite_store.address, fix=True)
    assert [(one.kind, one.fault) for one in checked.findings] == [("unreadable database", False)]
    assert (sqlite_store.folder / "adapters" / "9-lora").is_dir()


def test_unfinished_work_that_nobody_names_is_moved_when_it_is_old(sqlite_store):
    store = sqlite_store
    young, old = (store.folder / "adapters" / f".unfinished-9-{name}" for name in ("young", "old"))
    young.mkdir(parents=True)
    old.mkdir()
    age(old, MIN_ORPHAN_AGE_SECONDS + 60)
    assert found(store) == [("orphan folder", "adapters/.unfinished-9-old", True)]
    assert check(address(store), fix=True).is_sound
    assert young.is_dir() and not old.exists()


def test_a_run_that_ended_early_is_told_with_the_command_that_takes_it_up(store, capsys):
    run_id, folder = ended_early(store)
    age(folder, MIN_ORPHAN_AGE_SECONDS + 60)
    (finding,) = check(address(store), fix=True, backed_up=True).findings
    advice = store.format_command(f"resume {run_id}")
    assert (finding.kind, finding.fault, finding.advice) == ("resumable run", False, advice)
    assert "in phase training (failed)" in finding.what
    assert main(["db", "check", "--db", address(store)]) == DONE
    assert f"resume {run_id}" in capsys.readouterr().out
    assert folder.is_dir()


def test_unfinished_work_that_is_gone_is_taken_out_of_the_row(sqlite_store):
    store = sqlite_store
    run_id, folder = ended_early(store)
    folder.rmdir()
    assert found(store) == [("missing work folder", f"run {run_id}", True)]
    assert check(address(store), fix=True, backed_up=True).is_sound
    assert queries.run(store, run_id).work_path is None
    assert found(store) == []


def test_another_runs_folder_is_no_unfinished_work(store):
    run_id, _ = ended_early(store)
    _, other = ended_early(store)
    path = f"adapters/{other.name}"
    with store.write_session() as session:
        session.execute(update(RunRow).where(RunRow.id == run_id).values(work_path=path))
    told = [(one.kind, one.where, one.fixable) for one in check(address(store)).findings]
    assert ("missing work folder", f"run {run_id}", True) in told
    assert check(address(store), fix=True, backed_up=True).is_sound
    assert queries.run(store, run_id).work_path is None and other.is_dir()


def test_a_run_at_work_may_not_have_made_its_folder_yet(store):
    with recording(store, make_config({}), "at work", {}) as run:
        run.update(work_path="adapters/.unfinished-1-soon")
        assert found(store) == []


def test_a_run_whose_process_is_silent_but_there_keeps_its_folder(store, monkeypatch):
    with recording(store, make_config({}), "at work", {}) as run:
        run.update(work_path="adapters/.unfinished-1-soon")
        monkeypatch.setattr(records, "HEARTBEAT_TIMEOUT", timedelta(0))  # it has been silent for longer than that
        assert found(store) == []


@pytest.mark.parametrize("direction", [-1, 1])
def test_a_heartbeat_far_from_now_is_no_sign_of_life(direction):
    assert derive_state("running", datetime.now(UTC) + 1.5 * direction * HEARTBEAT_TIMEOUT) == "crashed"
    assert derive_state("running", datetime.now(UTC) + 0.5 * direction * HEARTBEAT_TIMEOUT) == "running"


def test_a_truncated_file_is_a_finding_with_advice(sqlite_store, data, capsys):
    record(sqlite_store, data)
    sqlite_store.engine.dispose()
    path = Path(sqlite_store.address)
    whole = path.read_bytes()
    for share in (0.1, 0.5, 0.95):
        path.write_bytes(whole[: int(len(whole) * share)])
        assert main(["db", "check", "--fix", "--db", sqlite_store.address]) == RUN_FAILED
        told = capsys.readouterr().out
        assert "damaged" in told and ".recover" in told


def test_flipped_bits_never_give_a_traceback(sqlite_store, data):
    record(sqlite_store, data)
    sqlite_store.engine.dispose()
    path = Path(sqlite_store.address)
    whole = path.read_bytes()
    rng, kinds = random.Random(0), set()
    for _ in range(60):
        changed = bytearray(whole)
        # The first pages hold the schema and the roots of the tables: most is broken there.
        place = rng.randrange(len(whole) if rng.random() < 0.5 else 3 * 4096)
        changed[place] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        try:
            kinds |= {one.kind for one in check(sqlite_store.address).findings}
        except RequestError:
            kinds.add("refused")
    assert "damaged file" in kinds


def test_a_garbled_schema_is_told_in_words(sqlite_store):
    sqlite_store.engine.dispose()
    path = Path(sqlite_store.address)
    path.write_bytes(path.read_bytes().replace(b"CONSTRAINT", b"CONSTR\xc1INT"))
    assert [one.kind for one in check(sqlite_store.address).findings] == ["damaged file"]
    with pytest.raises(StoreError, match=r"is damaged.*\.recover"):
        open_store(sqlite_store.address)


def test_a_file_that_is_no_database_is_a_finding(tmp_path):
    (tmp_path / "runs.db").write_text("no database, " * 100)
    assert [one.kind for one in check(str(tmp_path / "runs.db")).findings] == ["damaged file"]


def test_a_locked_database_is_no_damaged_one(sqlite_store):
    sqlite_store.engine.dispose()
    with closing(sqlite3.connect(sqlite_store.address, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")  # so that readers are kept out too
        other.execute("BEGIN EXCLUSIVE")
        other.execute("UPDATE alembic_version SET version_num = version_num")
        with pytest.raises(StoreError, match="locked"):
            check(sqlite_store.address, busy_timeout=0.2)


def test_work_that_a_complete_run_left_behind_is_told_and_taken_away(store):
    """As where it was killed after its last commit."""

    def left_over(**asked):
        return [one for one in check(address(store), **asked).findings if one.kind == "leftover work"]

    run_id, folder = ended_early(store, status="complete")
    (finding,) = left_over()
    assert (finding.fault, finding.fixable) == (False, True) and folder.is_dir()
    assert left_over(fix=True, backed_up=True)[0].fixed
    assert not folder.exists() and queries.run(store, run_id).work_path is None
    assert left_over() == []
