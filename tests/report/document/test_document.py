"""A report shows the verdicts, figures and failures of its runs, and refuses runs that cannot be compared."""

from itertools import combinations

import pytest

from core.report.comparisons import adjust_verdicts, compare_configurations, compare_runs
from core.report.document import MAX_RUNS, render_report
from core.report.verdicts import configuration_sentence, verdict_sentence
from core.store import queries, run_edits
from core.store.engine import open_store
from core.text.formatting import format_p_value
from core.text.markdown import escape_markdown
from tests.error_codes import raises_code
from tests.report.document.reading import Page
from tests.report.verdict_runs import record_run_with_accuracy as record
from tests.report.verdict_runs import record_run_without_predictions
from tests.seeded import record_adapters, seed


@pytest.fixture(scope="module")
def seeded(tmp_path_factory):
    return seed(tmp_path_factory.mktemp("seeded"))


@pytest.fixture(scope="module")
def seeded_store(seeded):
    return open_store(str(seeded.database))


def test_first_sentence_is_the_verdict_on_a_single_run(store):
    run = record(store, 0.9, baseline=record(store, 0.7, "tfidf"))
    sentence = verdict_sentence(compare_runs(store, run, 1))
    assert Page(render_report(store, [run], "html")).leads == [sentence]
    assert f"**{escape_markdown(sentence)}**" in render_report(store, [run], "md")


def test_verdicts_on_several_runs_are_counted_and_holm_adjusted(store):
    baseline = record(store, 0.75, "tfidf")
    better, equal = record(store, 0.95, baseline=baseline), record(store, 0.76, baseline=baseline, r=4)
    page = Page(render_report(store, [baseline, equal, better], "html"))
    assert page.leads == [f"Compared with the best baseline, #{baseline} tfidf: 1 helped, 1 inconclusive."]
    pairs = page.tables["Difference of each pair"]
    assert [row[0] for row in pairs] == [
        f"#{better} lora vs #{equal} lora",
        f"#{better} lora vs #{baseline} tfidf",
        f"#{equal} lora vs #{baseline} tfidf",
    ]
    adjusted = adjust_verdicts([compare_runs(store, a, b) for a, b in combinations([better, equal, baseline], 2)])
    assert [row[2] for row in pairs] == [f"{pair.verdict} p {format_p_value(pair.result.p)}" for pair in adjusted]


def test_only_pairs_without_verdicts_over_seeds_are_adjusted(store):
    seeds = [record(store, 0.9, seed=n, r=r) for r in (4, 8) for n in (1, 2)]
    single = record(store, 0.6, r=16)
    text = render_report(store, [*seeds, single], "html")
    pairs = Page(text).tables["Difference of each pair"]
    assert ["over 2 seeds" in row[2] for row in pairs].count(True) == 1
    assert "Holm-adjusted for 2 comparisons" in text and "Verdicts over seeds are not adjusted." in text


def test_command_reproduces_the_report(store):
    run = record(store, 0.9)
    assert store.format_command(f"report {run} --failures 3") in render_report(store, [run], "md", failures=3)
    assert store.format_command(f"report {run}") in render_report(store, [run], "md")


def test_selected_seeds_are_compared_as_a_configuration(seeded, seeded_store):
    page = Page(render_report(seeded_store, seeded.seeds, "html"))
    baseline = queries.run(seeded_store, seeded.lora).baseline_id
    assert page.leads == [configuration_sentence(compare_configurations(seeded_store, seeded.lora, baseline))]
    rows = page.tables["Difference from the best baseline"]
    assert rows[0][0] == f"lora-r8, 3 seeds vs #{baseline} tfidf"
    assert len(rows) == 4
    assert "Between the runs" not in page.headings


def test_best_baseline_is_shown_beside_the_selected_runs(store):
    baseline = record(store, 0.7, "tfidf")
    run = record(store, 0.9, baseline=baseline)
    page = Page(render_report(store, [run], "html"))
    assert [row[0] for row in page.tables["Quality"]] == [f"#{run} lora", f"#{baseline} tfidf"]
    assert [row[0] for row in page.tables["F1 by class"] if len(row) == 3] == ["negative", "positive"]


def test_failures_are_the_most_confident_ones(seeded, seeded_store):
    frame = queries.predictions(seeded_store, seeded.odd)
    wrong = frame[frame["label"] != frame["predicted"]].sort_values("confidence", ascending=False, kind="stable")
    page = Page(render_report(seeded_store, [seeded.odd], "html", failures=3))
    assert page.examples == wrong["text"].tolist()[:3]
    assert "Failures" not in Page(render_report(seeded_store, [seeded.odd], "html", failures=0)).headings


@pytest.mark.parametrize("form", ["html", "md"])
def test_incomplete_runs_are_named_with_the_reason(form, seeded, seeded_store):
    text = render_report(seeded_store, [seeded.lora, seeded.failed], form).replace("\\", "")
    assert f"Run #{seeded.failed} lora-r8 failed in the training phase: the loss is *not* a number." in text
    assert "python runner.py --method lora --dataset movie-reviews --train-size 80" in text
    assert "1 run" in text


def test_run_without_predictions_and_deleted_run_are_named(store):
    run, empty = record(store, 0.9), record_run_without_predictions(store)
    run_edits.trash_runs(store, [run])
    text = render_report(store, [run, empty], "html")
    assert f"Run #{empty} without predictions has no stored predictions." in text
    assert ", in the trash, " in text


def test_runs_without_results_are_refused(seeded, seeded_store):
    with raises_code("no_complete_run"):
        render_report(seeded_store, [seeded.failed], "html")
    with raises_code("no_run"):
        render_report(seeded_store, [seeded.lora, 999], "html")


def test_runs_on_different_test_sets_are_refused(seeded, seeded_store):
    with raises_code("other_labels"):
        render_report(seeded_store, [seeded.lora, seeded.other_test_set], "html")


def test_baselines_alone_have_no_verdict(seeded, seeded_store):
    page = Page(render_report(seeded_store, [seeded.majority, seeded.tfidf], "html"))
    assert page.leads[0].startswith("All of these runs are baselines.")
    assert len(page.tables["Difference of each pair"]) == 1


@pytest.mark.parametrize("labels", [1, 150], ids=["one-class", "many-classes"])
def test_any_number_of_classes_fits(labels, store):
    runs = record_adapters(store, labels, 0.9, 0.4)
    page = Page(render_report(store, runs, "html"))
    assert len([row for row in page.tables["F1 by class"] if row[0].startswith("intent: ")]) == min(labels, 15)
    assert f"{labels} label" in render_report(store, runs, "md")


@pytest.mark.slow
def test_many_runs_are_compared_with_the_best_one(store):
    runs = record_adapters(store, 4, *(0.5 + 0.01 * number for number in range(40)))
    page = Page(render_report(store, runs, "html"))
    (caption,) = [caption for caption in page.captions if caption.startswith("Difference from #")]
    assert len(page.tables[caption]) == 39
    assert len(page.tables["Quality"]) == 40


def test_too_many_runs_are_refused(store):
    with raises_code("too_many_runs"):
        render_report(store, range(1, MAX_RUNS + 2), "html")
