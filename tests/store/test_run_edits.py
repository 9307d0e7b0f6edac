"""What people change in the record, and that nothing is lost by it."""

import shutil

import pytest
from sqlalchemy import update

from core.config import make_config
from core.errors import RequestError
from core.store import queries, recorder, run_edits
from core.store.records import content_hash
from core.store.schema import RunRow
from core.system.files import WEIGHT_PATTERN, compute_checksum


@pytest.fixture
def run_id(store):
    with recorder.recording(store, make_config({}), "a run", {}) as run:
        pass
    return run.id


def test_a_run_is_renamed_noted_and_tagged(store, run_id):
    run_edits.edit_run(store, run_id, "  the\nchosen one ", "ship it ", ["paper", " paper", "", "α β"])
    run = queries.run(store, run_id)
    assert (run.name, run.notes, run.tags) == ("the chosen one", "ship it", ["paper", "α β"])
    run_edits.edit_run(store, run_id, "the chosen one", " ", [])
    assert queries.run(store, run_id).notes is None


@pytest.mark.parametrize("name", ["", "  \n", "x" * 201], ids=["empty", "blank", "long"])
def test_a_senseless_name_is_refused(name, store, run_id):
    with pytest.raises(RequestError, match="1 to 200 characters"):
        run_edits.edit_run(store, run_id, name, "a note", ["paper"])
    run = queries.run(store, run_id)
    assert (run.name, run.notes, run.tags) == ("a run", None, [])


def test_a_tag_that_is_too_long_is_refused(store, run_id):
    with pytest.raises(RequestError, match="at most 50 characters"):
        run_edits.edit_run(store, run_id, "a", "", ["x" * 51])


def test_a_run_that_is_not_there_is_refused(store):
    with pytest.raises(RequestError, match="There is no run 7"):
        run_edits.edit_run(store, 7, "a", "", [])


def test_a_run_in_the_trash_is_out_of_sight_until_it_is_brought_back(store, run_id):
    run_edits.trash_runs(store, [run_id])
    assert queries.runs(store).empty
    assert queries.run(store, run_id).deleted_at is not None
    assert list(queries.runs(store, trash=True)["id"]) == [run_id]
    run_edits.restore_runs(store, [run_id])
    assert list(queries.runs(store)["id"]) == [run_id]


def test_a_running_run_is_not_put_into_the_trash_nor_are_those_beside_it(store, run_id):
    with recorder.recording(store, make_config({}), "at work", {}) as run:
        with pytest.raises(RequestError, match="still running"):
            run_edits.trash_runs(store, [run_id, run.id])
        assert len(queries.runs(store)) == 2


def test_the_archive_takes_runs_in_and_gives_them_back(store, run_id):
    run_edits.archive_runs(store, [run_id])
    assert queries.run(store, run_id).archived
    run_edits.archive_runs(store, [run_id], archived=False)
    assert not queries.run(store, run_id).archived


def test_every_change_of_a_run_moves_its_stamp_and_no_others(store, run_id):
    with recorder.recording(store, make_config({}), "another", {}) as other:
        pass
    before = queries.row_versions(store)
    run_edits.edit_run(store, run_id, "b", "", [])
    after = queries.row_versions(store)
    assert after[run_id] != before[run_id]
    assert after[other.id] == before[other.id]


def linked(store, run_id):
    """Record a run whose baseline is another one; return its number."""
    with recorder.recording(store, make_config({}), "measured", {}) as run:
        run.update(baseline_id=run_id)
    return run.id


def with_folder(store, run_id):
    folder = store.folder / "adapters" / f"{run_id}-lora"
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(b"w")
    columns = {"adapter_path": f"adapters/{folder.name}", "adapter_sha256": compute_checksum(folder, WEIGHT_PATTERN)}
    with store.write_session() as session:
        session.execute(update(RunRow).where(RunRow.id == run_id).values(**columns))
    return folder


@pytest.mark.parametrize(
    "delete",
    [run_edits.delete_run, lambda store, run_id: run_edits.delete_trashed_runs(store, [run_id])],
    ids=["delete-run", "empty-trash"],
)
def test_a_run_whose_baseline_is_deleted_changes_with_it(delete, store, run_id):
    measured = linked(store, run_id)
    run_edits.trash_runs(store, [run_id])
    before = queries.row_versions(store)[measured]
    delete(store, run_id)
    assert queries.run(store, measured).baseline_id is None
    assert queries.row_versions(store)[measured] != before


