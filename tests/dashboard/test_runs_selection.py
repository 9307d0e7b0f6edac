"""Actions on the runs that are selected on the Runs page."""

import pytest

from core.store import queries, run_edits
from core.store.run_writer import RunWriter
from core.system.files import WEIGHT_PATTERN, compute_checksum
from dashboard.app_pages.runs.run_table import Row, update_selection
from tests.dashboard.reading import page_text
from tests.dashboard.runs_page import content, names, store_of, trashed
from tests.seeded import ODD_NAME


def test_selection_is_a_url_parameter_and_can_be_cleared(seeded, open_runs):
    app = open_runs(chosen=f"{seeded.lora},{seeded.tfidf}")
    assert "2 selected: #2 tfidf, #3 lora-r8" in page_text(app)
    app.button(key="clear selection").click().run()
    assert "selected:" not in page_text(app)
    assert "chosen" not in app.query_params


def test_selected_configurations_are_compared_by_one_run_each(seeded, open_runs):
    chosen = [*seeded.seeds, seeded.tfidf]
    app = open_runs(group="seeds", chosen=",".join(map(str, chosen)))
    assert "4 selected: " in page_text(app)
    links = [link.proto for link in app.get("page_link") if link.proto.label == "Compare"]
    compared = dict(part.split("=") for part in links[1].query_string.split("&"))
    assert int(compared["run"]) in seeded.seeds and compared["against"] == str(seeded.tfidf)


def test_click_keeps_the_selection_of_other_pages_and_of_rows_selected_in_part():
    rows = [Row(ids[0], ids, "", "", [], pinned=False, cells=[]) for ids in ([1, 2], [3], [4, 5])]
    assert update_selection([9, 1, 3], rows, {3, 4, 5}) == [9, 1, 3, 4, 5]
    assert update_selection([9, 1, 3], rows, {1, 2}) == [9, 1, 2]


def test_runs_that_a_filter_hides_stay_selected_when_others_are_archived(seeded_copy, open_runs):
    app = open_runs(chosen=f"{seeded_copy.tfidf},{seeded_copy.odd}", search=f"#{seeded_copy.odd}")
    app.button(key="archive").click().run()
    assert app.query_params["chosen"] == str(seeded_copy.tfidf)


def test_long_selection_is_kept_in_the_session_only(seeded_copy, open_runs):
    app = open_runs(chosen=",".join(map(str, range(1, 2_000))), search=f"#{seeded_copy.odd}")
    app.button(key="archive").click().run()
    assert "chosen" not in app.query_params
    app.text_input(key="search").set_value("tfidf").run()
    assert "1 selected: #2 tfidf" in page_text(app)


def test_archiving_a_configuration_archives_all_of_its_runs(seeded_copy, open_runs):
    app = open_runs(group="seeds", chosen=",".join(map(str, seeded_copy.seeds)))
    app.button(key="archive").click().run()
    archived = queries.runs(store_of(seeded_copy)).query("archived")["id"]
    assert set(archived) == set(seeded_copy.seeds)


def test_deleting_moves_runs_to_the_trash_and_undo_restores_them(seeded_copy, open_runs):
    app = open_runs(chosen=f"{seeded_copy.odd},{seeded_copy.failed}")
    app.button(key="delete").click().run()
    assert not app.exception
    assert sorted(trashed(seeded_copy)) == sorted([seeded_copy.odd, seeded_copy.failed])
    assert ODD_NAME not in names(app)
    app.button(key="undo").click().run()
    assert ODD_NAME in names(app)
    assert trashed(seeded_copy) == []


def test_means_that_change_are_stated(seeded_copy, open_runs):
    app = open_runs(chosen=seeded_copy.seeds[1])
    app.button(key="delete").click().run()
    assert "1 run moved to the trash. The mean of lora-r8 is now over 2 seeds." in page_text(app)
    app.button(key="undo").click().run()
    assert "The mean of lora-r8 is now over 3 seeds." in page_text(app)
    app = open_runs(chosen=seeded_copy.odd)
    app.button(key="archive").click().run()
    assert "The mean of" not in page_text(app)  # a configuration with one run


def test_trash_restores_and_deletes_permanently_after_a_confirmation(seeded_copy, open_runs):
    run_edits.trash_runs(store_of(seeded_copy), [seeded_copy.odd, seeded_copy.tfidf])
    app = open_runs(show="trash", chosen=seeded_copy.odd)
    assert set(names(app)) == {ODD_NAME, "tfidf"}
    app.button(key="restore").click().run()
    assert trashed(seeded_copy) == [seeded_copy.tfidf]
    app = open_runs(show="trash", chosen=seeded_copy.tfidf)
    app.button(key="delete permanently").click().run()
    assert "This deletes #2 tfidf" in page_text(app) and "4 other runs have this run" in page_text(app)
    assert trashed(seeded_copy) == [seeded_copy.tfidf]
    app.button(key="confirm deletion").click().run()
    assert not app.exception
    assert seeded_copy.tfidf not in list(queries.runs(store_of(seeded_copy), trash=True)["id"])
    assert content(open_runs(show="trash")) is None


