"""Edits of runs and annotations change nothing else."""

import shutil

import pytest

from core.config import make_config
from core.errors import RequestError
from core.store import queries, run_edits
from core.store.recorder import recording
from core.store.records import content_hash
from tests.store.helpers import record_run, record_with_adapter, record_without_data

TOKEN = "hf_" + "aB3dE5gH7j" * 3  # not a real one
PASSWORD = "hunter2xyz"


@pytest.fixture
def run_id(store):
    return record_without_data(store)


def record_linked(store, baseline_id):
    """Record a run that is linked to a baseline; return its id."""
    with recording(store, make_config({}), "linked", {}) as run:
        run.update(baseline_id=baseline_id)
    return run.id


def test_name_notes_and_tags_are_edited(store, run_id):
    run_edits.edit_run(store, run_id, "  the\nchosen one ", "ship it ", ["paper", " paper", "", "α β"])
    run = queries.run(store, run_id)
    assert (run.name, run.notes, run.tags) == ("the chosen one", "ship it", ["paper", "α β"])
    run_edits.edit_run(store, run_id, name="renamed")
    run = queries.run(store, run_id)
    assert (run.name, run.notes, run.tags) == ("renamed", "ship it", ["paper", "α β"])
    run_edits.edit_run(store, run_id, notes=" ")
    assert queries.run(store, run_id).notes is None


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        pytest.param({"name": "  \n"}, "name_length", id="blank-name"),
        pytest.param({"name": "x" * 201}, "name_length", id="long-name"),
        pytest.param({"tags": ["x" * 51]}, "tag_length", id="long-tag"),
        pytest.param({"name": "a\0b"}, "unstorable_text", id="null-in-name"),
        pytest.param({"notes": "half \ud83d"}, "unstorable_text", id="surrogate-in-notes"),
        pytest.param({"tags": ["a\0b"]}, "unstorable_text", id="null-in-tag"),
        pytest.param({"name": f"with {TOKEN}"}, "secret_in_text", id="token-in-name"),
        pytest.param({"notes": f"postgresql://me:{PASSWORD}@host/x"}, "secret_in_text", id="password-in-notes"),
        pytest.param({"tags": [TOKEN]}, "secret_in_text", id="token-in-tag"),
    ],
)
def test_edit_that_cannot_be_stored_changes_nothing(edit, code, sqlite_store):
    run_id = record_without_data(sqlite_store)
    with pytest.raises(RequestError) as error:
        run_edits.edit_run(sqlite_store, run_id, **{"name": "a name", "notes": "a note", "tags": ["paper"], **edit})
    assert error.value.code == code
    assert TOKEN not in str(error.value) and PASSWORD not in str(error.value)
    run = queries.run(sqlite_store, run_id)
    assert (run.name, run.notes, run.tags) == ("a run", None, [])


def test_longest_name_and_tag_are_accepted(sqlite_store):
    run_id = record_without_data(sqlite_store)
    run_edits.edit_run(sqlite_store, run_id, "x" * 200, "", ["x" * 50])
    assert len(queries.run(sqlite_store, run_id).name) == 200


def test_unknown_run_is_refused(sqlite_store):
    with pytest.raises(RequestError) as error:
        run_edits.edit_run(sqlite_store, 7, "a", "", [])
    assert error.value.code == "no_run"


def test_trashed_run_is_hidden_until_it_is_restored(store, run_id):
    run_edits.trash_runs(store, [run_id])
    assert queries.runs(store).empty
    assert queries.run(store, run_id).deleted_at is not None
    assert list(queries.runs(store, trash=True)["id"]) == [run_id]
    run_edits.restore_runs(store, [run_id])
    assert list(queries.runs(store)["id"]) == [run_id]


def test_running_run_is_neither_trashed_nor_deleted_and_the_others_are_kept(store, run_id):
    with recording(store, make_config({}), "in progress", {}) as run:
        for edit in (
            lambda: run_edits.trash_runs(store, [run_id, run.id]),
            lambda: run_edits.delete_run(store, run.id),
        ):
            with pytest.raises(RequestError) as error:
                edit()
            assert error.value.code == "run_is_running"
        assert len(queries.runs(store)) == 2


