"""The Run page: complete runs and their tabs, and runs in every other state."""

import shlex
from contextlib import suppress
from datetime import timedelta

import numpy as np
import pytest
from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df

from cli.main import parse
from cli.settings import requested_values
from core.config import RunConfig, flag
from core.data import load_data
from core.errors import RequestError
from core.search.grid import expand_grid
from core.store import queries, run_edits
from core.store.datasets import save_dataset
from core.store.engine import open_store
from core.store.recorder import recording
from core.store.run_writer import RunWriter
from core.store.schema import now
from core.text.formatting import format_points
from dashboard import data
from dashboard.app_pages.run import view_data
from dashboard.app_pages.run.controls import TABS
from dashboard.app_pages.run.main_figures import Mark, main_figures
from tests.dashboard.reading import button, page_text, shows_page
from tests.seeded import ENVIRONMENT, ODD_NAME, SIZES, record_adapters, record_failure, record_quantized


def start_training(run):
    """Bring a run to the middle of its training."""
    run.update(dataset_id=save_dataset(run.store, load_data(RunConfig(**SIZES))))
    run.enter_phase("training")
    run.log_line("Phase: *training*")
    run.update_progress(5, 20, 10.0, 16.0)
    run.log_history(5, 0.5, {"loss": 0.6})


# --- Complete runs ----------------------------------------------------------------------------------


def test_headline_has_the_verdict_for_the_run_and_over_seeds(seeded, open_page):
    app = open_page("run", run=seeded.lora)
    (verdict,) = [text for text in app.markdown if text.value.startswith("**Helped")]
    assert verdict.value.endswith(f"vs \\#{seeded.tfidf} tfidf**")
    assert "Over 3 seeds this configuration helped" in verdict.proto.help
    assert "(1 seed)" not in page_text(app)
    assert "(1 seed)" in page_text(open_page("run", run=seeded.odd))


def test_complete_run_shows_its_main_figures_and_classes(seeded, open_page):
    app = open_page("run", run=seeded.odd)
    labels = [metric.label.replace("\\", "") for metric in app.metric]
    assert labels == ["Macro F1", "Accuracy", "Worst: positive", "Training time"]
    assert list(app.dataframe[0].value["class"]) == ["negative", "positive"]
    assert [tab.label for tab in app.tabs] == list(TABS.values())


def test_main_figures_are_marked_by_their_difference_to_the_baseline(seeded):
    compared = data.comparison(seeded.lora, seeded.tfidf)
    marks = {figure.label: figure.mark for figure in main_figures(seeded.lora, compared)}
    assert marks["Macro F1"] == Mark(format_points(compared.result.macro_f1.value), "blue", "up")
    assert marks["Training time"].text == "+54 s" and marks["Training time"].color == "gray"
    assert {figure.mark for figure in main_figures(seeded.lora, None)} == {Mark()}


def test_open_tab_is_a_url_parameter(seeded, open_page):
    app = open_page("run", run=seeded.lora, part="Cost")
    assert list(app.dataframe[0].value.columns) == ["cost", "#3 lora-r8", f"#{seeded.tfidf} tfidf", "description"]
    assert "for 54 s of training instead of 0.5 s" in page_text(app)
    assert len(app.metric) == 4


@pytest.mark.parametrize("part", ["<b>", "nothing"])
def test_unknown_tab_opens_the_first(part, seeded, open_page):
    assert list(open_page("run", run=seeded.odd, part=part).dataframe[0].value["class"]) == ["negative", "positive"]
    assert not open_page("run", run=seeded.failed, part="Classes").error


def test_default_tab_of_a_failed_run_is_not_remembered(seeded, open_page):
    app = open_page("run", run=seeded.failed)
    app.query_params["run"] = str(seeded.lora)
    app.run()
    assert app.session_state["choose part"] == TABS["Classes"]


def test_under_trained_adapter_gets_a_warning(tfidf, open_page):
    assert "Likely under-trained (20 steps)" in page_text(open_page("run", run=2))


def test_many_classes_are_sorted_worst_first(store, open_page):
    (run,) = record_adapters(store, 150, 0.7)
    table = open_page("run", run=run).dataframe[0].value
    assert len(table) == 150
    assert table["F1"].is_monotonic_increasing
    found = open_page("run", run=run, find="149").dataframe[0].value
    assert len(found) == 1 and "149" in found["class"].iloc[0]


def test_single_class_is_shown(store, open_page):
    (run,) = record_adapters(store, 1, 0.7)
    assert len(open_page("run", run=run).dataframe[0].value) == 1


def test_class_with_few_test_examples_is_marked(seeded, open_page):
    table = open_page("run", run=seeded.flawed).dataframe[0]
    cells = convert_arrow_bytes_to_pandas_df(table.proto.arrow_data.styler.display_values)
    assert cells.iloc[-1, 1].endswith(", too few examples (4)")


