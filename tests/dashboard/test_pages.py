"""Each page with runs, without any, and with addresses that lead nowhere."""

import sqlite3
import subprocess
import sys

import pandas as pd
import pytest

from core.config import RunConfig
from core.data import load_data
from core.store.engine import open_store
from tests.seeded import ODD_NAME, SIZES, record_failure, record_weak_adapter

PAGES = {"runs": "Runs", "run": "Run", "compare": "Compare", "failures": "Failures", "data": "Data", "try_it": "Try it"}


def said(app):
    kinds = (app.title, app.markdown, app.text, app.caption, app.code, app.info, app.warning, app.error, app.success)
    return "\n".join(str(element.value).replace("\\", "") for kind in kinds for element in kind)


@pytest.mark.parametrize("page", PAGES)
def test_without_a_database_each_page_says_what_it_will_show_and_how_to_fill_it(page, empty, open_page):
    app = open_page(page)
    assert app.title[0].value == PAGES[page]
    assert "Nothing is recorded yet. This page will" in app.info[0].value
    assert app.code[0].value == "python runner.py --r 8 --epochs 2"
    assert not empty.exists()


@pytest.mark.parametrize("page", PAGES)
def test_a_database_without_runs_reads_like_none(page, empty, open_page):
    open_store(str(empty), create=True)
    assert "Nothing is recorded yet" in open_page(page).info[0].value


@pytest.mark.parametrize("page", ["failures", "try_it"])
def test_where_no_run_is_complete_a_page_that_needs_one_says_so(page, empty, open_page):
    record_failure(open_store(str(empty), create=True), load_data(RunConfig(**SIZES)))
    assert "No run on this test set is complete yet" in open_page(page).info[0].value


def test_a_database_of_another_program_is_refused_in_plain_words(empty, open_page):
    with sqlite3.connect(empty) as connection:
        connection.execute("create table orders (id)")
    app = open_page("runs")
    assert "database of another program" in app.error[0].value.replace("\\", "")


@pytest.mark.parametrize("page", ["run", "compare", "failures"])
@pytest.mark.parametrize("run", ["99", "abc", "<b>1</b>"])
def test_a_run_that_is_not_there_gets_a_plain_message_and_a_choice(page, run, seeded, open_page):
    app = open_page(page, run=run)
    assert f"There is no run {run} here" in app.error[0].value.replace("\\", "")
    assert app.selectbox(key="pick run").value is None


def test_runs_says_which_is_best_and_what_it_beats(seeded, open_page):
    app = open_page("runs")
    words = said(app)
    assert f"Best so far: #{seeded.lora} lora-r8, macro F1" in words
    assert f"It beats the baseline #{seeded.tfidf} tfidf" in words
    assert list(app.dataframe[0].value["kind"]) == ["baseline"] * 2 + ["adapter"] * 5
    assert list(app.dataframe[0].value["status"]) == ["complete"] * 4 + ["failed"] + ["complete"] * 2


def test_runs_shows_how_each_adapter_stands_to_its_baseline(seeded, open_page):
    shown = open_page("runs").dataframe[0].value.set_index("#")
    assert shown.loc[seeded.lora, "verdict"] == "helped"
    assert shown.loc[seeded.lora, "vs best baseline"] > 0
    assert shown.loc[seeded.tfidf, "verdict"] == "—"


def test_runs_that_differ_in_the_seed_alone_are_one_line(seeded, open_page):
    app = open_page("runs")
    app.toggle(key="seeds").set_value(True).run()
    assert not app.exception
    shown = app.dataframe[0].value.set_index("name")
    assert shown.loc["lora-r8 ×3", "seeds"] == "3"
    assert "–" in shown.loc["lora-r8 ×3", "range"]
    assert shown.loc["lora-r8 ×3", "verdict"] == "helped"
    assert shown.loc[ODD_NAME, "seeds"] == "one seed"


@pytest.mark.parametrize("grouped", [False, True])
def test_where_no_run_passes_the_filters_the_page_says_so(grouped, seeded, open_page):
    app = open_page("runs")
    app.toggle(key="seeds").set_value(grouped)
    app.text_input(key="search").input("nothing of that name").run()
    assert not app.exception
    assert app.info[0].value == "No run passes these filters."


