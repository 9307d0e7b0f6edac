"""Import the runs, files, data sets and annotations of another database."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from cli.main import main
from core.config import make_config
from core.errors import RequestError, StoreError
from core.store import queries, run_edits
from core.store.engine import open_store
from core.store.import_db import import_database
from core.store.import_db import runs as import_runs
from core.store.integrity import check
from core.store.recorder import recording
from core.store.run_writer import RunWriter, save_recheck
from core.system.files import CHECKSUM_PATTERNS, compute_checksum
from tests.store.earlier import contents, make_earlier_database
from tests.store.helpers import (
    address_of,
    execute_sql,
    lock_database,
    record_run,
    record_with_adapter,
    record_with_work,
    record_without_data,
    save_adapter,
    set_columns,
)


@pytest.fixture
def other(tmp_path, empty_file):
    """Return the empty store of another database, in another folder."""
    folder = tmp_path / "other"
    folder.mkdir()
    shutil.copy(empty_file, folder / "runs.db")
    store = open_store(str(folder / "runs.db"))
    yield store
    store.engine.dispose()


def record_pair(store, data):
    """Record a baseline, and an adapter with files, history, log and a recheck that is linked to it."""
    baseline, _ = record_run(store, data, method="majority", seed=1)
    run_id, probabilities = record_run(store, data, method="lora")
    folder = save_adapter(store.folder / "adapters" / f"{run_id}-lora-r8")
    writer = RunWriter.reopen(store, run_id)
    writer.update(
        baseline_id=baseline,
        adapter_path=f"adapters/{folder.name}",
        adapter_sha256=compute_checksum(folder, *CHECKSUM_PATTERNS),
    )
    writer.log_history(1, 0.5, {"loss": 0.7})
    writer.log_line("first line")
    save_recheck(store, run_id, 2, 0.05, True, {"packages": {}})
    run_edits.edit_run(store, run_id, "renamed", "a note", ["paper"])
    return baseline, run_id, probabilities


def kinds(result):
    return [problem.kind for problem in result.problems]


def files_of(store):
    adapters = store.folder / "adapters"
    return {path.relative_to(adapters).as_posix() for path in adapters.rglob("*")} if adapters.exists() else set()


def test_runs_are_imported_completely_under_unused_ids(store, other, data, other_data):
    record_run(store, other_data, method="majority", test_size=20)
    (store.folder / "adapters" / "3-lora-r8").mkdir(parents=True)  # the name is taken
    baseline, run_id, probabilities = record_pair(other, data)
    result = import_database(store, other.address)
    assert (result.imported, result.already_present, result.problems) == ({baseline: 2, run_id: 3}, {}, ())
    record, expected = queries.run(store, 3), queries.run(other, run_id)
    for name in ("name", "notes", "tags", "status", "config", "created_at", "group_key", "environment", "host", "pid"):
        assert getattr(record, name) == getattr(expected, name)
    assert (record.baseline_id, record.adapter_path) == (2, "adapters/3-lora-r8-2")
    assert np.array_equal(queries.probabilities(store, 3), probabilities)
    assert list(queries.predictions(store, 3)["text"]) == list(data.test.texts)
    assert queries.history(store, [3])["value"].tolist() == [0.7]
    assert "first line" in queries.log_tail(store, 3)["text"].tolist()
    assert queries.rechecks(store, 3)["changed_labels"].tolist() == [2]
    columns = ["split", "name", "value", "low", "high"]
    metrics = (queries.metrics(database, [number])[columns] for database, number in ((store, 3), (other, run_id)))
    assert len({frame.sort_values(columns).to_json(orient="values") for frame in metrics}) == 1
    assert (record.adapter_folder(store.folder) / "adapter_model.safetensors").is_file()
    assert len(queries.datasets(store)) == 2
    (store.folder / "adapters" / "3-lora-r8").rmdir()
    assert [finding for finding in check(address_of(store)).findings if finding.fault] == []


def test_data_set_with_the_same_fingerprint_is_shared(store, other, data):
    record_run(store, data)
    record_run(other, data, method="majority")
    import_database(store, other.address)
    assert queries.datasets(store)["runs"].tolist() == [2]
    assert len(queries.examples(store, 1)) == 90


def test_repeated_import_adds_nothing(store, other, data):
    baseline, run_id, _ = record_pair(other, data)
    run_edits.annotate(other, {"a text": {"tag": "irony"}})
    import_database(store, other.address)
    before = files_of(store)
    result = import_database(store, other.address)
    assert (result.imported, result.already_present) == ({}, {baseline: 1, run_id: 2})
    assert (result.annotations, result.problems) == (0, ())
    assert (len(queries.runs(store)), files_of(store)) == (2, before)


def test_copy_of_a_database_adds_only_its_new_runs(sqlite_store, data, tmp_path):
    record_pair(sqlite_store, data)
    sqlite_store.engine.dispose()
    (tmp_path / "copy").mkdir()
    shutil.copy(sqlite_store.address, tmp_path / "copy" / "runs.db")
    shutil.copytree(sqlite_store.folder / "adapters", tmp_path / "copy" / "adapters")
    copy = open_store(str(tmp_path / "copy" / "runs.db"))
    new, _ = record_run(copy, data, method="tfidf")
    set_columns(copy, new, baseline_id=1)
    execute_sql(copy, "UPDATE runs SET host = NULL, pid = NULL")  # published meanwhile
    record_without_data(sqlite_store)
    result = import_database(sqlite_store, copy.address)
    assert (result.imported, result.already_present) == ({new: 4}, {1: 1, 2: 2})
    assert queries.run(sqlite_store, 4).baseline_id == 1
    copy.engine.dispose()


def test_runs_that_differ_in_time_or_seed_only_are_both_imported(sqlite_store, other):
    first, second = record_without_data(other), record_without_data(other)
    set_columns(other, second, created_at=queries.run(other, first).created_at, seed=43)
    assert list(import_database(sqlite_store, other.address).imported) == [first, second]


def test_run_that_was_resumed_after_its_import_is_reported_and_not_changed(sqlite_store, other, data):
    run_id = record_without_data(other, error=ValueError("boom"))
    import_database(sqlite_store, other.address)
    with recording(other, make_config({}), "a run", {}, resume_id=run_id) as run:
        run.save_dataset(data, "key")
    result = import_database(sqlite_store, other.address)
    assert (result.imported, result.already_present, kinds(result)) == ({}, {run_id: 1}, ["changed_since"])
    assert queries.run(sqlite_store, 1).status == "failed"


def test_run_in_progress_is_not_imported(sqlite_store, other):
    with recording(other, make_config({}), "in progress", {}) as baseline:
        linked = record_without_data(other)
        set_columns(other, linked, baseline_id=baseline.id)
        result = import_database(sqlite_store, other.address)
        assert (result.imported, result.is_complete) == ({linked: 1}, False)
        assert kinds(result) == ["running", "missing_baseline"]
    assert queries.run(sqlite_store, 1).baseline_id is None
    assert import_database(sqlite_store, other.address).imported == {baseline.id: 2}


def test_baseline_with_a_higher_id_is_linked(sqlite_store, other):
    first, second = record_without_data(other), record_without_data(other)
    set_columns(other, first, baseline_id=second)
    result = import_database(sqlite_store, other.address)
    assert queries.run(sqlite_store, result.imported[first]).baseline_id == result.imported[second]


def test_continued_run_is_linked_to_its_parent(sqlite_store, other):
    record_without_data(sqlite_store)
    parent, child = record_without_data(other), record_without_data(other)
    set_columns(other, child, parent_id=parent)
    result = import_database(sqlite_store, other.address)
    assert queries.run(sqlite_store, result.imported[child]).parent_id == result.imported[parent] != parent


def test_unfinished_run_keeps_its_checkpoints(sqlite_store, other):
    run_id, folder = record_with_work(other)
    record_without_data(sqlite_store)
    assert import_database(sqlite_store, other.address).imported == {run_id: 2}
    record = queries.run(sqlite_store, 2)
    assert record.work_path == f"adapters/{folder.name.replace('-1-', '-2-')}"
    assert (record.work_folder(sqlite_store.folder) / "step-5").is_dir()


def remove_files(folder, store):
    shutil.rmtree(folder)


def change_weights(folder, store):
    (folder / "adapter_model.safetensors").write_bytes(b"other weights")


def add_link(folder, store):
    (folder / "link").symlink_to("/etc/passwd")


def leave_adapters(folder, store):
    set_columns(store, 1, adapter_path="adapters/../../secret")


@pytest.mark.parametrize(
    ("damage", "kind", "is_copied"),
    [
        (remove_files, "missing_files", False),
        (change_weights, "changed_files", True),
        (add_link, "linked_files", False),
        (leave_adapters, "missing_files", False),
    ],
)
def test_run_with_unusable_files_is_imported_and_reported(sqlite_store, other, damage, kind, is_copied):
    run_id, folder = record_with_adapter(other)
    damage(folder, other)
    result = import_database(sqlite_store, other.address)
    assert (result.imported, kinds(result), result.is_complete) == ({run_id: 1}, [kind], True)
    assert (queries.run(sqlite_store, 1).adapter_path is not None) == is_copied
    assert bool(files_of(sqlite_store)) == is_copied


def test_run_whose_files_cannot_be_copied_is_not_imported(sqlite_store, other, data):
    baseline, run_id, _ = record_pair(other, data)
    (sqlite_store.folder / "adapters").write_text("not a folder")
    result = import_database(sqlite_store, other.address)
    assert (result.imported, kinds(result), result.is_complete) == ({baseline: 1}, ["not_copied"], False)
    (sqlite_store.folder / "adapters").unlink()
    assert import_database(sqlite_store, other.address).imported == {run_id: 2}
    assert queries.run(sqlite_store, 2).baseline_id == 1


@pytest.mark.parametrize("moment", ["copy_rechecks", "publish_atomically"])
def test_interrupted_import_leaves_only_complete_runs(store, other, data, monkeypatch, moment):
    baseline, run_id, probabilities = record_pair(other, data)
    original = getattr(import_runs, moment)

    def interrupt(*arguments):
        original(*arguments)
        if moment == "publish_atomically" or arguments[2] == run_id:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(import_runs, moment, interrupt)
        with pytest.raises(KeyboardInterrupt):
            import_database(store, other.address)
    assert queries.runs(store)["id"].tolist() == [1]
    assert files_of(store) == set()
    result = import_database(store, other.address)
    (imported,) = result.imported.values()
    assert result.already_present == {baseline: 1}
    assert np.array_equal(queries.probabilities(store, imported), probabilities)


def test_run_that_another_process_imported_meanwhile_is_skipped(sqlite_store, other, monkeypatch):
    run_id, _ = record_with_adapter(other)
    checksum = import_runs.matches_checksum

    def import_meanwhile(*arguments):
        monkeypatch.setattr(import_runs, "matches_checksum", checksum)
        import_database(sqlite_store, other.address)
        return checksum(*arguments)

    monkeypatch.setattr(import_runs, "matches_checksum", import_meanwhile)
    result = import_database(sqlite_store, other.address)
    assert (result.imported, result.already_present) == ({}, {run_id: 1})
    assert len(queries.runs(sqlite_store)) == 1
    assert {name.split("/")[0] for name in files_of(sqlite_store)} == {"1-lora-r8"}


def test_annotations_are_added_and_completed_but_never_replaced(store, other):
    ours = {"tag": "ours, removed", "note": "ours"}
    run_edits.annotate(store, {"same": {"tag": "irony"}, "conflict": ours, "cleared": {"tag": "old"}})
    run_edits.annotate(store, {"cleared": {"tag": None}, "conflict": {"tag": "ours"}})
    run_edits.annotate(
        other,
        {
            "same": {"tag": "irony", "note": "a note"},
            "conflict": {"tag": "removed, theirs", "note": "theirs", "proposed_label": "good"},
            "cleared": {"tag": "old"},
            "new": {"note": "new note"},
        },
    )
    result = import_database(store, other.address)
    assert (result.annotations, kinds(result)) == (3, ["annotation_conflict"])
    annotations = queries.annotations(store)[["tag", "note", "proposed_label"]]
    rows = {tuple(None if value != value else value for value in row) for row in annotations.to_numpy().tolist()}
    assert rows == {("irony", "a note", None), ("ours, theirs", "ours", "good"), (None, "new note", None)}
    assert import_database(store, other.address).annotations == 0


@pytest.mark.parametrize("change", [f"tag = '{'x' * 60}'", "proposed_label = 'hf_" + "aB3dE5gH7j" * 3 + "'"])
def test_invalid_annotation_is_reported_and_not_imported(change, sqlite_store, other):
    run_edits.annotate(other, {"a text": {"tag": "x"}, "another": {"tag": "y"}})
    execute_sql(other, f"UPDATE annotations SET {change} WHERE tag = 'x'")
    result = import_database(sqlite_store, other.address)
    assert (result.annotations, kinds(result)) == (1, ["invalid_annotation"])
    assert queries.annotations(sqlite_store)["tag"].tolist() == ["y"]


@pytest.mark.parametrize("link", [None, os.symlink, os.link], ids=["path", "symbolic-link", "hard-link"])
def test_database_is_not_imported_into_itself(sqlite_store, link):
    address = sqlite_store.address
    if link is not None:
        address = str(sqlite_store.folder / "link.db")
        link(sqlite_store.address, address)
    with pytest.raises(RequestError) as error:
        import_database(sqlite_store, address)
    assert error.value.code == "same_database"


def test_servers_database_is_not_imported_into_itself(postgres_store):
    with pytest.raises(RequestError) as error:
        import_database(postgres_store, address_of(postgres_store))
    assert error.value.code == "same_database"


def test_servers_database_is_imported_into_a_file(postgres_store, other, data):
    _, run_id, probabilities = record_pair(postgres_store, data)
    result = import_database(other, address_of(postgres_store))
    assert (len(result.imported), result.problems) == (2, ())
    imported = queries.run(other, result.imported[run_id])
    assert np.array_equal(queries.probabilities(other, imported.id), probabilities)
    assert imported.adapter_folder(other.folder).is_dir()
    assert import_database(postgres_store, other.address).imported == {}


def test_earlier_schema_is_refused_with_the_command_that_upgrades_it(sqlite_store, tmp_path):
    path = tmp_path / "earlier.db"
    make_earlier_database(path, "0004")
    before = contents(path)
    with pytest.raises(RequestError, match=f"db upgrade --db {path}") as error:
        import_database(sqlite_store, str(path))
    assert error.value.code == "older_schema"
    assert contents(path) == before


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        pytest.param("UPDATE alembic_version SET version_num = '9999'", "newer_schema", id="newer"),
        pytest.param("UPDATE runs SET baseline_id = 99", "damaged_source", id="broken-link"),
        pytest.param("UPDATE runs SET config = '{'", "damaged_source", id="unreadable"),
    ],
)
def test_unusable_database_is_refused_and_nothing_is_imported(sqlite_store, other, statement, code):
    record_without_data(other)
    execute_sql(other, statement)
    with pytest.raises(RequestError) as error:
        import_database(sqlite_store, other.address)
    assert error.value.code == code
    assert queries.runs(sqlite_store).empty


def test_damaged_file_is_refused(sqlite_store, other, data):
    record_run(other, data)
    other.engine.dispose()
    path = Path(other.address)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(RequestError) as error:
        import_database(sqlite_store, str(path))
    assert error.value.code in ("damaged", "damaged_source")
    assert queries.runs(sqlite_store).empty


def test_missing_database_is_refused_and_not_created(sqlite_store, tmp_path):
    with pytest.raises(RequestError) as error:
        import_database(sqlite_store, str(tmp_path / "none.db"))
    assert error.value.code == "no_database"
    assert not (tmp_path / "none.db").exists()


def test_locked_target_imports_nothing(sqlite_store, other):
    record_without_data(other)
    impatient = open_store(sqlite_store.address, busy_timeout=0.1)
    with lock_database(sqlite_store), pytest.raises(StoreError) as error:
        import_database(impatient, other.address)
    assert error.value.code == "locked"
    assert queries.runs(impatient).empty
    impatient.engine.dispose()


def test_source_is_not_changed(sqlite_store, other, data):
    record_pair(other, data)
    other.engine.dispose()
    before = contents(Path(other.address)), files_of(other)
    import_database(sqlite_store, other.address)
    assert (contents(Path(other.address)), files_of(other)) == before


def test_command_prints_the_new_ids_and_exits_with_1_if_a_run_is_not_imported(sqlite_store, other, capsys):
    record_with_adapter(other)
    record_without_data(sqlite_store)
    command = ["db", "import", other.address, "--db", sqlite_store.address]
    assert main(command) == 0
    assert "1 → 2" in capsys.readouterr().out
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "imported": {},
        "already_present": {"1": 2},
        "annotations": 0,
        "views": 0,
        "problems": [],
    }
    with recording(other, make_config({}), "in progress", {}):
        assert main(command) == 1
    assert "run 2: it is still running" in capsys.readouterr().out
    assert main(["db", "import", sqlite_store.address, "--db", sqlite_store.address]) == 2
