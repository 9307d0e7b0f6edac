"""Queries return what was recorded."""

import sqlite3
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from core.config import make_config
from core.errors import RequestError
from core.store import queries
from core.store.publishing import make_publishable
from core.store.recorder import recording
from core.store.records import derive_state
from core.store.run_writer import RunWriter
from tests.store.helpers import PACKAGES, execute_sql, record_run, record_without_data, set_columns


def test_predictions_are_stored_with_their_texts(store, data):
    run_id, expected = record_run(store, data)
    frame = queries.predictions(store, run_id)
    assert list(frame["text"]) == list(data.test.texts)
    assert list(frame["label"]) == [data.labels[code] for code in data.test.labels]
    assert list(frame["predicted"]) == [data.labels[code] for code in expected.argmax(axis=1)]
    assert frame["confidence"].to_numpy() == pytest.approx(expected.max(axis=1))
    assert frame["true_probability"].to_numpy() == pytest.approx(expected[np.arange(30), data.test.labels])
    assert np.array_equal(queries.probabilities(store, run_id), expected)


def test_class_balance_counts_every_split(store, data):
    run_id, _ = record_run(store, data)
    balance = queries.class_balance(store, queries.run(store, run_id).dataset_id)
    assert balance.groupby("split")["count"].sum().to_dict() == {"train": 40, "validation": 20, "test": 30}
    assert balance.groupby("split")["share"].sum().to_list() == pytest.approx([1, 1, 1])


def test_data_set_is_stored_once(store, data):
    record_run(store, data)
    record_run(store, data, method="majority")
    assert queries.datasets(store)[["runs", "test_examples"]].to_numpy().tolist() == [[2, 30]]
    assert len(queries.examples(store, 1)) == 90


def test_list_has_metrics_with_intervals_and_the_worst_class(store, data):
    run_id, expected = record_run(store, data)
    row = queries.runs(store).iloc[0]
    assert (row["id"], row["dataset"], row["state"]) == (run_id, "movie-reviews-3", "complete")
    assert row["accuracy"] == pytest.approx((expected.argmax(axis=1) == data.test.labels).mean())
    assert row["macro_f1_low"] < row["macro_f1"] < row["macro_f1_high"]
    worst = queries.class_metrics(store, [run_id]).sort_values(["f1", "label"]).iloc[0]
    assert (row["worst_class"], row["worst_f1"], row["worst_support"]) == (
        worst["label"],
        worst["f1"],
        worst["support"],
    )


def test_more_runs_are_listed_than_one_query_accepts_values(sqlite_store, data, monkeypatch):
    from core.store.queries import run_queries

    monkeypatch.setattr(run_queries, "MAX_IN_VALUES", 2)
    ids = [record_without_data(sqlite_store) for _ in range(5)]
    assert queries.runs(sqlite_store, ids)["id"].tolist() == ids


def test_unknown_run_is_refused_with_the_newest_id(store):
    with pytest.raises(RequestError, match="There is no run 7. There are no runs yet") as error:
        queries.run(store, 7)
    assert error.value.code == "no_run"
    record_without_data(store)
    with pytest.raises(RequestError, match="The newest is 1"):
        queries.run(store, 7)


def test_identical_run_needs_equal_settings_data_and_packages(store, data):
    run_id, _ = record_run(store, data)
    run = queries.run(store, run_id)
    arguments = run.config, run.group_key, None, PACKAGES
    assert queries.find_identical_run(store, *arguments).id == run_id
    changes = (run.config | {"seed": 7}, "0" * 16, "0" * 40, {"torch": "2"})
    for position, changed in enumerate(changes):
        assert queries.find_identical_run(store, *arguments[:position], changed, *arguments[position + 1 :]) is None


def test_best_baseline_has_the_same_seed(store, data):
    runs = [record_run(store, data, method, seed)[0] for method, seed in (("tfidf", 1), ("untrained", 2))]
    scores = queries.runs(store).set_index("id")["macro_f1"]
    best = max(runs, key=lambda run_id: scores[run_id])
    assert queries.best_baseline(store, 1, seed=42) == best
    set_columns(store, best, seed=99)
    assert queries.best_baseline(store, 1, seed=42) == min(runs, key=lambda run_id: scores[run_id])
    assert queries.best_baseline(store, 2, seed=42) is None


