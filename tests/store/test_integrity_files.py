"""The integrity check of files finds and fixes problems beside an otherwise sound database."""

import os
import random
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from cli.main import main
from core.config import make_config
from core.errors import RequestError, StoreError
from core.store import queries, records
from core.store.engine import open_store
from core.store.integrity import check
from core.store.integrity.files import MIN_ORPHAN_AGE_SECONDS
from core.store.recorder import recording
from core.system.files import CHECKSUM_PATTERNS, WEIGHT_PATTERN, compute_checksum
from tests.store.helpers import (
    address_of,
    find_problems,
    record_run,
    record_with_work,
    record_without_data,
    save_adapter,
    set_columns,
)


def record_with_files(store, data):
    """Record a complete run with predictions and an adapter; return its id and the adapter's folder."""
    run_id, _ = record_run(store, data)
    folder = save_adapter(store.folder / "adapters" / f"{run_id}-lora")
    checksum = compute_checksum(folder, WEIGHT_PATTERN)
    set_columns(store, run_id, adapter_path=f"adapters/{folder.name}", adapter_sha256=checksum)
    return run_id, folder


def record_complete_with_work(store):
    """Record a run that appears killed after its last commit, before its work folder was deleted."""
    run_id, folder = record_with_work(store)
    set_columns(store, run_id, status="complete")
    return run_id, folder


def make_older(path, seconds):
    moment = path.stat().st_mtime - seconds
    os.utime(path, (moment, moment))


def test_unchanged_files_are_sound(store, data):
    record_with_files(store, data)
    assert find_problems(store) == []


def test_missing_folder_is_found(sqlite_store, data):
    run_id, folder = record_with_files(sqlite_store, data)
    folder.rename(sqlite_store.folder / "elsewhere")
    assert find_problems(sqlite_store) == [("missing files", f"run {run_id}", False)]


def test_emptied_folder_is_found(store, data):
    run_id, folder = record_with_files(store, data)
    for file in folder.iterdir():
        file.unlink()
    assert find_problems(store) == [("missing files", f"run {run_id}", False)]


def test_changed_weights_are_found(store, data):
    run_id, folder = record_with_files(store, data)
    weights = folder / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert find_problems(store) == [("changed adapter", f"run {run_id}", False)]


def test_changed_config_is_found_if_the_checksum_includes_it(sqlite_store, data):
    run_id, folder = record_with_files(sqlite_store, data)
    config = folder / "adapter_config.json"
    config.write_text('{"lora_alpha": 16}')
    assert find_problems(sqlite_store) == []  # earlier versions computed the checksum of the weights only
    set_columns(sqlite_store, run_id, adapter_sha256=compute_checksum(folder, *CHECKSUM_PATTERNS))
    assert find_problems(sqlite_store) == []
    config.write_text('{"lora_alpha": 17}')
    assert find_problems(sqlite_store) == [("changed adapter", f"run {run_id}", False)]


@pytest.mark.parametrize("path", ["adapters/../precious", "/etc", "adapters", "adapters/link"])
def test_path_outside_the_adapters_folder_is_found_and_never_followed(sqlite_store, data, path):
    run_id, _ = record_run(sqlite_store, data)
    precious = sqlite_store.folder / "precious"
    precious.mkdir()
    (precious / "kept").touch()
    (sqlite_store.folder / "adapters").mkdir()
    (sqlite_store.folder / "adapters" / "link").symlink_to(precious)
    set_columns(sqlite_store, run_id, adapter_path=path)
    assert ("path outside", f"run {run_id}", False) in find_problems(sqlite_store)
    assert ("path outside", f"run {run_id}", False) in find_problems(sqlite_store, fix=True)
    assert (precious / "kept").exists()
    assert queries.run(sqlite_store, run_id).adapter_path == path