def test_run_is_archived_and_unarchived(store, run_id):
    run_edits.archive_runs(store, [run_id])
    assert queries.run(store, run_id).archived
    run_edits.archive_runs(store, [run_id], archived=False)
    assert not queries.run(store, run_id).archived


def test_row_version_changes_with_its_own_run_only(store, run_id):
    other = record_without_data(store)
    before = queries.row_versions(store)
    run_edits.edit_run(store, run_id, "b", "", [])
    after = queries.row_versions(store)
    assert after[run_id] != before[run_id]
    assert after[other] == before[other]


def test_deleting_a_run_deletes_its_rows_and_an_unused_data_set(store, data):
    first, second = record_run(store, data)[0], record_run(store, data, method="majority")[0]
    run_edits.delete_run(store, first)
    assert queries.predictions(store, first).empty
    assert len(queries.predictions(store, second)) == 30
    run_edits.delete_run(store, second)
    assert queries.datasets(store).empty


def test_the_id_of_a_deleted_run_is_not_used_again(store, data):
    first, last = record_run(store, data)[0], record_run(store, data)[0]
    run_edits.delete_run(store, last)
    assert record_run(store, data)[0] > last > first


def test_deleting_a_baseline_changes_the_row_version_of_linked_runs(store, run_id):
    linked = record_linked(store, run_id)
    run_edits.trash_runs(store, [run_id])
    before = queries.row_versions(store)[linked]
    run_edits.delete_trashed_runs(store, [run_id])
    assert queries.run(store, linked).baseline_id is None
    assert queries.row_versions(store)[linked] != before


def test_only_trashed_runs_are_deleted_from_the_trash(store, run_id):
    restored, kept = record_linked(store, run_id), record_linked(store, run_id)
    run_edits.trash_runs(store, [run_id, restored])
    run_edits.restore_runs(store, [restored])
    with pytest.raises(RequestError, match=f"#{restored}, #{kept}, #77") as error:
        run_edits.delete_trashed_runs(store, [run_id, restored, kept, 77])
    assert error.value.code == "incomplete_deletion"
    assert list(queries.runs(store, trash=True)["id"]) == [restored, kept]


def test_folder_that_cannot_be_deleted_is_named_and_the_other_runs_are_deleted(sqlite_store, monkeypatch):
    (first, locked), (second, free) = record_with_adapter(sqlite_store), record_with_adapter(sqlite_store)
    rmtree = shutil.rmtree

    def refuse(folder):
        if folder == locked:
            raise PermissionError(13, "Permission denied")
        rmtree(folder)

    monkeypatch.setattr(shutil, "rmtree", refuse)
    run_edits.trash_runs(sqlite_store, [first, second])
    with pytest.raises(RequestError) as error:
        run_edits.delete_trashed_runs(sqlite_store, [first, second])
    assert error.value.code == "incomplete_deletion" and str(locked) in str(error.value)
    assert queries.runs(sqlite_store, trash=True).empty
    assert locked.is_dir() and not free.exists()


def test_newest_annotation_applies_and_earlier_ones_are_kept(store):
    run_edits.annotate(store, {"a text": {"tag": "irony", "note": "reads as praise"}})
    run_edits.annotate(store, {"a text": {"tag": "sarcasm"}, "another": {"tag": "x"}})
    annotations = queries.annotations(store).set_index("content_hash")
    assert annotations.loc[content_hash("a text"), ["tag", "note"]].tolist() == ["sarcasm", "reads as praise"]
    assert len(annotations) == 2
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM annotations").scalar() == 3


def test_unchanged_annotation_writes_nothing_and_none_clears_a_field(store):
    run_edits.annotate(store, {"a text": {"tag": "irony"}})
    assert run_edits.annotate(store, {"a text": {"tag": "irony"}, "another": {"tag": None}}) == {}
    run_edits.annotate(store, {"a text": {"tag": None}})
    assert queries.annotations(store).empty