def test_each_seed_of_a_configuration_is_returned_once(store, data):
    first, second = (record_run(store, data, "untrained", seed=1)[0] for _ in range(2))
    with recording(store, make_config({"method": "untrained", "seed": 7}), "seed 7", {}) as other:
        other.update(group_key=queries.run(store, first).group_key)
    group = queries.runs_of_configuration(store, queries.run(store, first))
    assert [run.id for run in group] == [other.id, second]


def test_predictions_of_several_runs_on_one_example(store, data):
    runs = [record_run(store, data, seed=seed)[0] for seed in (1, 2, 3)]
    example = queries.predictions(store, runs[0]).iloc[4]
    frame = queries.predictions_on_example(store, int(example["example_id"]), runs[1:])
    expected = [queries.predictions(store, run_id)["predicted"][4] for run_id in runs[1:]]
    assert (frame["run_id"].tolist(), frame["predicted"].tolist()) == (runs[1:], expected)
    counts = queries.predicted_label_counts(store, runs)
    assert counts.groupby("position")["votes"].sum().tolist() == [3] * 30
    assert queries.example_text(store, int(example["example_id"])) == data.test.texts[4]


def test_published_database_names_no_machine(store, data):
    run_id, _ = record_run(store, data)
    assert queries.run(store, run_id).host
    make_publishable(store)
    assert (queries.run(store, run_id).host, queries.run(store, run_id).pid) == (None, None)


def test_published_sqlite_database_is_one_file(sqlite_store, data):
    record_run(sqlite_store, data)
    make_publishable(sqlite_store)
    sqlite_store.engine.dispose()
    with sqlite3.connect(f"file:{sqlite_store.address}?immutable=1", uri=True) as alone:  # without its journal
        assert alone.execute("SELECT count(*) FROM predictions").fetchone() == (30,)


@pytest.mark.parametrize("minutes", [-2, 2])
def test_run_on_another_machine_without_recent_heartbeat_is_crashed(store, minutes):
    with recording(store, make_config({}), "a", {}) as run:
        set_columns(store, run.id, heartbeat_at=datetime.now(UTC) + timedelta(minutes=minutes), host="elsewhere")
        assert queries.run(store, run.id).state == "crashed"
        assert queries.run(store, run.id).status == "running"  # reading writes nothing
        set_columns(store, run.id, heartbeat_at=datetime.now(UTC) + timedelta(minutes=minutes / 4))
        assert queries.run(store, run.id).state == "running"
    assert derive_state("complete", None) == "complete"


def test_unreadable_value_is_reported_as_damage(sqlite_store, data):
    run_id, _ = record_run(sqlite_store, data)
    execute_sql(sqlite_store, "UPDATE datasets SET labels = '[\"nega'")
    with pytest.raises(RequestError) as error:
        queries.dataset(sqlite_store, queries.run(sqlite_store, run_id).dataset_id)
    assert error.value.code == "unreadable_value"


@pytest.mark.parametrize(("column", "value"), [("config", "[]"), ("tags", "{}")])
def test_json_of_another_type_is_reported_as_damage(store, column, value):
    run_id = record_without_data(store)
    execute_sql(store, f"UPDATE runs SET {column} = '{value}'")
    with pytest.raises(RequestError) as error:
        queries.run(store, run_id)
    assert error.value.code == "unreadable_value"


def test_prediction_of_an_unknown_label_is_reported_as_damage(store, data):
    run_id, _ = record_run(store, data)
    execute_sql(store, "UPDATE predictions SET predicted = 'negatovi' WHERE example_id BETWEEN 61 AND 70")
    with pytest.raises(RequestError, match="its label 'negatovi'") as error:
        queries.labels_and_predictions(store, run_id, data.labels)
    assert error.value.code == "unknown_label"


def test_learning_curves_contain_one_figure_by_step(store):
    run_id, other = record_without_data(store), record_without_data(store)
    for step, value in ((2, 0.8), (1, 0.7)):
        RunWriter.reopen(store, run_id).log_history(step, step / 2, {"validation_macro_f1": value, "loss": 0.5})
    curves = queries.learning_curves(store, [run_id, other], "validation_macro_f1")
    assert curves.to_numpy().tolist() == [[run_id, 0.7], [run_id, 0.8]]
