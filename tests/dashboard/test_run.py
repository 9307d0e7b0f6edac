"""The page of one run: what it says in each state."""

import shlex
from contextlib import suppress
from datetime import timedelta

import numpy as np
import pytest
from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df

from cli.main import parse
from cli.settings import requested_values
from core.config import RunConfig
from core.data import load_data
from core.errors import RequestError
from core.search.grid import expand_grid
from core.store import queries, run_edits
from core.store.datasets import save_dataset
from core.store.recorder import recording
from core.store.schema import now
from dashboard import data
from dashboard.app_pages.run import view_data as frames
from tests.dashboard.reading import page_text
from tests.seeded import (
    ENVIRONMENT,
    ODD_NAME,
    SIZES,
    record_adapters,
    record_failure,
    record_quantised,
    record_weak_adapter,
)


def begin(run):
    """Bring a run to the middle of its training."""
    run.update(dataset_id=save_dataset(run.store, load_data(RunConfig(**SIZES))))
    run.enter_phase("training")
    run.log_line("Phase: *training*")
    run.update_progress(5, 20, 10.0, 16.0)
    run.log_history(5, 0.5, {"loss": 0.6})


# --- A complete run -----------------------------------------------------------------------------------


def test_the_headline_tells_the_verdict_alone_and_over_seeds(seeded, open_page):
    words = page_text(open_page("run", run=seeded.lora))
    assert f"It beats the baseline #{seeded.tfidf} tfidf by " in words
    assert "Over 3 seeds: +" in words and "points of macro F1, helped." in words
    assert "This is one seed" in page_text(open_page("run", run=seeded.odd))


def test_run_shows_verdict_metrics_and_classes(seeded, open_page):
    app = open_page("run", run=seeded.odd)
    assert f"baseline #{seeded.tfidf} tfidf" in page_text(app)
    assert [metric.label.split(":")[0] for metric in app.metric] == ["Macro F1", "Accuracy", "Worst class", "Cost"]
    assert list(app.dataframe[0].value["class"]) == ["negative", "positive"]


def test_the_open_part_stands_in_the_address(seeded, open_page):
    app = open_page("run", run=seeded.lora, part="Cost")
    assert list(app.dataframe[0].value.columns) == ["cost", "#3 lora-r8", f"#{seeded.tfidf} tfidf", "what it means"]
    assert "points of macro F1 for 54 s of training instead of 0.5 s" in page_text(app)
    assert not app.metric[4:]


@pytest.mark.parametrize("part", ["<b>", "nothing"])
def test_a_part_that_is_not_there_is_passed_over(part, seeded, open_page):
    assert list(open_page("run", run=seeded.odd, part=part).dataframe[0].value["class"]) == ["negative", "positive"]
    assert "This run failed" in page_text(open_page("run", run=seeded.failed, part="Classes"))


def test_run_warns_of_an_adapter_that_was_hardly_trained(store, open_page):
    number = record_weak_adapter(store, load_data(RunConfig(**SIZES)))
    assert "It looks under-trained: 20 training steps" in page_text(open_page("run", run=number))


def test_many_classes_come_worst_first_and_scroll(store, open_page):
    (number,) = record_adapters(store, 150, 0.7)
    shown = open_page("run", run=number).dataframe[0].value
    assert len(shown) == 150
    assert shown["F1"].is_monotonic_increasing
    as_recorded = open_page("run", run=number, worst="false").dataframe[0].value
    assert list(as_recorded["class"]) == queries.dataset(store, 1).labels


def test_one_class_alone_is_shown(store, open_page):
    (number,) = record_adapters(store, 1, 0.7)
    assert len(open_page("run", run=number).dataframe[0].value) == 1


def test_a_class_with_few_test_examples_says_so(seeded, open_page):
    table = open_page("run", run=seeded.flawed).dataframe[0]
    cells = convert_arrow_bytes_to_pandas_df(table.proto.arrow_data.styler.display_values)
    assert cells.iloc[-1, 1].endswith(", too few examples (4)")