def test_kept_epoch_is_shown_with_its_interval_and_the_last_one(store, tfidf, open_page):
    assert "Kept epoch 2, the best and the last: validation macro F1 " in page_text(
        open_page("run", run=2, part="Training")
    )
    with store.engine.begin() as connection:
        connection.exec_driver_sql("update metrics set value = 1 where name = 'best_epoch'")
        connection.exec_driver_sql("update runs set changed_at = '2030-01-01'")
    text = page_text(open_page("run", run=2, part="Training"))
    assert "Kept epoch 1, the best: " in text and "Last epoch, 2: 80.0." in text


def test_training_loss_is_smoothed_and_thinned_out(store, open_page):
    with recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT) as run:
        start_training(run)
        for step in range(6, 1006):
            run.log_history(step, step / 500, {"loss": float(step % 2)})
        app = open_page("run", run=run.id, part="Training", smooth="25")
    assert app.segmented_control(key="choose smooth").value == "25"
    curves = view_data.losses(run.id, 10).set_index("name")
    assert curves.loc["raw", "value"].isin([0, 1, 0.6]).all()
    assert curves.loc["loss", "value"].iloc[-1] == pytest.approx(0.5)
    assert len(curves) == 2 * view_data.MAX_CURVE_POINTS


def test_calibration_tab_compares_before_and_after_temperature_scaling(seeded, open_page):
    app = open_page("run", run=seeded.lora, part="Calibration")
    assert "1.500" in page_text(app)
    (figures,) = [table.value for table in app.dataframe if "after temperature scaling" in table.value]
    assert list(figures["figure"]) == ["log loss", "Brier score", "ECE, %"]
    assert "; a perfectly calibrated run: " in figures["as trained"].iloc[2]


def test_confidence_threshold_is_a_url_parameter(seeded, open_page):
    app = open_page("run", run=seeded.lora, part="Abstaining")
    assert "Test: 100.0 (96.3–100.0)%" in page_text(app)
    app.slider(key="pick threshold").set_value(90).run()
    assert app.query_params["threshold"] == "90"
    assert "Test: 100.0" not in page_text(app)
    assert page_text(app) == page_text(open_page("run", run=seeded.lora, part="Abstaining", threshold=90))


@pytest.mark.parametrize("threshold", ["abc", "-5", "150", "nan", "0.5"])
def test_invalid_threshold_is_ignored(threshold, seeded, open_page):
    app = open_page("run", run=seeded.tfidf, part="Abstaining", threshold=threshold)
    assert 0 <= app.slider(key="pick threshold").value < 100


# --- Settings and commands --------------------------------------------------------------------------


def test_changed_settings_come_first_and_defaults_follow_the_other_settings(seeded, open_page):
    app = open_page("run", run=seeded.odd, part="Settings")
    assert list(app.dataframe[0].value["setting"]) == ["train_size", "validation_size", "test_size", "r", "epochs"]
    assert view_data.reproduce_command(seeded.odd) in [code.value for code in app.code]


def test_reproduce_command_names_every_setting_and_gives_the_same_run(store):
    settings = {"dora": True, "peft": {"lora_bias": False, "layers_pattern": ["layer", "block"]}, "layers": "last:4"}
    config = RunConfig(**SIZES, **settings, lr=0.00123456789, dataset="my reviews; rm -rf.csv")
    with recording(store, config, "lora-r8-dora", {}) as run:
        pass
    arguments = shlex.split(view_data.reproduce_command(run.id))[2:]
    assert {flag(name) for name in data.config_of(run.id)} <= set(arguments)
    (again,) = expand_grid(requested_values(parse(arguments)))
    assert again.settings() == data.config_of(run.id)


def test_continued_run_names_the_run_that_it_continues(store, tfidf, open_page):
    RunWriter.reopen(store, 2).update(parent_id=1)
    assert "continues run #1" in page_text(open_page("run", run=2))
    assert "continues run" not in page_text(open_page("run", run=1))
    assert view_data.reproduce_command(2).startswith("python runner.py resume 1 --epochs ")


def test_only_complete_fine_tuned_runs_can_be_continued(seeded):
    assert data.continue_command(seeded.lora).startswith(f"python runner.py resume {seeded.lora} --epochs auto")
    assert data.continue_command(seeded.tfidf) is data.continue_command(seeded.failed) is None


def test_quantized_run_is_compared_with_the_same_run_without(store, open_page):
    exact, quantized = record_quantized(store)
    app = open_page("run", run=quantized, part="Cost")
    assert "53.0 MB of memory instead of 90.0 MB in run #1" in page_text(app)
    assert f"#{exact} lora-r8" in app.dataframe[0].value.columns
    assert "instead of" not in page_text(open_page("run", run=exact, part="Cost"))


