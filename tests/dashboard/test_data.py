"""The Data page: quality checks, class balance, text lengths, rater disagreement and examples."""

import pandas as pd

from dashboard import data
from dashboard.app_pages.data import charts, view_data
from dashboard.data import cache
from tests.dashboard.reading import page_text


def test_page_shows_sizes_class_balance_and_flagged_rows(seeded, open_page):
    app = open_page("data", run=seeded.flawed)
    assert "80 train, 20 validation, 100 test examples; 3 labels" in page_text(app)
    assert [box.label for box in app.expander] == [
        "Duplicates within a split: 1",
        "Leaked test examples: 2",
        "Near-duplicate test examples: 1",
        "Conflicting labels: 1",
    ]
    balance = next(table.value for table in app.dataframe if "train" in table.value)
    assert list(balance.columns) == ["label", "train", "validation", "test"]


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


def test_balance_of_many_classes_shows_the_most_and_the_least_frequent():
    many = pd.DataFrame({"label": [f"class {i}" for i in range(150)], "count": range(150)})
    (rows,) = charts.training_balance(many).datasets.values()
    assert list(rows["count"]) == [*range(149, 134, -1), *range(14, -1, -1)]


def test_write_changes_the_version_of_a_database_on_a_server(monkeypatch):
    monkeypatch.setenv("RUNS_DB", "postgresql://somewhere/runs")
    before = cache.version().writes
    cache.write(lambda: None)
    assert cache.version().writes == before + 1