@pytest.mark.parametrize("threshold", ["abc", "-5", "150", "nan", "0.5"])
def test_a_threshold_that_makes_no_sense_is_passed_over(threshold, seeded, open_page):
    assert 0 <= open_page("run", run=seeded.tfidf, threshold=threshold).slider(key="pick threshold").value < 100


def test_runs_tells_why_a_run_failed(seeded, open_page):
    words = said(open_page("runs"))
    assert "This run failed in the phase «training»." in words
    assert "ValueError: the loss is *not* a number" in words


def test_runs_are_narrowed_by_search_and_kind(seeded, open_page):
    app = open_page("runs")
    app.multiselect(key="only kind").select("baseline").run()
    assert list(app.dataframe[0].value["name"]) == ["majority", "tfidf"]
    app.text_input(key="search").input("TFI").run()
    assert list(app.dataframe[0].value["name"]) == ["tfidf"]


def test_run_shows_verdict_metrics_classes_and_the_command(seeded, open_page):
    app = open_page("run", run=seeded.odd)
    words = said(app)
    assert f"baseline #{seeded.tfidf} tfidf" in words
    assert [metric.label.split(":")[0] for metric in app.metric] == ["Macro F1", "Accuracy", "Worst class", "Cost"]
    assert list(app.dataframe[0].value["class"]) == ["negative", "positive"]
    assert "python runner.py --train-size 80 --validation-size 20 --test-size 100 --r 4 --epochs 3" in words


def test_run_warns_of_an_adapter_that_was_hardly_trained(empty, open_page):
    number = record_weak_adapter(open_store(str(empty), create=True), load_data(RunConfig(**SIZES)))
    assert "It looks under-trained: 20 training steps" in open_page("run", run=number).warning[0].value.replace(
        "\\", ""
    )


def test_run_tells_what_its_probabilities_are_worth(seeded, open_page):
    app = open_page("run", run=seeded.lora)
    words = said(app)
    assert "The temperature fitted on the validation examples is 1.500" in words
    (figures,) = [table.value for table in app.dataframe if "at the temperature" in table.value]
    assert list(figures["figure"]) == ["log loss", "Brier score", "ECE, %"]
    assert "; a perfectly calibrated run: " in figures["as trained"].iloc[2]


def test_run_lets_a_threshold_be_chosen(seeded, open_page):
    app = open_page("run", run=seeded.lora)
    assert "Test: 100.0 (96.3–100.0) % answered" in said(app)
    app.slider(key="pick threshold").set_value(90).run()
    assert app.query_params["threshold"] == "90"
    assert "Test: 100.0" not in said(app)
    assert said(app) == said(open_page("run", run=seeded.lora, threshold=90))


def test_run_tells_of_rechecks_truncated_texts_and_leaks(seeded, open_page):
    tables = [table.value for table in open_page("run", run=seeded.lora).dataframe]
    assert [table["result"].iloc[0] for table in tables if "result" in table] == ["drifted"]
    facts = pd.concat(table.value for table in open_page("run", run=seeded.odd).dataframe)
    assert "25.0 %" in facts["value"].tolist()
    assert "Macro F1 without leaked test examples: " in said(open_page("run", run=seeded.flawed))


def test_a_class_with_few_test_examples_says_so(seeded, open_page):
    shown = open_page("run", run=seeded.flawed).dataframe[0].value.set_index("class")
    assert shown.loc["odd", "F1"].endswith(", too few examples (4)")


def test_a_name_is_never_read_as_markup(seeded, open_page):
    app = open_page("run", run=seeded.odd)
    assert ODD_NAME in app.selectbox(key="pick run").options[seeded.odd - 1]
    words = [element.value for element in (*app.markdown, *app.caption, *app.info)]
    assert not [text for text in words if "<b>" in text or " *r4*" in text]


def test_a_failed_run_tells_its_phase_error_and_traceback(seeded, open_page):
    app = open_page("run", run=seeded.failed)
    words = said(app)
    assert "failed in the phase «training»" in words
    assert "the loss is *not* a number" in words
    assert "Traceback (most recent call last)" in words
    assert not app.metric


def test_the_model_card_is_shown_as_text(seeded, open_page):
    assert "<script>alert(1)</script>" in [code.value for code in open_page("run", run=seeded.tfidf).code][-1]


