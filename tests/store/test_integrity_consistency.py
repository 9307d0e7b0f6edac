"""The integrity check finds values that were changed after they were written."""

import pytest

from tests.store.helpers import execute_sql, find_problems, record_run

_OTHER_LABEL = "CASE {0} WHEN 'positive' THEN 'negative' ELSE 'positive' END"
CHANGES = {
    "text": ("UPDATE examples SET text = text || '!' WHERE id = 7", "changed data set", "data set 1"),
    "label of a training text": (
        f"UPDATE examples SET label = {_OTHER_LABEL.format('label')} WHERE id = 7",
        "changed data set",
        "data set 1",
    ),
    "data set name": ("UPDATE datasets SET name = 'others'", "changed data set", "data set 1"),
    "class balance": ("UPDATE class_balance SET count = count + 1", "changed figures", "data set 1"),
    "settings": ("""UPDATE runs SET config = '{"method": "tfidf"}'""", "changed settings", "run 1"),
    "method": ("UPDATE runs SET method = 'majority'", "changed settings", "run 1"),
    "seed": ("UPDATE runs SET seed = 9", "changed settings", "run 1"),
    "confidence": ("UPDATE predictions SET confidence = confidence / 2", "changed figures", "run 1"),
    "true probability": ("UPDATE predictions SET true_probability = 0.125", "changed figures", "run 1"),
    "predicted label": (
        f"UPDATE predictions SET predicted = {_OTHER_LABEL.format('predicted')}",
        "changed figures",
        "run 1",
    ),
    "metric": ("UPDATE metrics SET value = value + 0.01 WHERE name = 'macro_f1'", "changed figures", "run 1"),
    "interval": ("UPDATE metrics SET low = low - 0.01 WHERE name = 'accuracy'", "changed figures", "run 1"),
    "class metric": ("UPDATE class_metrics SET recall = recall / 2", "changed figures", "run 1"),
    "support": ("UPDATE class_metrics SET support = support + 1", "changed figures", "run 1"),
}


@pytest.mark.parametrize(("statement", "kind", "where"), CHANGES.values(), ids=CHANGES)
def test_values_changed_after_they_were_written_are_found(sqlite_store, data, statement, kind, where):
    record_run(sqlite_store, data)
    execute_sql(sqlite_store, statement)
    assert (kind, where, False) in find_problems(sqlite_store)


def test_metric_changed_on_a_server_is_found(postgres_store, data):
    record_run(postgres_store, data)
    execute_sql(postgres_store, CHANGES["metric"][0])
    assert find_problems(postgres_store) == [("changed figures", "run 1", False)]
