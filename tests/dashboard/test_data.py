"""The page of the data: what the runs learnt from, and what to mind."""

import pandas as pd

from dashboard.app_pages.data import charts
from dashboard.app_pages.data import text as words
from dashboard.data import cache
from tests.dashboard.reading import page_text


def test_data_tells_balance_checks_and_rare_classes(seeded, open_page):
    app = open_page("data", run=seeded.other_test_set)
    words = page_text(app)
    assert "80 train, 20 validation, 100 test examples; 3 labels" in words
    assert "«neutral» is rare" in words
    assert list(app.dataframe[0].value.columns) == ["label", "train", "validation", "test"]
    app.selectbox(key="split").select("test").run()
    assert "100 examples" in page_text(app)


def test_data_shows_what_is_wrong_with_the_rows_behind_it(seeded, open_page):
    app = open_page("data", run=seeded.flawed)
    words = page_text(app)
    assert "2 test examples also stand in the training or validation split: the scores flatter." in words
    assert "Texts that stand with more than one label: 1." in words
    assert "That is too few to tell" in words
    assert [box.label for box in app.expander] == [
        "Texts that stand twice within a split: 1",
        "Test examples that also stand in another split: 2",
        "Test examples with a near duplicate in another split: 1",
        "Texts with more than one label: 1",
    ]


def test_filters_of_the_examples_come_from_the_address(seeded, open_page):
    app = open_page("data", run=seeded.flawed, split="test", label="odd", contains="film")
    shown = app.dataframe[-1].value
    assert set(shown["split"]) == {"test"} and set(shown["label"]) == {"odd"}
    assert f"{len(shown)} examples" in page_text(app)


def test_where_texts_were_rated_by_several_people_the_most_disputed_are_shown(seeded, open_page):
    app = open_page("data", run=seeded.flawed)
    assert "Where the raters disagree" in [element.value for element in app.subheader]
    (disputed,) = [table.value for table in app.dataframe if "deviation of the raters" in table.value]
    assert disputed["deviation of the raters"].astype(float).is_monotonic_decreasing


def test_what_the_model_reads_the_beginning_of_is_said():
    none = pd.DataFrame(columns=["label", "count", "share", "half"])
    assert words.remarks({}, none, {"train": 0.2, "test": 0.0})[-1] == (
        "The best model reads only the beginning of 20.0 % of the train texts: a larger --max-length reads more."
    )
    assert "No text is longer than the best model reads." in words.remarks({}, none, {"train": 0.0})


def test_many_classes_are_drawn_as_the_most_and_the_least_common():
    many = pd.DataFrame({"label": [f"class {i}" for i in range(150)], "count": range(150)})
    (rows,) = charts.training_balance(many).datasets.values()
    assert list(rows["count"]) == [*range(149, 134, -1), *range(14, -1, -1)]


def test_what_was_changed_here_is_seen_at_once_on_a_server_too(monkeypatch):
    monkeypatch.setenv("RUNS_DB", "postgresql://somewhere/runs")
    before = cache.version().writes
    cache.written(lambda: None)
    assert cache.version().writes == before + 1