def test_the_kept_epoch_is_told_with_its_interval_and_the_last_one(store, open_page):
    number = record_weak_adapter(store, load_data(RunConfig(**SIZES)))
    assert "Kept: epoch 2, the best and the last, with macro F1 " in page_text(
        open_page("run", run=number, part="Training")
    )
    with store.engine.begin() as connection:
        connection.exec_driver_sql("update metrics set value = 1 where name = 'best_epoch'")
        connection.exec_driver_sql("update runs set changed_at = '2030-01-01'")
    words = page_text(open_page("run", run=number, part="Training"))
    assert "Kept: epoch 1, the best, with macro F1 " in words and "The last one, epoch 2, had 80.0." in words


def test_the_training_loss_is_smoothed_and_stays_as_logged_behind(store, open_page):
    with recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT) as run:
        begin(run)
        for step in range(6, 1006):
            run.log_history(step, step / 500, {"loss": float(step % 2)})
        app = open_page("run", run=run.id, part="Training", smooth="25")
    assert app.segmented_control(key="smooth").value == "25"
    curves = frames.losses(run.id, 10).set_index("name")
    assert curves.loc["raw", "value"].isin([0, 1, 0.6]).all()
    assert curves.loc["loss", "value"].iloc[-1] == pytest.approx(0.5)
    assert len(curves) == 2 * frames.POINTS


def test_run_tells_what_its_probabilities_are_worth(seeded, open_page):
    app = open_page("run", run=seeded.lora, part="Calibration")
    assert "The temperature fitted on the validation examples is 1.500" in page_text(app)
    (figures,) = [table.value for table in app.dataframe if "at the temperature" in table.value]
    assert list(figures["figure"]) == ["log loss", "Brier score", "ECE, %"]
    assert "; a perfectly calibrated run: " in figures["as trained"].iloc[2]


def test_run_lets_a_threshold_be_chosen(seeded, open_page):
    app = open_page("run", run=seeded.lora, part="Abstaining")
    assert "Test: 100.0 (96.3–100.0) % answered" in page_text(app)
    app.slider(key="pick threshold").set_value(90).run()
    assert app.query_params["threshold"] == "90"
    assert "Test: 100.0" not in page_text(app)
    assert page_text(app) == page_text(open_page("run", run=seeded.lora, part="Abstaining", threshold=90))


@pytest.mark.parametrize("threshold", ["abc", "-5", "150", "nan", "0.5"])
def test_a_threshold_that_makes_no_sense_is_passed_over(threshold, seeded, open_page):
    app = open_page("run", run=seeded.tfidf, part="Abstaining", threshold=threshold)
    assert 0 <= app.slider(key="pick threshold").value < 100


def test_settings_that_differ_come_first_and_defaults_follow_the_others(seeded, open_page):
    app = open_page("run", run=seeded.odd, part="Settings")
    assert list(app.dataframe[0].value["setting"]) == ["train_size", "validation_size", "test_size", "r", "epochs"]
    assert "python runner.py --train-size 80 --validation-size 20 --test-size 100 --r 4 --epochs 3" in page_text(app)


def test_the_command_makes_flags_of_switches_and_pairs(store):
    asked = {"dora": True, "peft": {"lora_bias": False, "layers_pattern": ["layer", "block"]}, "layers": "last:4"}
    with recording(store, RunConfig(**SIZES, **asked), "lora-r8-dora", {}) as run:
        pass
    words = shlex.split(frames.command(run.id))[2:]
    assert " --dora " in f" {' '.join(words)} "
    (again,) = expand_grid(requested_values(parse(words)))
    assert again.settings() == data.run(run.id).config


def test_what_fewer_bits_saved_is_said_beside_the_same_run_without(store, open_page):
    exact, quantised = record_quantised(store)
    app = open_page("run", run=quantised, part="Cost")
    assert "In 4 bits the base takes 53.0 MB of memory instead of 90.0 MB in run #1; at its peak" in page_text(app)
    assert f"#{exact} lora-r8" in app.dataframe[0].value.columns
    assert "instead of" not in page_text(open_page("run", run=exact, part="Cost"))


