"""The Data page: quality checks, class balance, text lengths, rater disagreement and examples."""

from core.store.run_writer import RunWriter
from dashboard import data
from dashboard.app_pages.data import text, view_data
from dashboard.data import cache
from tests.dashboard.hard_texts import record_hard_texts
from tests.dashboard.reading import page_text, table
from tests.seeded import ENVIRONMENT, record_adapters


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


def test_truncated_texts_are_those_of_the_best_run_on_the_version(store, open_page):
    (weak, _), (other_weak, _) = record_hard_texts(store), record_hard_texts(store, trained_on=60)
    for run, share in ((weak, 0.25), (other_weak, 0.5)):
        RunWriter.reopen(store, run).update(environment=ENVIRONMENT | {"truncated": {"train": 0.0, "test": share}})
    app = open_page("data", check="truncated")
    for run, value in ((weak, "25.0%"), (other_weak, "50.0%")):
        app.selectbox(key="version").select(data.run(run).dataset_id).run()
        (tile,) = [metric for metric in app.metric if metric.label == "Truncated"]
        assert tile.value == value and value in tile.proto.help
        assert len(table(app, "characters")) == 8


def test_suspect_labels_are_undefined_with_a_single_kind_of_run(store, open_page):
    record_adapters(store, 2, 0.9)
    (tile,) = [metric for metric in open_page("data").metric if metric.label == "Suspect labels"]
    assert tile.value == "—"


def test_class_search_without_a_match_says_so(store, open_page):
    record_adapters(store, 25, 0.9)
    app = open_page("data", find="nothing")
    assert "No class matches." in page_text(app)
    assert len(app.get("vega_lite_chart")) == 1


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


def test_leaks_are_counted_by_kind():
    assert "validation split: 3; that are almost equal to one there: 1." in text.leaks_note(3, 1)
    assert text.leaks_note(0, 0).startswith("No leakage")


def test_rare_classes_depend_on_the_number_of_classes(store, seeded, monkeypatch):
    assert list(view_data.rare_classes(data.run(seeded.flawed).dataset_id, None)["label"]) == ["odd"]
    monkeypatch.setenv("RUNS_DB", str(store.folder / "runs.db"))
    (run,) = record_adapters(store, 20, 0.7)
    assert view_data.rare_classes(data.run(run).dataset_id, run).empty


def test_write_changes_the_version_of_a_database_on_a_server(monkeypatch):
    monkeypatch.setenv("RUNS_DB", "postgresql://somewhere/runs")
    before = cache.version().writes
    cache.write(lambda: None)
    assert cache.version().writes == before + 1
