"""The Data page: quality checks, class balance, text lengths, rater disagreement and examples."""

import pytest

from dashboard import data
from dashboard.app_pages.data import text, view_data
from dashboard.data import cache
from tests.dashboard.reading import page_text, table
from tests.seeded import record_adapters


def test_page_shows_sizes_class_balance_and_health_tiles(seeded, open_page):
    app = open_page("data", run=seeded.flawed)
    assert all(f"[{size}]" in page_text(app) for size in ("80 train", "20 validation", "100 test", "3 labels"))
    tiles = {metric.label: metric.value for metric in app.metric}
    assert tiles["Duplicates"] == "1" and tiles["Leaks"] == "3" and tiles["Conflicts"] == "1"
    assert list(tiles)[-1] == "Suspect labels"
    assert {button.key for button in app.button} >= {"check duplicates", "check leaks", "check conflicts"}
    balance = next(table.value for table in app.dataframe if "train" in table.value)
    assert list(balance.columns) == ["label", "train", "validation", "test"]


def test_tile_opens_and_hides_its_examples(seeded, open_page):
    app = open_page("data", run=seeded.flawed)
    app.button(key="check leaks").click().run()
    assert app.query_params["check"] == "leaks"
    assert len(table(app, "similarity")) == 3
    app.button(key="check leaks").click().run()
    assert "check" not in app.query_params
    assert not [shown for shown in app.dataframe if "similarity" in shown.value]


def test_examples_are_filtered_by_the_url_and_by_the_controls(seeded, open_page):
    app = open_page("data", run=seeded.flawed, split="test", label="odd", contains="film")
    examples = app.dataframe[-1].value
    assert set(examples["split"]) == {"test"}
    assert set(examples["label"]) == {"odd"}
    app.selectbox(key="label").select("good").run()
    assert set(app.dataframe[-1].value["label"]) == {"good"}


def test_disputed_examples_are_sorted_by_rater_deviation(seeded, open_page):
    app = open_page("data", run=seeded.flawed)
    (disputed,) = [table.value for table in app.dataframe if "rating SD" in table.value]
    assert disputed["rating SD"].astype(float).is_monotonic_decreasing


def test_source_without_ratings_has_no_disputed_examples(hard):
    assert view_data.disputed_examples(data.run(hard[1]).dataset_id).empty
    assert view_data.errors_by_disagreement(hard[1]).empty


def test_notes_name_the_rows_that_were_dropped_or_changed():
    notes = text.source_notes({"left_out": {"without text": 2}, "mended": 1})
    assert notes[0] == "2 rows without text were dropped." and len(notes) == 2
    assert text.source_notes({}) == []


def test_leaks_are_counted_by_kind():
    assert "validation split: 3; that are almost equal to one there: 1." in text.leaks_note(3, 1)
    assert text.leaks_note(0, 0).startswith("No leakage")


def test_rare_classes_depend_on_the_number_of_classes(store, seeded, monkeypatch):
    assert list(view_data.rare_classes(data.run(seeded.flawed).dataset_id, None)["label"]) == ["odd"]
    monkeypatch.setenv("RUNS_DB", str(store.folder / "runs.db"))
    (run,) = record_adapters(store, 20, 0.7)
    assert view_data.rare_classes(data.run(run).dataset_id, run).empty


@pytest.mark.parametrize(
    ("shares", "named"), [({"train": 0.2, "test": 0.0}, ["20.0% of train texts"]), ({"train": 0.0}, []), ({}, [])]
)
def test_truncated_splits_are_named(shares, named):
    sentence = text.truncation_note(shares)
    assert [part for part in ("20.0% of train texts", "test texts") if part in sentence] == named


def test_write_changes_the_version_of_a_database_on_a_server(monkeypatch):
    monkeypatch.setenv("RUNS_DB", "postgresql://somewhere/runs")
    before = cache.version().writes
    cache.write(lambda: None)
    assert cache.version().writes == before + 1