@pytest.mark.parametrize(("rate", "differs"), [(1.5e-3, False), (3e-3, True)])
def test_a_learning_rate_is_the_default_where_it_follows_from_the_models_width(rate, differs, store):
    from safetensors.numpy import save_file

    with recording(store, RunConfig(**SIZES, lr=rate), "lora-r8", {"new_modules": ["classifier"]}) as run:
        run.update(model="a model", adapter_path="adapters/1-lora-r8")
    folder = store.folder / "adapters" / "1-lora-r8"
    folder.mkdir(parents=True)
    head = {"base_model.model.classifier.weight": np.zeros((2, 768), np.float32)}
    save_file(head, folder / "adapter_model.safetensors")
    settings = frames.settings(run.id).set_index("setting").loc["lr"]
    assert (settings["default"], settings["differs"]) == ("0.0015", differs)
    assert ("--lr" in frames.command(run.id)) == differs
    (folder / "adapter_model.safetensors").write_bytes(b"damaged file")
    assert frames.settings(run.id).set_index("setting").loc["lr", "default"] == "by the model's width"


def test_run_tells_of_rechecks_truncated_texts_and_leaks(seeded, open_page):
    tables = [table.value for table in open_page("run", run=seeded.lora, part="Record").dataframe]
    assert [table["result"].iloc[0] for table in tables if "result" in table] == ["drifted"]
    facts = open_page("run", run=seeded.odd, part="Record").dataframe[0].value
    assert "25.0 %" in facts["value"].tolist()
    assert "Macro F1 without leaked test examples: " in page_text(open_page("run", run=seeded.flawed))


def test_the_model_card_is_shown_as_text_once_it_is_asked_for(seeded, open_page):
    card = "<script>alert(1)</script>"
    assert card in open_page("run", run=seeded.tfidf, part="Record", card="true").code[-1].value
    assert card not in page_text(open_page("run", run=seeded.tfidf, part="Record"))


def test_a_name_a_tag_and_a_note_are_never_read_as_markup(store, tfidf, open_page):
    run_edits.edit_run(store, tfidf, ODD_NAME, "a **note**", ["*tag*"])
    app = open_page("run", run=tfidf)
    assert f"#{tfidf} {ODD_NAME}" in app.selectbox(key="pick run").options
    assert "a **note**" in [text.value for text in app.text]
    words = [element.value for element in (*app.markdown, *app.caption, *app.info)]
    assert not [text for text in words if "<b>" in text or " *r4*" in text or " *tag*" in text]


# --- Other states -------------------------------------------------------------------------------------


def test_a_failed_run_tells_its_phase_error_traceback_and_log(seeded, open_page):
    app = open_page("run", run=seeded.failed, part="Record", log="true")
    words = page_text(app)
    assert "failed in the phase «training»" in words
    assert "the loss is *not* a number" in words
    assert "Traceback (most recent call last)" in words
    assert "ValueError: the loss is *not* a number" in app.code[-1].value
    assert "python runner.py" in words and "--lr 9" in words
    assert not app.metric
    assert app.main.children[0].type == "title" and "`None`" not in words  # a bare value or text would be drawn


def test_a_running_run_tells_how_far_it_is_and_its_curves_grow(store, open_page):
    with recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT) as run:
        run.update(dataset_id=save_dataset(store, load_data(RunConfig(**SIZES))))
        assert "at work in the phase «start»" in page_text(open_page("run", run=run.id))
        begin(run)
        app = open_page("run", run=run.id)
        assert "step 5 of 20" in str(app.main)
        assert not app.metric
        assert len(frames.losses(run.id, 1)) == 1
        run.log_history(6, 0.6, {"loss": 0.5})
        assert len(frames.losses(run.id, 1)) == 2
        run.update(adapter_path=None)


