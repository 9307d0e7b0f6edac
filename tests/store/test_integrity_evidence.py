"""What `db check` finds where rows that can be read were changed: by a bit that fell over, or by a hand."""

import pytest

from core.config import make_config
from core.data import load_data
from tests.store.test_integrity import change, found
from tests.store.test_store import DATA, record


@pytest.fixture(scope="module")
def data():
    return load_data(make_config({"dataset": "movie-reviews-3", **DATA}))


CHANGES = {
    "a text": ("UPDATE examples SET text = text || '!' WHERE id = 7", "changed data set", "data set 1"),
    "a label of a training text": (
        "UPDATE examples SET label = CASE label WHEN 'positive' THEN 'negative' ELSE 'positive' END WHERE id = 7",
        "changed data set",
        "data set 1",
    ),
    "the data set's name": ("UPDATE datasets SET name = 'others'", "changed data set", "data set 1"),
    "the class balance": ("UPDATE class_balance SET count = count + 1", "changed figures", "data set 1"),
    "the settings": ("""UPDATE runs SET config = '{"method": "tfidf"}'""", "changed settings", "run 1"),
    "the method": ("UPDATE runs SET method = 'majority'", "changed settings", "run 1"),
    "the seed": ("UPDATE runs SET seed = 9", "changed settings", "run 1"),
    "a confidence": (
        "UPDATE predictions SET confidence = confidence / 2",
        "changed figures",
        "run 1",
    ),
    "what was predicted": (
        "UPDATE predictions SET predicted = CASE predicted WHEN 'positive' THEN 'negative' ELSE 'positive' END",
        "changed figures",
        "run 1",
    ),
    "a metric": ("UPDATE metrics SET value = value + 0.01 WHERE name = 'macro_f1'", "changed figures", "run 1"),
    "an interval": ("UPDATE metrics SET low = low - 0.01 WHERE name = 'accuracy'", "changed figures", "run 1"),
    "a class's figure": (
        "UPDATE class_metrics SET recall = recall / 2",
        "changed figures",
        "run 1",
    ),
    "a support": ("UPDATE class_metrics SET support = support + 1", "changed figures", "run 1"),
}


@pytest.mark.parametrize(("statement", "kind", "where"), CHANGES.values(), ids=CHANGES)
def test_what_was_changed_since_it_was_written_is_found(store, data, statement, kind, where):
    record(store, data)
    change(store, statement)
    assert (kind, where, False) in found(store)