def test_only_what_lies_in_the_trash_is_deleted_for_good(store, run_id):
    restored, gone = linked(store, run_id), linked(store, run_id)
    run_edits.trash_runs(store, [run_id, restored])
    run_edits.restore_runs(store, [restored])
    with pytest.raises(RequestError, match=f"no longer in the trash: #{restored}, #{gone}, #77"):
        run_edits.delete_trashed_runs(store, [run_id, restored, gone, 77])
    assert list(queries.runs(store, trash=True)["id"]) == [restored, gone]


def test_a_folder_that_cannot_be_deleted_is_named_and_the_other_runs_go(store, run_id, monkeypatch):
    other = linked(store, run_id)
    held, free = with_folder(store, run_id), with_folder(store, other)
    rmtree = shutil.rmtree

    def refuse(folder):
        if folder == held:
            raise PermissionError(13, "Permission denied")
        rmtree(folder)

    monkeypatch.setattr(shutil, "rmtree", refuse)
    run_edits.trash_runs(store, [run_id, other])
    with pytest.raises(RequestError, match=f"not its folder {held} \\(Permission denied\\)"):
        run_edits.delete_trashed_runs(store, [run_id, other])
    assert queries.runs(store, trash=True).empty
    assert held.is_dir() and not free.exists()


def test_the_newest_annotation_of_a_text_holds_and_the_earlier_ones_are_kept(store):
    assert run_edits.annotate(store, {"a text": {"tag": "irony", "note": "reads as praise"}}) == 1
    assert run_edits.annotate(store, {"a text": {"tag": "sarcasm"}, "another": {"tag": "x"}}) == 2
    known = queries.annotations(store).set_index("content_hash")
    assert known.loc[content_hash("a text"), ["tag", "note"]].tolist() == ["sarcasm", "reads as praise"]
    assert len(known) == 2
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM annotations").scalar() == 3


def test_saying_the_same_again_writes_nothing_and_saying_nothing_takes_it_back(store):
    run_edits.annotate(store, {"a text": {"tag": "irony"}})
    assert run_edits.annotate(store, {"a text": {"tag": "irony"}, "another": {"tag": None}}) == 0
    run_edits.annotate(store, {"a text": {"tag": None}})
    assert queries.annotations(store).empty


def test_a_field_that_is_not_given_stays_as_somebody_else_noted_it(store):
    run_edits.annotate(store, {"a text": {"tag": "first"}})
    run_edits.annotate(store, {"a text": {"proposed_label": "bad"}})
    assert queries.annotations(store)[["tag", "proposed_label"]].to_numpy().tolist() == [["first", "bad"]]


def test_more_texts_are_annotated_at_once_than_a_database_takes_values(store):
    texts = {f"text {place}": {"tag": "x"} for place in range(33_000)}
    assert run_edits.annotate(store, texts) == 33_000
    assert run_edits.annotate(store, texts) == 0


@pytest.mark.parametrize("fields", [{"tag": "x" * 51}, {"note": "x" * 10_001}], ids=["tag", "note"])
def test_what_is_too_long_to_be_noted_is_refused(fields, store):
    with pytest.raises(RequestError, match="has at most"):
        run_edits.annotate(store, {"fine": {"tag": "x"}, "a text": fields})
    assert queries.annotations(store).empty


def test_a_run_keeps_its_last_lines(store):
    with recorder.recording(store, make_config({}), "a", {}) as run:
        for number in range(5):
            run.log_line(f"line {number}")
    assert list(queries.log_tail(store, run.id, lines=2)["text"]) == ["line 3", "line 4"]


def test_what_a_library_warns_of_stands_in_the_log_of_the_run_alone(store):
    import logging

    with recorder.recording(store, make_config({}), "a", {}) as run:
        logging.getLogger("somewhere").warning("mind the %s", "gap")
    logging.getLogger("somewhere").warning("afterwards")
    assert list(queries.log_tail(store, run.id)["text"]) == ["somewhere: mind the gap"]


def test_the_reason_of_a_failure_is_the_last_line_of_the_log(store):
    with recorder.recording(store, make_config({}), "a", {}) as run:
        raise ValueError("no luck")
    assert queries.log_tail(store, run.id)["text"].iloc[-1] == "ValueError: no luck"