@pytest.mark.parametrize(("rate", "differs"), [(7.5e-4, False), (3e-3, True)])
def test_default_learning_rate_follows_from_the_hidden_size(rate, differs, store):
    from safetensors.numpy import save_file

    with recording(store, RunConfig(**SIZES, lr=rate), "lora-r8", {"new_modules": ["classifier"]}) as run:
        run.update(model="a model", adapter_path="adapters/1-lora-r8")
    folder = store.folder / "adapters" / "1-lora-r8"
    folder.mkdir(parents=True)
    head = {"base_model.model.classifier.weight": np.zeros((2, 768), np.float32)}
    save_file(head, folder / "adapter_model.safetensors")
    row = view_data.settings(run.id).set_index("setting").loc["lr"]
    assert (row["default"], row["differs"]) == ("0.00075", differs)
    (folder / "adapter_model.safetensors").write_bytes(b"damaged file")
    assert view_data.settings(run.id).set_index("setting").loc["lr", "default"] == "by hidden size"


# --- Environment, log and annotations ---------------------------------------------------------------


def test_rechecks_truncation_and_leaks_are_shown(seeded, open_page):
    tables = [table.value for table in open_page("run", run=seeded.lora, part="Record").dataframe]
    assert [table["result"].iloc[0] for table in tables if "result" in table] == ["drifted"]
    facts = open_page("run", run=seeded.odd, part="Record").dataframe[0].value
    assert "25.0%" in facts["value"].tolist()
    assert "Macro F1 without leaked test examples: " in page_text(open_page("run", run=seeded.flawed))


def test_truncated_test_texts_are_noted_next_to_the_scores(seeded_copy, open_page):
    with open_store(str(seeded_copy.database)).engine.begin() as connection:
        connection.exec_driver_sql("update runs set config = json_set(config, '$.max_length', 64)")
    assert "only the first 64 tokens of 25.0% of the test texts" in page_text(open_page("run", run=seeded_copy.odd))
    assert "only the first" not in page_text(open_page("run", run=seeded_copy.lora))


def test_model_card_is_shown_as_text_on_demand(seeded, open_page):
    card = "<script>alert(1)</script>"
    assert card in open_page("run", run=seeded.tfidf, part="Record", card="true").code[-1].value
    assert card not in page_text(open_page("run", run=seeded.tfidf, part="Record"))


def test_name_and_tags_are_not_read_as_markup_and_notes_load_no_images(store, tfidf, open_page):
    run_edits.edit_run(store, tfidf, ODD_NAME, "a **note** ![image](http://host/a.png)", ["*tag*"])
    app = open_page("run", run=tfidf)
    assert f"#{tfidf} {ODD_NAME}" in app.selectbox(key="pick run").options
    markdown = [element.value for element in (*app.title, *app.markdown, *app.caption, *app.info)]
    assert not [text for text in markdown if "<b>" in text or " *r4*" in text or " *tag*" in text or "![" in text]
    (notes,) = [text for text in markdown if "**note**" in text]
    assert "[image](http://host/a.png)" in notes


# --- Edits ------------------------------------------------------------------------------------------


def test_run_is_renamed_in_place(store, tfidf, open_page):
    app = open_page("run", run=tfidf)
    app.button(key="rename").click().run()
    app.text_input(key=f"name of {tfidf}").set_value(" ").run()
    assert "A run's name must have" in app.toast[0].value.replace("\\", "")
    app.text_input(key=f"name of {tfidf}").set_value("my baseline").run()
    assert app.title[0].value.endswith("my baseline")
    assert queries.run(store, tfidf).name == "my baseline"


def test_tags_are_added_and_removed_without_changing_name_and_notes(store, tfidf, open_page):
    run_edits.edit_run(store, tfidf, notes="a note", tags=["old"])
    app = open_page("run", run=tfidf)
    app.multiselect(key=f"tags of {tfidf}").set_value(["new"]).run()
    run = queries.run(store, tfidf)
    assert (run.name, run.notes, run.tags) == ("tfidf", "a note", ["new"])


def test_notes_are_edited_in_a_dialog_with_a_preview(store, tfidf, open_page):
    run_edits.edit_run(store, tfidf, notes="a **note**")
    app = open_page("run", run=tfidf)
    app.button(key="edit notes").click().run()
    assert app.text_area(key=f"notes of {tfidf}").value == "a **note**"
    assert [text.value for text in app.markdown].count("a **note**") == 2


def test_deleted_run_is_restored_by_undo(store, tfidf, open_page):
    app = open_page("run", run=tfidf)
    app.button(key="delete").click().run()
    assert queries.run(store, tfidf).deleted_at is not None
    app.button(key="undo").click().run()
    assert not app.exception and queries.run(store, tfidf).deleted_at is None


# --- Runs in other states ---------------------------------------------------------------------------