def test_orphaned_folders_are_moved_and_not_deleted(sqlite_store, data):
    _, owned = record_with_files(sqlite_store, data)
    for _ in range(2):
        orphan = sqlite_store.folder / "adapters" / "9-lora"
        orphan.mkdir()
        (orphan / "adapter_config.json").write_text("{}")
        assert find_problems(sqlite_store) == [("orphan folder", "adapters/9-lora", True)]
        assert check(sqlite_store.address, fix=True).is_sound
        assert find_problems(sqlite_store) == []
    orphans = sqlite_store.folder / "adapters" / ".orphans"
    assert sorted(path.name for path in orphans.iterdir()) == ["9-lora", "9-lora-again"]
    assert (orphans / "9-lora-again" / "adapter_config.json").read_text() == "{}"
    assert owned.is_dir()


def test_folder_that_cannot_be_moved_is_reported(sqlite_store):
    (sqlite_store.folder / "adapters" / "9-lora").mkdir(parents=True)
    (sqlite_store.folder / "adapters" / ".orphans").write_text("not a folder")
    result = check(sqlite_store.address, fix=True)
    assert [(finding.fixable, finding.fixed) for finding in result.findings] == [(False, False)]
    assert not result.is_sound


@pytest.mark.parametrize("name", ["earlier.db", "earlier", ".earlier.db-2025"])
def test_folder_referenced_by_another_database_is_not_orphaned(name, sqlite_store, data):
    _, folder = record_with_files(sqlite_store, data)
    sqlite_store.engine.dispose()
    os.rename(sqlite_store.address, sqlite_store.folder / name)
    (sqlite_store.folder / "notes.db").write_text("no database, " * 100)
    open_store(sqlite_store.address, create=True).engine.dispose()
    assert find_problems(sqlite_store) == []
    with closing(sqlite3.connect(sqlite_store.folder / name)) as connection, connection:
        connection.execute("UPDATE runs SET adapter_path = NULL")
    assert find_problems(sqlite_store) == [("orphan folder", f"adapters/{folder.name}", True)]


def test_no_folder_is_moved_beside_an_unreadable_database(sqlite_store):
    other = sqlite_store.folder / "other.db"
    open_store(str(other), create=True).engine.dispose()
    with other.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 2000)
    (sqlite_store.folder / "adapters" / "9-lora").mkdir(parents=True)
    (finding,) = check(sqlite_store.address, fix=True).findings
    assert (finding.kind, finding.fault) == ("unreadable database", False)
    assert (sqlite_store.folder / "adapters" / "9-lora").is_dir()


def test_orphaned_work_folder_is_moved_only_when_it_is_old(sqlite_store):
    young, old = (sqlite_store.folder / "adapters" / f".unfinished-9-{name}" for name in ("young", "old"))
    young.mkdir(parents=True)
    old.mkdir()
    make_older(old, MIN_ORPHAN_AGE_SECONDS + 60)
    assert find_problems(sqlite_store) == [("orphan folder", "adapters/.unfinished-9-old", True)]
    assert check(sqlite_store.address, fix=True).is_sound
    assert young.is_dir() and not old.exists()


def test_unfinished_run_is_reported_with_the_command_that_resumes_it(store, capsys):
    run_id, folder = record_with_work(store)
    make_older(folder, MIN_ORPHAN_AGE_SECONDS + 60)
    (finding,) = check(address_of(store), fix=True, backed_up=True).findings
    assert (finding.kind, finding.fault) == ("resumable run", False)
    assert finding.advice == store.format_command(f"resume {run_id}")
    assert "in phase training (cancelled)" in finding.what
    assert main(["db", "check", "--db", address_of(store)]) == 0
    assert f"resume {run_id}" in capsys.readouterr().out
    assert folder.is_dir()


def test_missing_work_folder_is_removed_from_the_row(sqlite_store):
    run_id, folder = record_with_work(sqlite_store)
    (folder / "step-5").rmdir()
    folder.rmdir()
    assert find_problems(sqlite_store) == [("missing work folder", f"run {run_id}", True)]
    assert check(sqlite_store.address, fix=True).is_sound
    assert queries.run(sqlite_store, run_id).work_path is None
    assert find_problems(sqlite_store) == []


