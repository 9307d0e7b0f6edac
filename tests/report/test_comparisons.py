"""Runs and configurations are compared only on a common test set, paired by example and seed."""

import pytest

from core.report.comparisons import compare_configurations, compare_runs, holm_adjusted_p
from core.store import queries, run_edits
from core.store.run_writer import RunWriter
from tests.error_codes import raises_code
from tests.report.verdict_runs import record_run_with_accuracy as record
from tests.report.verdict_runs import record_run_without_predictions


def test_p_values_of_several_runs_are_holm_adjusted(store):
    baseline = record(store, 0.75, "tfidf")
    comparisons = [compare_runs(store, record(store, 0.82, seed=seed), baseline) for seed in (1, 2, 3)]
    p_values = [comparison.result.p for comparison in comparisons]
    adjusted = holm_adjusted_p(comparisons)
    assert all(after >= before for after, before in zip(adjusted, p_values, strict=True))
    assert min(adjusted) == pytest.approx(3 * min(p_values))


def test_configurations_are_paired_by_seed(store):
    runs_a = [record(store, 0.9, seed=seed) for seed in (1, 2, 3)]
    runs_b = [record(store, 0.7, seed=seed, r=4) for seed in (2, 3, 4)]
    comparison = compare_configurations(store, runs_a[0], runs_b[0])
    assert [run.seed for run in comparison.a] == [run.seed for run in comparison.b] == [2, 3]


def test_deterministic_baseline_is_paired_with_every_seed(store):
    baseline = record(store, 0.6, "tfidf")
    adapters = [record(store, 0.9, seed=seed) for seed in (1, 2, 3)]
    assert len(compare_configurations(store, adapters[0], baseline).b) == 3
    assert len(compare_configurations(store, baseline, adapters[0]).a) == 3


@pytest.mark.parametrize("other", [{"r": 4}, {"seed": 2}], ids=["one-common-seed", "same-configuration"])
def test_configurations_without_two_common_seeds_are_not_compared(store, other):
    assert compare_configurations(store, record(store, 0.9), record(store, 0.8, **other)) is None


def test_newest_run_of_a_seed_is_used(store):
    old, new = record(store, 0.7), record(store, 0.9)
    assert [run.id for run in queries.runs_of_configuration(store, queries.run(store, old))] == [new]


@pytest.mark.parametrize("exclude", [run_edits.archive_runs, run_edits.trash_runs], ids=["archived", "deleted"])
def test_archived_and_deleted_runs_are_excluded_from_configurations(store, exclude):
    baseline = record(store, 0.7, "tfidf")
    adapter, _ = (record(store, 0.9, seed=seed) for seed in (1, 2))
    assert compare_configurations(store, adapter, baseline) is not None
    exclude(store, [baseline])
    assert compare_configurations(store, adapter, baseline) is None
    assert compare_configurations(store, baseline, adapter) is None


def test_package_versions_that_differ_are_listed(store):
    a, b = record(store, 0.9), record(store, 0.8, seed=2, packages={"torch": "2.12.0"})
    assert compare_runs(store, a, b).versions == {"torch": ["2.13.0", "2.12.0"]}


def test_dtype_is_compared_if_recorded_for_both(store):
    a, b, baseline = record(store, 0.9), record(store, 0.8, seed=2), record(store, 0.6, "tfidf")
    for run_id, dtype in ((a, "float32"), (b, "bfloat16")):
        environment = queries.run(store, run_id).environment
        RunWriter.reopen(store, run_id).update(environment=environment | {"training_dtype": dtype, "device": "cpu"})
    assert compare_runs(store, a, b).versions == {"training dtype": ["float32", "bfloat16"]}
    assert compare_runs(store, a, baseline).versions == {}


@pytest.mark.parametrize(
    ("values", "code", "fact"),
    [
        pytest.param({"test_size": 150}, "other_examples", "movie-reviews", id="test-examples"),
        pytest.param({"dataset": "movie-reviews-3"}, "other_labels", "negative, neutral, positive", id="labels"),
    ],
)
def test_runs_without_a_common_test_set_are_not_compared(store, values, code, fact):
    run, other = record(store, 0.9), record(store, 0.9, "tfidf", **values)
    with raises_code(code, fact):
        compare_runs(store, run, other)


def test_run_without_predictions_is_not_compared(store):
    with raises_code("no_predictions"):
        compare_runs(store, record(store, 0.9), record_run_without_predictions(store))


def test_incomplete_run_is_not_compared(store):
    run, failed = record(store, 0.9), record(store, 0.8, seed=2)
    RunWriter.reopen(store, failed).update(status="failed")
    with raises_code("run_is_incomplete", f"{failed} is failed"):
        compare_runs(store, run, failed)