def test_failed_run_shows_phase_error_traceback_log_and_command(seeded, open_page):
    app = open_page("run", run=seeded.failed, part="Record", log="true")
    text = page_text(app)
    assert "This run failed in phase training." in text
    assert "the loss is *not* a number" in text
    assert "Traceback (most recent call last)" in text
    assert "ValueError: the loss is *not* a number" in app.code[-1].value
    assert "python runner.py" in text and "--lr 9" in text
    assert not app.metric
    assert shows_page(app, "run") and "`None`" not in text  # a bare expression would be drawn


def test_running_run_shows_its_progress_and_growing_curves(store, open_page):
    with recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT) as run:
        run.update(dataset_id=save_dataset(store, load_data(RunConfig(**SIZES))))
        assert "This run is running (in phase start)" in page_text(open_page("run", run=run.id))
        start_training(run)
        app = open_page("run", run=run.id)
        assert "step 5 of 20" in str(app.main)
        assert not app.metric
        assert len(view_data.losses(run.id, 1)) == 1
        run.log_history(6, 0.6, {"loss": 0.5})
        assert len(view_data.losses(run.id, 1)) == 2
        run.update(adapter_path=None)


def test_crashed_run_shows_its_last_heartbeat_and_log(store, open_page):
    with recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT) as run:
        start_training(run)
        run.update(heartbeat_at=now() - timedelta(hours=2), host="elsewhere")
        text = page_text(open_page("run", run=run.id))
    assert "This run crashed in phase training" in text
    assert "on elsewhere" in text and "Phase: *training*" in text
    assert "python runner.py" in text


def test_cancelled_run_names_its_phase(store, open_page):
    with suppress(KeyboardInterrupt), recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT) as run:
        start_training(run)
        raise KeyboardInterrupt
    assert "cancelled in phase training" in page_text(open_page("run", run=run.id))


@pytest.fixture
def without_data(store):
    """A run that failed before it had a data set."""
    with recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT) as run:
        raise RequestError("no such file")
    return run.id


def test_run_without_data_is_shown(store, without_data, open_page):
    record_failure(store, load_data(RunConfig(**SIZES)))
    assert "no such file" in page_text(open_page("run", run=without_data))


def test_run_in_the_trash_can_be_restored(store, tfidf, open_page):
    run_edits.trash_runs(store, [tfidf])
    app = open_page("run", run=tfidf)
    assert "In the trash since " in app.warning[0].value
    assert len(app.metric) == 4
    button(app, "Restore").click().run()
    assert not app.exception and not app.warning
    assert queries.run(store, tfidf).deleted_at is None


def test_archived_run_opens_by_its_url(store, tfidf, open_page):
    run_edits.archive_runs(store, [tfidf])
    assert "archived" in page_text(open_page("run", run=tfidf))


@pytest.mark.parametrize("hide", [run_edits.archive_runs, run_edits.trash_runs], ids=["archived", "trashed"])
def test_hidden_baseline_is_still_compared_with(hide, store, tfidf, open_page):
    hide(store, [tfidf])
    assert "vs #1 tfidf" in page_text(open_page("run", run=2))
    compared = open_page("compare", run=2, against=tfidf)
    assert "Inconclusive" in page_text(compared) and not compared.error


def test_run_without_data_is_listed_beside_trashed_and_archived_ones(store, tfidf, without_data, open_page):
    run_edits.trash_runs(store, [1, 2])
    assert "no such file" in page_text(open_page("runs"))
    assert without_data in list(data.runs(data.newest_test_set())["id"])
    run_edits.archive_runs(store, [without_data])
    assert list(data.archived_runs(data.newest_test_set())["id"]) == [without_data]


PREDICTION_TABS = [("predictions", part) for part in ("Classes", "Calibration", "Abstaining", "Cost")]


@pytest.mark.parametrize(
    ("table", "part"), [("metrics", "Calibration"), ("class_metrics", "Classes"), *PREDICTION_TABS]
)
def test_complete_run_with_missing_rows_opens(table, part, store, tfidf, open_page):
    with store.engine.begin() as connection:
        connection.exec_driver_sql(f"delete from {table} where run_id = 2")
    app = open_page("run", run=2, part=part)
    assert not app.error, app.error
    assert len(app.metric) == 4
    assert len(app.tabs) == len(TABS)


def test_run_with_missing_files_opens_without_their_download(store, tfidf, open_page):
    folder = store.folder / str(queries.run(store, tfidf).adapter_path)
    folder.rename(store.folder / "elsewhere")
    app = open_page("run", run=tfidf)
    assert f"adapters/{folder.name}" in app.warning[0].value.replace("\\", "")
    assert len(app.metric) == 4
    labels = [button.label for button in app.get("download_button")]
    assert labels == ["Predictions (CSV)", "Settings (YAML)", "Log (text)"]
