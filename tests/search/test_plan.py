import pytest

from core.search.plan import estimate_costs, plan_jobs
from core.store import queries
from core.store.engine import open_existing_store
from core.store.records import PARENT_GROUP_KEY
from core.store.run_writer import RunWriter
from tests.small_runs import create_store, record_run


def test_recorded_run_is_planned_as_such_unless_requested_again(prepare, tmp_path, tiny_bert):
    store = create_store(tmp_path)
    run = record_run(store, tiny_bert, method="tfidf")
    same, other = prepare(method="tfidf"), prepare(method="majority")
    assert [planned.recorded and planned.recorded.id for planned in plan_jobs([same, other], store)] == [run.id, None]
    assert plan_jobs([same], store, again=True)[0].recorded is None
    environment = queries.run(store, run.id).environment | {PARENT_GROUP_KEY: "0" * 16}
    RunWriter.reopen(store, run.id).update(environment=environment)  # as of a run that continues another one
    assert plan_jobs([same], store)[0].recorded is None


def test_run_of_a_local_model_is_not_reused_as_the_files_may_have_changed(prepare, tmp_path, tiny_bert):
    store = create_store(tmp_path)
    record_run(store, tiny_bert)
    assert plan_jobs([prepare()], store)[0].recorded is None


def test_costs_are_estimated_without_a_database(prepare, tmp_path):
    jobs = [prepare(), prepare(seed=7), prepare(r=4, epochs="auto")]
    first, second, third = estimate_costs(jobs)
    assert first == second  # timed once
    assert first.steps == (3, 3) and third.steps == (100, 600)
    assert first.trainable_parameters > third.trainable_parameters > 0
    assert 0 < third.seconds[0] < third.seconds[1] and first.memory_bytes > 1e8
    assert open_existing_store(str(tmp_path / "runs.db")) is None
    assert [path.name for path in tmp_path.iterdir()] == ["films.csv"]


@pytest.mark.parametrize("method", ["full", "adalora", "ia3"])
def test_every_kind_of_method_can_be_timed(method, prepare):
    (cost,) = estimate_costs([prepare(method=method, class_weights="balanced")])
    assert cost.seconds[0] > 0 and cost.trainable_parameters <= cost.total_parameters
