"""What recorded runs say of each other, in words."""

import numpy as np
import pytest

from core.config import make_config
from core.data import load_data
from core.errors import RequestError
from core.evaluation.metrics import evaluate
from core.report.comparisons import compare_configurations, compare_runs, holm_adjusted_p
from core.report.verdicts import configuration_sentence, margin_sentence, training_warning, verdict_sentence
from core.store import queries, run_edits
from core.store.datasets import save_dataset
from core.store.recorder import recording
from core.store.run_writer import RunWriter

SIZES = {"train_size": 40, "validation_size": 20, "test_size": 200}


def record(store, right, method="lora", seed=1, packages=None, steps=200, loss=0.3, baseline=None, **values):
    """Record a run that is right on a share of the test examples."""
    config = make_config({"method": method, "seed": seed, "lr": 3e-3, **SIZES, **values})
    data = load_data(config)
    rng = np.random.default_rng(seed)
    said = np.where(rng.random(200) < right, data.test.labels, 1 - data.test.labels)
    shares = np.where(np.eye(2)[said] == 1, 0.8, 0.2).astype(np.float32)
    with recording(store, config, method, {"packages": packages or {"torch": "2.13.0"}}) as run:
        dataset_id = save_dataset(store, data)
        run.update(dataset_id=dataset_id, group_key=config.group_key(data.fingerprint), baseline_id=baseline)
        run.save_predictions(data, "test", dataset_id, shares, evaluate(data.test.labels, shares, data.labels))
        if method == "lora":
            run.log_history(steps, 2.0, {"loss": loss})
    return run.id


def test_a_verdict_is_one_sentence_with_its_evidence(store):
    baseline, adapter = record(store, 0.6, "tfidf"), record(store, 0.9)
    said = verdict_sentence(compare_runs(store, adapter, baseline))
    for part in (f"Adapter {adapter} helped: macro F1 +", "(95 % +", "p < .0001", "n = 200", " gained, ", " lost."):
        assert part in said


def test_no_evidence_says_what_it_would_take(store):
    a, b = record(store, 0.80, seed=1), record(store, 0.79, seed=2)
    said = verdict_sentence(compare_runs(store, a, b))
    assert said.startswith("No evidence either way: macro F1 ")
    assert "This test set could only show differences in accuracy of " in said
    assert "would need about " in said or said.endswith("points or more.")


def test_the_reverse_hurt(store):
    good, bad = record(store, 0.9), record(store, 0.6, seed=2)
    assert f"Adapter {bad} hurt: macro F1 −" in verdict_sentence(compare_runs(store, bad, good))


def test_no_worse_is_said_by_a_margin(store):
    good, bad = record(store, 0.9), record(store, 0.6, seed=2)
    assert margin_sentence(compare_runs(store, good, bad).result).startswith("At most 1.0 points worse")
    assert margin_sentence(compare_runs(store, bad, good).result).startswith("Not shown to be at most 1.0 points worse")
    assert margin_sentence(compare_runs(store, bad, good, margin=0.9).result).startswith("Alike to within 90.0 points")


def test_several_runs_against_one_baseline_pay_for_their_number(store):
    baseline = record(store, 0.75, "tfidf")
    compared = [compare_runs(store, record(store, 0.82, seed=seed), baseline) for seed in (1, 2, 3)]
    assert all(p >= one.result.p for p, one in zip(holm_adjusted_p(compared), compared, strict=True))
    assert min(holm_adjusted_p(compared)) == pytest.approx(3 * min(one.result.p for one in compared))


def test_configurations_are_paired_by_seed(store):
    ours = [record(store, 0.9, seed=seed) for seed in (1, 2, 3)]
    theirs = [record(store, 0.7, seed=seed, r=4) for seed in (2, 3, 4)]
    found = compare_configurations(store, ours[0], theirs[0])
    assert [run.seed for run in found.a] == [run.seed for run in found.b] == [2, 3]
    said = configuration_sentence(found)
    assert said.startswith("Over 2 seeds this configuration helped: macro F1 +")
    assert "at best .50 with 2" in said


def test_a_baseline_without_chance_stands_beside_every_seed(store):
    baseline = record(store, 0.6, "tfidf")
    adapters = [record(store, 0.9, seed=seed) for seed in (1, 2, 3)]
    assert len(compare_configurations(store, adapters[0], baseline).b) == 3