def test_work_folder_of_another_run_is_removed_from_the_row_and_kept(store):
    run_id, _ = record_with_work(store)
    _, other = record_with_work(store)
    set_columns(store, run_id, work_path=f"adapters/{other.name}")
    assert ("missing work folder", f"run {run_id}", True) in find_problems(store)
    assert check(address_of(store), fix=True, backed_up=True).is_sound
    assert queries.run(store, run_id).work_path is None and other.is_dir()


@pytest.mark.parametrize("is_silent", [False, True], ids=["alive", "silent"])
def test_missing_work_folder_of_a_running_run_is_no_finding(store, monkeypatch, is_silent):
    with recording(store, make_config({}), "in progress", {}) as run:
        run.update(work_path="adapters/.unfinished-1-soon")
        if is_silent:
            monkeypatch.setattr(records, "HEARTBEAT_TIMEOUT", timedelta(0))
        assert find_problems(store) == []


def test_work_folder_of_a_complete_run_is_deleted(store):
    run_id, folder = record_complete_with_work(store)

    def leftovers(**options):
        return [finding for finding in check(address_of(store), **options).findings if finding.kind == "leftover work"]

    (finding,) = leftovers()
    assert (finding.fault, finding.fixable) == (False, True) and folder.is_dir()
    assert leftovers(fix=True, backed_up=True)[0].fixed
    assert not folder.exists() and queries.run(store, run_id).work_path is None
    assert leftovers() == []


# --- The database file itself ------------------------------------------------


def test_truncated_file_is_a_finding_with_advice(sqlite_store, data, capsys):
    record_run(sqlite_store, data)
    sqlite_store.engine.dispose()
    path = Path(sqlite_store.address)
    content = path.read_bytes()
    for share in (0.1, 0.5, 0.95):
        path.write_bytes(content[: int(len(content) * share)])
        assert main(["db", "check", "--fix", "--db", sqlite_store.address]) == 1
        output = capsys.readouterr().out
        assert "damaged" in output and ".recover" in output


@pytest.mark.slow
def test_flipped_bits_never_cause_an_unexpected_error(sqlite_store, data):
    record_run(sqlite_store, data)
    sqlite_store.engine.dispose()
    path = Path(sqlite_store.address)
    content = path.read_bytes()
    rng, kinds = random.Random(0), set()
    for _ in range(40):
        changed = bytearray(content)
        # The first pages contain the schema and the roots of the tables, where damage matters most.
        offset = rng.randrange(len(content) if rng.random() < 0.5 else 3 * 4096)
        changed[offset] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        try:
            kinds |= {finding.kind for finding in check(sqlite_store.address).findings}
        except RequestError:
            kinds.add("refused")
    assert "damaged file" in kinds


def test_undecodable_schema_is_reported_as_damage(sqlite_store):
    sqlite_store.engine.dispose()
    path = Path(sqlite_store.address)
    path.write_bytes(path.read_bytes().replace(b"CONSTRAINT", b"CONSTR\xc1INT"))
    assert [finding.kind for finding in check(sqlite_store.address).findings] == ["damaged file"]
    with pytest.raises(StoreError) as error:
        open_store(sqlite_store.address)
    assert error.value.code == "damaged"


def test_file_that_is_no_database_is_a_finding(tmp_path):
    (tmp_path / "runs.db").write_text("no database, " * 100)
    assert [finding.kind for finding in check(str(tmp_path / "runs.db")).findings] == ["damaged file"]


def test_locked_database_is_not_reported_as_damaged(sqlite_store):
    record_without_data(sqlite_store)
    sqlite_store.engine.dispose()
    with closing(sqlite3.connect(sqlite_store.address, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")  # blocks readers as well
        other.execute("BEGIN EXCLUSIVE")
        other.execute("UPDATE alembic_version SET version_num = version_num")
        with pytest.raises(StoreError) as error:
            check(sqlite_store.address, busy_timeout=0.2)
    assert error.value.code == "locked"