def test_field_that_is_not_given_is_kept(store):
    run_edits.annotate(store, {"a text": {"tag": "first"}})
    run_edits.annotate(store, {"a text": {"proposed_label": "bad"}})
    assert queries.annotations(store)[["tag", "proposed_label"]].to_numpy().tolist() == [["first", "bad"]]


def test_returned_values_undo_a_change(store):
    run_edits.annotate(store, {"a text": {"tag": "irony", "note": "kept"}})
    earlier = run_edits.annotate(store, {"a text": {"tag": "sarcasm", "note": "kept"}, "another": {"note": "new"}})
    assert earlier == {"a text": {"tag": "irony"}, "another": {"note": None}}
    run_edits.annotate(store, earlier)
    assert queries.annotations(store)[["tag", "note"]].to_numpy().tolist() == [["irony", "kept"]]


def test_tags_are_stored_sorted_without_repeats(store):
    run_edits.annotate(store, {"a text": {"tag": " typo,irony ,, short   text, irony"}})
    assert queries.annotations(store)["tag"].tolist() == ["irony, short text, typo"]


def test_tags_are_added_to_and_removed_from_several_texts(store):
    run_edits.annotate(store, {"a": {"tag": "irony, typo", "note": "kept"}, "b": {"tag": "short, x\u202ey"}})
    changes = {"add_tags": ["rare", "new, newer"], "remove_tags": ["typo", "x⟨U+202E⟩y"]}
    earlier = run_edits.annotate_alike(store, ["a", "b", "c"], **changes)
    assert earlier == {"a": {"tag": "irony, typo"}, "b": {"tag": "short, x\u202ey"}, "c": {"tag": None}}
    tags = queries.annotations(store).set_index("content_hash")["tag"]
    assert [tags[content_hash(text)] for text in "abc"] == [
        "irony, new, newer, rare",
        "new, newer, rare, short",
        "new, newer, rare",
    ]
    assert run_edits.annotate_alike(store, ["a", "b"], **changes) == {}


def test_label_is_proposed_for_several_texts(store):
    run_edits.annotate(store, {"a": {"tag": "irony"}})
    run_edits.annotate_alike(store, ["a", "b"], proposed_label="good")
    rows = queries.annotations(store)[["tag", "proposed_label"]].astype(object)
    assert rows.where(rows.notna(), None).to_numpy().tolist() == [["irony", "good"], [None, "good"]]


def test_more_texts_are_annotated_than_one_query_accepts_values(sqlite_store, monkeypatch):
    assert run_edits.MAX_IN_VALUES <= 32_766  # SQLite's limit
    monkeypatch.setattr(run_edits, "MAX_IN_VALUES", 100)
    texts = {f"text {number}": {"tag": "x"} for number in range(250)}
    assert len(run_edits.annotate(sqlite_store, texts)) == 250
    assert run_edits.annotate(sqlite_store, texts) == {}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param({"tag": "short, " + "x" * 51}, "tag_length", id="tag"),
        pytest.param({"tag": ",".join(map(str, range(21)))}, "tag_count", id="many-tags"),
        pytest.param({"note": "x" * 10_001}, "note_length", id="note"),
        pytest.param({"note": "a\0b"}, "unstorable_text", id="null-in-note"),
        pytest.param({"tag": TOKEN}, "secret_in_text", id="token-in-tag"),
        pytest.param({"proposed_label": "a\0b"}, "unstorable_text", id="null-in-proposed-label"),
        pytest.param({"proposed_label": TOKEN}, "secret_in_text", id="token-in-proposed-label"),
    ],
)
def test_annotation_that_cannot_be_stored_changes_nothing(fields, code, sqlite_store):
    with pytest.raises(RequestError) as error:
        run_edits.annotate(sqlite_store, {"fine": {"tag": "x"}, "a text": fields})
    assert error.value.code == code
    assert queries.annotations(sqlite_store).empty