def test_one_seed_is_no_configuration(store):
    a, b = record(store, 0.9), record(store, 0.8, r=4)
    assert compare_configurations(store, a, b) is None


def test_seeds_of_one_configuration_are_not_compared_as_two(store):
    a, b = record(store, 0.9, seed=1), record(store, 0.8, seed=2)
    assert compare_configurations(store, a, b) is None


def test_the_newest_run_stands_for_its_seed(store):
    old, new = record(store, 0.7), record(store, 0.9)
    assert [run.id for run in queries.runs_of_configuration(store, queries.run(store, old))] == [new]


def test_other_versions_are_flagged(store):
    a, b = record(store, 0.9), record(store, 0.8, seed=2, packages={"torch": "2.12.0"})
    assert compare_runs(store, a, b).versions == {"torch": ["2.13.0", "2.12.0"]}


def test_another_number_format_is_flagged_where_both_have_one(store):
    a, b, baseline = record(store, 0.9), record(store, 0.8, seed=2), record(store, 0.6, "tfidf")
    for run_id, format_ in ((a, "float32"), (b, "bfloat16")):
        environment = queries.run(store, run_id).environment
        RunWriter.reopen(store, run_id).update(environment=environment | {"training_dtype": format_, "device": "cpu"})
    assert compare_runs(store, a, b).versions == {"training dtype": ["float32", "bfloat16"]}
    assert compare_runs(store, a, baseline).versions == {}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({"test_size": 150}, "their test examples differ", id="test-examples"),
        pytest.param(
            {"dataset": "movie-reviews-3"},
            r"their labels differ \(negative, positive and negative, neutral, positive\)",
            id="labels",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_part_that_differs(store, values, expected):
    run = record(store, 0.9)
    config = make_config({"method": "tfidf", **SIZES, **values})
    data = load_data(config)
    shares = np.full((len(data.test), len(data.labels)), 1 / len(data.labels), dtype=np.float32)
    with recording(store, config, "other", {}) as other:
        dataset_id = save_dataset(store, data)
        other.update(dataset_id=dataset_id)
        other.save_predictions(data, "test", dataset_id, shares, evaluate(data.test.labels, shares, data.labels))
    with pytest.raises(RequestError, match=expected):
        compare_runs(store, run, other.id)


def test_a_run_without_predictions_is_refused(store):
    whole = record(store, 0.9)
    config = make_config({"method": "tfidf", **SIZES})
    with recording(store, config, "bare", {}) as bare:
        bare.update(dataset_id=save_dataset(store, load_data(config)))
    with pytest.raises(RequestError, match="no stored predictions"):
        compare_runs(store, whole, bare.id)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({"steps": 60}, "60 training steps", id="few-steps"),
        pytest.param({"lr": 1e-5}, "a learning rate of 1e-05", id="small-rate"),
        pytest.param({"loss": 0.69}, "a training loss that stayed at chance", id="flat-loss"),
    ],
)
def test_an_adapter_that_learnt_nothing_is_warned_of(store, values, expected):
    baseline = record(store, 0.7, "tfidf")
    run = queries.run(store, record(store, 0.7, seed=2, baseline=baseline, **values))
    assert expected in training_warning(store, run)


def test_an_adapter_that_helped_needs_no_warning(store):
    baseline = record(store, 0.6, "tfidf")
    assert training_warning(store, queries.run(store, record(store, 0.9, seed=2, steps=10, baseline=baseline))) is None
    assert training_warning(store, queries.run(store, baseline)) is None


@pytest.mark.parametrize("put_away", [run_edits.archive_runs, run_edits.trash_runs])
def test_over_seeds_nothing_is_said_of_a_configuration_that_was_put_away(put_away, store):
    baseline = record(store, 0.7, "tfidf")
    ours = [record(store, 0.9, seed=seed) for seed in (1, 2)]
    assert compare_configurations(store, ours[0], baseline) is not None
    put_away(store, [baseline])
    assert compare_configurations(store, ours[0], baseline) is None
    assert compare_configurations(store, baseline, ours[0]) is None


def test_a_run_without_predictions_gets_no_warning(store):
    baseline = record(store, 0.7, "tfidf")
    adapter = record(store, 0.6, steps=3, baseline=baseline)
    assert training_warning(store, queries.run(store, adapter))
    with store.engine.begin() as connection:
        connection.exec_driver_sql("delete from predictions where run_id = ?", (adapter,))
    assert training_warning(store, queries.run(store, adapter)) is None
