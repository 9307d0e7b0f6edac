"""A verdict is one sentence with its evidence."""

from dataclasses import replace

from core.evaluation.intervals import Estimate
from core.report.comparisons import compare_configurations, compare_runs
from core.report.verdicts import configuration_sentence, margin_sentence, verdict_sentence
from tests.report.verdict_runs import record_run_with_accuracy as record


def test_verdict_states_its_evidence(store):
    baseline, adapter = record(store, 0.6, "tfidf"), record(store, 0.9)
    comparison = compare_runs(store, adapter, baseline)
    sentence = verdict_sentence(comparison)
    assert sentence.startswith(f"Adapter {adapter} helped: macro F1 +")
    assert all(fact in sentence for fact in ("(95% CI +", "p < .0001", "n = 200"))
    assert sentence.endswith(f"{comparison.result.gained} gained, {comparison.result.lost} lost.")


def test_verdict_without_evidence_states_the_detectable_difference(store):
    comparison = compare_runs(store, record(store, 0.80, seed=1), record(store, 0.79, seed=2))
    sentence = verdict_sentence(comparison)
    assert comparison.result.verdict == "no evidence either way"
    assert sentence.startswith("Inconclusive: macro F1 ")
    assert f"{comparison.result.detectable * 100:.1f}" in sentence


def test_verdict_of_a_worse_run(store):
    better, worse = record(store, 0.9), record(store, 0.6, seed=2)
    assert f"Run {worse} is worse than run {better}: macro F1 −" in verdict_sentence(compare_runs(store, worse, better))


def test_only_a_fine_tuned_run_helps_or_hurts(store):
    baseline, other_baseline, adapter = record(store, 0.6, "tfidf"), record(store, 0.9, "majority"), record(store, 0.9)
    pairs = [(adapter, baseline), (baseline, adapter), (other_baseline, baseline), (adapter, other_baseline)]
    words = [compare_runs(store, a, b).verdict for a, b in pairs]
    assert words == ["helped", "worse", "better", "inconclusive"]


def test_inconclusive_interval_that_excludes_zero_is_explained(store):
    comparison = compare_runs(store, record(store, 0.80, seed=1), record(store, 0.79, seed=2))
    result = replace(comparison.result, macro_f1=Estimate(0.041, 0.005, 0.084), p=0.06)
    sentence = verdict_sentence(replace(comparison, result=result))
    assert "p = .060" in sentence and "The interval excludes 0, but p is not below .05." in sentence


def test_margin_sentence_distinguishes_three_results(store):
    better, worse = record(store, 0.9), record(store, 0.6, seed=2)
    sentences = [
        margin_sentence(compare_runs(store, better, worse).result),
        margin_sentence(compare_runs(store, worse, better).result),
        margin_sentence(compare_runs(store, worse, better, margin=0.9).result),
    ]
    starts = ("Non-inferior", "Not shown to be non-inferior", "Equivalent within 90.0 points")
    assert [sentence.startswith(start) for sentence, start in zip(sentences, starts, strict=True)] == [True] * 3
    assert "1.0 points" in sentences[0] and "1.0 points" in sentences[1]


def test_configuration_sentence_states_seeds_and_the_smallest_possible_p(store):
    runs_a = [record(store, 0.9, seed=seed) for seed in (1, 2)]
    runs_b = [record(store, 0.7, seed=seed, r=4) for seed in (1, 2)]
    sentence = configuration_sentence(compare_configurations(store, runs_a[0], runs_b[0]))
    assert sentence.startswith("Over 2 seeds this configuration is better: macro F1 +")
    assert sentence.endswith("With 2 seeds a sign test cannot go below p = .50.")
