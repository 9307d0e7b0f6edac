"""Databases and adapters of earlier versions open, list, compare, predict and recheck as before.

The shipped database was written by an earlier version; earlier schemas are made from it by downgrading.
"""

import shutil

import numpy as np
import pandas as pd
import pytest

from core.report.comparisons import compare_runs
from core.serving.inference import load_run
from core.serving.recheck import recheck_run
from core.store import queries
from core.store.engine import Store, open_store, upgrade_store
from core.store.integrity import check
from core.store.upgrade import exclusive_transaction
from tests.store.earlier import EARLIER_REVISIONS, migrate_to


@pytest.fixture(scope="module")
def current(shipped_record, tmp_path_factory):
    """Return the store of a copy of the shipped database."""
    return copy_of(shipped_record, tmp_path_factory.mktemp("current"))


@pytest.fixture(scope="module", params=[EARLIER_REVISIONS[0], EARLIER_REVISIONS[-1]])
def upgraded(request, shipped_record, tmp_path_factory):
    """Return the store of a copy that was downgraded to an earlier schema and upgraded again."""
    store = copy_of(shipped_record, tmp_path_factory.mktemp(f"from-{request.param}"))
    with exclusive_transaction(store.engine) as connection:
        migrate_to(connection, request.param)
    store.engine.dispose()
    return upgrade_store(store.address).store


def copy_of(record, folder) -> Store:
    shutil.copytree(record, folder, dirs_exist_ok=True)
    return open_store(str(folder / "runs.db"))


def best_adapter(store, dataset="movie-reviews"):
    runs = queries.runs(store).query("dataset == @dataset and kind == 'adapter'")
    return int(runs.nlargest(1, "macro_f1")["id"].item())


def test_earlier_database_lists_the_same_runs(current, upgraded):
    # Columns of later schemas are empty after a downgrade.
    added = ["base_memory_bytes", "changed_at", "work_path", "tags", "deleted_at", "step", "total_steps"]
    frames = [queries.runs(store).drop(columns=added) for store in (current, upgraded)]
    pd.testing.assert_frame_equal(*frames)
    settings = [[queries.run(store, int(run)).config for run in frames[0]["id"]] for store in (current, upgraded)]
    assert settings[0] == settings[1]


def test_earlier_database_has_the_same_predictions_and_comparisons(current, upgraded):
    run_id = best_adapter(current)
    baseline_id = queries.run(current, run_id).baseline_id
    assert np.array_equal(queries.probabilities(current, run_id), queries.probabilities(upgraded, run_id))
    comparisons = [compare_runs(store, run_id, baseline_id) for store in (current, upgraded)]
    assert comparisons[0].result.macro_f1 == comparisons[1].result.macro_f1


@pytest.mark.slow
def test_earlier_database_is_sound(upgraded):
    assert [finding for finding in check(upgraded.address).findings if finding.fault] == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["adapter", "baseline"])
def test_earlier_run_predicts_its_stored_probabilities(upgraded, kind):
    runs = queries.runs(upgraded).query("dataset == 'movie-reviews' and kind == @kind")
    run_id = best_adapter(upgraded) if kind == "adapter" else int(runs.set_index("method").loc["tfidf", "id"])
    texts = list(queries.predictions(upgraded, run_id)["text"][:16])
    probabilities = load_run(upgraded, run_id).predict(texts)
    assert np.abs(probabilities - queries.probabilities(upgraded, run_id)[:16]).max() < 1e-3


@pytest.mark.slow
def test_earlier_runs_are_rechecked_without_drift(upgraded):
    baselines = queries.runs(upgraded).query("dataset == 'movie-reviews' and method == 'tfidf'")
    for run_id in (int(baselines["id"].iloc[0]), best_adapter(upgraded)):
        recheck_run(upgraded, run_id)
        assert queries.rechecks(upgraded, run_id)[["changed_labels", "drifted"]].to_numpy().tolist()[-1] == [0, False]