def test_a_crashed_run_tells_its_last_sign_of_life(store, open_page):
    with recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT) as run:
        begin(run)
        run.update(heartbeat_at=now() - timedelta(hours=2), host="elsewhere")
        words = page_text(open_page("run", run=run.id))
    assert "fell silent in the phase «training»" in words
    assert "Last sign of life: " in words and "Phase: *training*" in words
    assert "python runner.py" in words


def test_a_cancelled_run_says_so(store, open_page):
    with suppress(KeyboardInterrupt), recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT) as run:
        begin(run)
        raise KeyboardInterrupt
    assert "This run was stopped in the phase «training»." in page_text(open_page("run", run=run.id))


def test_a_run_without_data_is_shown(store, open_page):
    record_failure(store, load_data(RunConfig(**SIZES)))
    with recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT) as run:
        raise RequestError("There is no such file.")
    assert "There is no such file." in page_text(open_page("run", run=run.id))


def test_a_run_in_the_trash_says_so_and_can_be_brought_back(store, tfidf, open_page):
    run_edits.trash_runs(store, [tfidf])
    app = open_page("run", run=tfidf)
    assert "In the trash since " in page_text(app)
    assert len(app.metric) == 4
    next(button for button in app.button if button.label == "Bring it back").click().run()
    assert not app.exception
    assert "In the trash" not in page_text(app)
    assert queries.run(store, tfidf).deleted_at is None


def test_an_archived_run_is_found_by_its_address(store, tfidf, open_page):
    run_edits.archive_runs(store, [tfidf])
    assert "This run lies in the archive." in page_text(open_page("run", run=tfidf))


@pytest.mark.parametrize("put_away", [run_edits.archive_runs, run_edits.trash_runs])
def test_a_baseline_that_was_put_away_still_stands_beside_its_runs(put_away, store, tfidf, open_page):
    put_away(store, [tfidf])
    assert "the baseline #1 tfidf" in page_text(open_page("run", run=2))
    compared = open_page("compare", run=2, against=tfidf)
    assert "No evidence either way: macro F1" in page_text(compared) and not compared.error


def test_where_only_a_run_without_data_is_left_the_others_are_found_in_the_trash(store, tfidf, open_page):
    with recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT) as run:
        raise RequestError("There is no such file.")
    run_edits.trash_runs(store, [1, 2])
    assert "There is no such file." in page_text(open_page("runs"))
    assert run.id in list(data.runs(data.newest_test_set())["id"])


def test_a_run_that_failed_before_it_had_data_is_found_in_the_archive(store, tfidf):
    with recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT) as run:
        raise RequestError("There is no such file.")
    run_edits.archive_runs(store, [run.id])
    assert list(data.archived_runs(data.newest_test_set())["id"]) == [run.id]


OF_PREDICTIONS = [("predictions", part) for part in ("Classes", "Calibration", "Abstaining", "Cost")]


@pytest.mark.parametrize(("lost", "part"), [("metrics", "Calibration"), ("class_metrics", "Classes"), *OF_PREDICTIONS])
def test_a_complete_run_of_which_something_is_lost_has_its_page(lost, part, store, tfidf, open_page):
    with store.engine.begin() as connection:
        connection.exec_driver_sql(f"delete from {lost} where run_id = 2")
    app = open_page("run", run=2, part=part)
    assert not app.error, app.error
    assert len(app.metric) == 4
    assert len(app.tabs) == 7


def test_where_the_files_are_gone_the_rest_still_works(store, tfidf, open_page):
    folder = store.folder / str(queries.run(store, tfidf).adapter_path)
    folder.rename(store.folder / "elsewhere")
    app = open_page("run", run=tfidf)
    assert f"there is no folder adapters/{folder.name} beside the database" in page_text(app)
    assert len(app.metric) == 4
    assert [button.label for button in app.get("download_button")] == [
        "Predictions (CSV)",
        "Settings (YAML)",
        "Log (text)",
    ]