def test_failures_are_listed_surest_first(seeded, open_page):
    app = open_page("failures", run=seeded.lora)
    shown = app.dataframe[0].value
    assert (shown["true"] != shown["predicted"]).all()
    assert shown["confidence"].is_monotonic_decreasing
    assert f"{len(shown)} of 100 test examples are wrong" in said(app)


def test_filters_of_failures_come_from_the_address(seeded, open_page):
    app = open_page("failures", run=seeded.odd, true="negative", predicted="positive")
    shown = app.dataframe[0].value
    assert set(shown["true"]) == {"negative"}
    assert f"Shown: {len(shown)} with true label negative, predicted positive." in said(app)


def test_failures_against_another_run_show_what_was_fixed_and_broken(seeded, open_page):
    app = open_page("failures", run=seeded.odd, against=seeded.tfidf)
    assert {"fixed", "broken"} <= set(app.dataframe[0].value["flip"])
    app.selectbox(key="flip").select("fixed").run()
    shown = app.dataframe[0].value
    assert set(shown["flip"]) == {"fixed"}
    assert (shown["true"] == shown["predicted"]).all()


def test_data_tells_balance_checks_and_rare_classes(seeded, open_page):
    app = open_page("data", run=seeded.other_test_set)
    words = said(app)
    assert "80 train, 20 validation, 100 test examples; 3 labels" in words
    assert "«neutral» is rare" in words
    assert list(app.dataframe[0].value["split"]) == ["train", "validation", "test"]
    app.selectbox(key="split").select("test").run()
    assert "100 examples" in said(app)


def test_data_shows_what_is_wrong_with_the_rows_behind_it(seeded, open_page):
    app = open_page("data", run=seeded.flawed)
    words = said(app)
    assert "2 test examples also stand in the training or validation split: the scores flatter." in words
    assert "Texts that stand with more than one label: 1." in words
    assert "That is too few to tell" in words
    assert [box.label for box in app.expander] == [
        "Texts that stand twice within a split: 1",
        "Test examples that also stand in another split: 2",
        "Test examples with a near duplicate in another split: 1",
        "Texts with more than one label: 1",
    ]


def test_labels_in_doubt_come_with_a_suggestion_and_what_the_raters_said(seeded, open_page):
    app = open_page("failures", run=seeded.flawed, view="labels in doubt")
    assert "of 100 labels of the test set are in doubt" in said(app)
    shown = app.dataframe[0].value
    assert (shown["label"] != shown["suggested label"]).all()
    assert "deviation of the raters" in shown


def test_try_it_is_calibrated_and_unsure_below_the_threshold(seeded, open_page):
    app = open_page("try_it", run=seeded.tfidf, threshold=99)
    words = said(app)
    assert "Calibrated with the temperature fitted on the validation examples, 1.500." in words
    assert "unsure: " in words


def test_try_it_answers_with_a_baseline_beside(seeded, open_page):
    app = open_page("try_it", run=seeded.tfidf, beside=seeded.majority)
    app.text_area[0].input("A wonderful, moving film.").run()
    assert next(iter(app.dataframe[0].value["text"])) == "A wonderful, moving film."
    assert len(app.dataframe[0].value) == 2


def test_try_it_says_so_where_a_runs_files_are_gone(seeded, open_page):
    app = open_page("try_it", run=seeded.lora)
    assert "files of run" in app.error[0].value


def test_the_choice_of_a_run_stays_from_page_to_page(seeded, open_page):
    app = open_page("run", run=seeded.odd)
    app.query_params.clear()
    app.switch_page("app_pages/failures.py").run()
    assert app.selectbox(key="pick run").value == seeded.odd
    assert app.query_params["run"] == str(seeded.odd)


def test_a_run_in_the_address_brings_its_test_set(seeded, open_page):
    app = open_page("run", run=seeded.other_test_set)
    assert app.selectbox(key="test_set").options[1] == "movie-reviews-3"
    assert app.query_params["dataset"] == "2"


def test_another_test_set_lets_go_of_the_run(seeded, open_page):
    app = open_page("run", run=seeded.lora)
    app.selectbox(key="test_set").select(2).run()
    assert not app.exception
    assert app.query_params["run"] == str(seeded.other_test_set)


def test_the_start_page_does_not_wait_for_torch(seeded):
    code = (
        "import sys; from streamlit.testing.v1 import AppTest; "
        "app = AppTest.from_file('dashboard/Home.py', default_timeout=60).run(); "
        "assert app.title[0].value == 'Runs'; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