def test_run_restored_meanwhile_is_not_deleted(seeded_copy, open_runs):
    run_edits.trash_runs(store_of(seeded_copy), [seeded_copy.odd, seeded_copy.tfidf])
    app = open_runs(show="trash", chosen=f"{seeded_copy.odd},{seeded_copy.tfidf}")
    app.button(key="delete permanently").click().run()
    run_edits.restore_runs(store_of(seeded_copy), [seeded_copy.odd])
    app.button(key="confirm deletion").click().run()
    assert not app.exception
    assert f"\\#{seeded_copy.odd}" in app.toast[0].value and f"\\#{seeded_copy.tfidf}" not in app.toast[0].value
    left = list(queries.runs(store_of(seeded_copy), trash=True)["id"])
    assert seeded_copy.odd in left and seeded_copy.tfidf not in left


def test_deletion_names_the_folder_that_is_kept(seeded_copy, open_runs):
    store = store_of(seeded_copy)
    folder = store.folder / str(queries.run(store, seeded_copy.tfidf).adapter_path)
    RunWriter.reopen(store, seeded_copy.tfidf).update(adapter_sha256=compute_checksum(folder, WEIGHT_PATTERN))
    (folder / "tfidf.safetensors").write_bytes(b"trained on")
    run_edits.trash_runs(store, [seeded_copy.tfidf])
    app = open_runs(show="trash", chosen=seeded_copy.tfidf)
    app.button(key="delete permanently").click().run()
    app.button(key="confirm deletion").click().run()
    assert folder.name in app.toast[0].value.replace("\\", "")
    assert (folder / "tfidf.safetensors").read_bytes() == b"trained on"


def test_archive_takes_runs_and_returns_them(seeded_copy, open_runs):
    app = open_runs(chosen=seeded_copy.odd)
    app.button(key="archive").click().run()
    assert queries.run(store_of(seeded_copy), seeded_copy.odd).archived and ODD_NAME not in names(app)
    app = open_runs(show="archived", chosen=seeded_copy.odd)
    assert names(app) == [ODD_NAME]
    app.button(key="unarchive").click().run()
    assert content(app) is None
    assert not queries.run(store_of(seeded_copy), seeded_copy.odd).archived


def test_page_without_active_runs_offers_undo_and_restore(seeded_copy, open_runs):
    runs = queries.runs(store_of(seeded_copy))
    test_set = [int(run_id) for run_id in runs.loc[runs["dataset_id"] == runs["dataset_id"].iloc[0], "id"]]
    app = open_runs(chosen=",".join(map(str, test_set)))
    app.button(key="archive").click().run()
    assert content(app) is None
    app.button(key="undo").click().run()
    assert content(app)
    run_edits.trash_runs(store_of(seeded_copy), [int(run_id) for run_id in runs["id"]])
    app = open_runs()
    assert content(app) is None
    app.button(key="restore all").click().run()
    assert trashed(seeded_copy) == [] and content(app)


def test_name_notes_and_tags_are_saved_and_searched(seeded_copy, open_runs):
    app = open_runs(chosen=seeded_copy.odd)
    app.text_input(key=f"name of {seeded_copy.odd}").set_value("rank 4 <b>")
    app.text_area(key=f"notes of {seeded_copy.odd}").set_value("for the *paper*")
    app.multiselect(key=f"tags of {seeded_copy.odd}").set_value(["paper", "two words"])
    app.button(key="save").click().run()
    assert not app.exception
    run = queries.run(store_of(seeded_copy), seeded_copy.odd)
    assert (run.name, run.notes, run.tags) == ("rank 4 <b>", "for the *paper*", ["paper", "two words"])
    assert names(open_runs(tag="paper")) == ["rank 4 <b>"]
    assert names(open_runs(search="two words for")) == ["rank 4 <b>"]


@pytest.mark.parametrize(("name", "tag"), [("  ", "paper"), ("fine", "x" * 51)], ids=["blank-name", "long-tag"])
def test_refused_edit_changes_nothing(name, tag, seeded_copy, open_runs):
    app = open_runs(chosen=seeded_copy.odd)
    app.text_input(key=f"name of {seeded_copy.odd}").set_value(name)
    app.multiselect(key=f"tags of {seeded_copy.odd}").set_value([tag])
    app.button(key="save").click().run()
    assert app.toast[0].icon == ":material/error:"
    run = queries.run(store_of(seeded_copy), seeded_copy.odd)
    assert (run.name, run.tags) == (ODD_NAME, [])
