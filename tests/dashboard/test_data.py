"""The Data page: quality checks, class balance, text lengths, rater disagreement and examples."""

import pandas as pd
import pytest

from dashboard import data
from dashboard.app_pages.data import charts, text, view_data
from dashboard.data import cache
from tests.dashboard.reading import page_text


def no_rare_classes():
    return pd.DataFrame(columns=["label", "count", "share", "half"])


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


def test_quality_checks_name_what_inflates_scores():
    checks = {"left_out": {"without text": 2}, "duplicates": {"test": 1, "train": 0}, "leaked_test_examples": 3}
    rare = pd.DataFrame({"label": ["neutral"], "count": [53], "share": [0.053], "half": [0.092]})
    assert text.quality_checks(checks, rare) == [
        "2 rows without text were dropped.",
        "Duplicates within a split: 1 in test.",
        "Leakage: 3 test examples are also in the training or validation split: scores are inflated.",
        "Rare class neutral: 53 test examples (5.3% of the test set). F1 is known to within ±9.2 points.",
    ]
    clean = text.quality_checks({}, no_rare_classes())
    assert clean[0] == "No duplicates within a split."
    assert len(clean) == 2


def test_class_below_minimum_support_has_no_reliable_metrics():
    rare = pd.DataFrame({"label": ["odd"], "count": [4], "share": [0.04], "half": [0.3]})
    assert "Too few for reliable metrics" in text.quality_checks({}, rare)[-1]


@pytest.mark.parametrize(
    ("shares", "named"), [({"train": 0.2, "test": 0.0}, ["20.0% of train texts"]), ({"train": 0.0}, [])]
)
def test_truncated_splits_are_named(shares, named):
    sentence = text.quality_checks({}, no_rare_classes(), shares)[-1]
    assert [part for part in ("20.0% of train texts", "test texts") if part in sentence] == named


def test_balance_of_many_classes_shows_the_most_and_the_least_frequent():
    many = pd.DataFrame({"label": [f"class {i}" for i in range(150)], "count": range(150)})
    (rows,) = charts.training_balance(many).datasets.values()
    assert list(rows["count"]) == [*range(149, 134, -1), *range(14, -1, -1)]


def test_write_changes_the_version_of_a_database_on_a_server(monkeypatch):
    monkeypatch.setenv("RUNS_DB", "postgresql://somewhere/runs")
    before = cache.version().writes
    cache.write(lambda: None)
    assert cache.version().writes == before + 1
