"""The page of one run: what it says in each state, and what can be taken away of it."""

import io
import zipfile
from contextlib import suppress
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
import yaml
from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df

from cli.arguments import asked_values, parse
from core.config import RunConfig, make_config
from core.data import load_data
from core.errors import RequestError
from core.methods import METHODS
from core.store import curator, queries
from core.store.engine import open_store
from core.store.recorder import recording, save_dataset
from core.store.schema import now
from dashboard import bundles, data
from dashboard.frames import run as frames
from tests.dashboard.test_pages import said
from tests.seeded import ENVIRONMENT, ODD_NAME, SIZES, record_adapters, record_failure, record_weak_adapter


@pytest.fixture
def store(empty):
    return open_store(str(empty), create=True)


@pytest.fixture
def tfidf(store):
    """A database of its own with a baseline, which has files, and an adapter; the baseline's number."""
    record_weak_adapter(store, load_data(RunConfig(**SIZES)))
    return 1


def begin(run):
    """Bring a run to the middle of its training."""
    run.update(dataset_id=save_dataset(run.store, load_data(RunConfig(**SIZES))))
    run.enter("training")
    run.say("Phase: *training*")
    run.step(5, 20, 10.0, 16.0)
    run.log(5, 0.5, {"loss": 0.6})


# --- A complete run -----------------------------------------------------------------------------------


def test_the_headline_tells_the_verdict_alone_and_over_seeds(seeded, open_page):
    words = said(open_page("run", run=seeded.lora))
    assert f"It beats the baseline #{seeded.tfidf} tfidf by " in words
    assert "Over 3 seeds: +" in words and "points of macro F1, helped." in words
    assert "This is one seed" in said(open_page("run", run=seeded.odd))


def test_run_shows_verdict_metrics_and_classes(seeded, open_page):
    app = open_page("run", run=seeded.odd)
    assert f"baseline #{seeded.tfidf} tfidf" in said(app)
    assert [metric.label.split(":")[0] for metric in app.metric] == ["Macro F1", "Accuracy", "Worst class", "Cost"]
    assert list(app.dataframe[0].value["class"]) == ["negative", "positive"]


def test_the_open_part_stands_in_the_address(seeded, open_page):
    app = open_page("run", run=seeded.lora, part="Cost")
    assert list(app.dataframe[0].value.columns) == ["cost", "#3 lora-r8", f"#{seeded.tfidf} tfidf", "what it means"]
    assert "points of macro F1 for 54 s of training instead of 0.5 s" in said(app)
    assert not app.metric[4:]


@pytest.mark.parametrize("part", ["<b>", "nothing"])
def test_a_part_that_is_not_there_is_passed_over(part, seeded, open_page):
    assert list(open_page("run", run=seeded.odd, part=part).dataframe[0].value["class"]) == ["negative", "positive"]
    assert "This run failed" in said(open_page("run", run=seeded.failed, part="Classes"))


def test_run_warns_of_an_adapter_that_was_hardly_trained(store, open_page):
    number = record_weak_adapter(store, load_data(RunConfig(**SIZES)))
    assert "It looks under-trained: 20 training steps" in said(open_page("run", run=number))


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
    assert "Kept: epoch 2, the best and the last, with macro F1 " in said(open_page("run", run=number, part="Training"))
    with store.engine.begin() as connection:
        connection.exec_driver_sql("update metrics set value = 1 where name = 'best_epoch'")
        connection.exec_driver_sql("update runs set changed_at = '2030-01-01'")
    words = said(open_page("run", run=number, part="Training"))
    assert "Kept: epoch 1, the best, with macro F1 " in words and "The last one, epoch 2, had 80.0." in words


def test_the_training_loss_is_smoothed_and_stays_as_logged_behind(store, open_page):
    with recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT) as run:
        begin(run)
        for step in range(6, 1006):
            run.log(step, step / 500, {"loss": float(step % 2)})
        app = open_page("run", run=run.id, part="Training", smooth="25")
    assert app.segmented_control(key="smooth").value == "25"
    curves = frames.losses(run.id, 10).set_index("name")
    assert curves.loc["raw", "value"].isin([0, 1, 0.6]).all()
    assert curves.loc["loss", "value"].iloc[-1] == pytest.approx(0.5)
    assert len(curves) == 2 * frames.POINTS


def test_run_tells_what_its_probabilities_are_worth(seeded, open_page):
    app = open_page("run", run=seeded.lora, part="Calibration")
    assert "The temperature fitted on the validation examples is 1.500" in said(app)
    (figures,) = [table.value for table in app.dataframe if "at the temperature" in table.value]
    assert list(figures["figure"]) == ["log loss", "Brier score", "ECE, %"]
    assert "; a perfectly calibrated run: " in figures["as trained"].iloc[2]


def test_run_lets_a_threshold_be_chosen(seeded, open_page):
    app = open_page("run", run=seeded.lora, part="Abstaining")
    assert "Test: 100.0 (96.3–100.0) % answered" in said(app)
    app.slider(key="pick threshold").set_value(90).run()
    assert app.query_params["threshold"] == "90"
    assert "Test: 100.0" not in said(app)
    assert said(app) == said(open_page("run", run=seeded.lora, part="Abstaining", threshold=90))


@pytest.mark.parametrize("threshold", ["abc", "-5", "150", "nan", "0.5"])
def test_a_threshold_that_makes_no_sense_is_passed_over(threshold, seeded, open_page):
    app = open_page("run", run=seeded.tfidf, part="Abstaining", threshold=threshold)
    assert 0 <= app.slider(key="pick threshold").value < 100


def test_settings_that_differ_come_first_and_defaults_follow_the_others(seeded, open_page):
    app = open_page("run", run=seeded.odd, part="Settings")
    assert list(app.dataframe[0].value["setting"]) == ["train_size", "validation_size", "test_size", "r", "epochs"]
    assert "python runner.py --train-size 80 --validation-size 20 --test-size 100 --r 4 --epochs 3" in said(app)


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
    assert "Macro F1 without leaked test examples: " in said(open_page("run", run=seeded.flawed))


def test_the_model_card_is_shown_as_text_once_it_is_asked_for(seeded, open_page):
    card = "<script>alert(1)</script>"
    assert card in open_page("run", run=seeded.tfidf, part="Record", card="true").code[-1].value
    assert card not in said(open_page("run", run=seeded.tfidf, part="Record"))


def test_a_name_a_tag_and_a_note_are_never_read_as_markup(store, tfidf, open_page):
    curator.describe_run(store, tfidf, ODD_NAME, "a **note**", ["*tag*"])
    app = open_page("run", run=tfidf)
    assert f"#{tfidf} {ODD_NAME}" in app.selectbox(key="pick run").options
    assert "a **note**" in [text.value for text in app.text]
    words = [element.value for element in (*app.markdown, *app.caption, *app.info)]
    assert not [text for text in words if "<b>" in text or " *r4*" in text or " *tag*" in text]


# --- Other states -------------------------------------------------------------------------------------


def test_a_failed_run_tells_its_phase_error_traceback_and_log(seeded, open_page):
    app = open_page("run", run=seeded.failed, part="Record", log="true")
    words = said(app)
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
        assert "at work in the phase «start»" in said(open_page("run", run=run.id))
        begin(run)
        app = open_page("run", run=run.id)
        assert "step 5 of 20" in str(app.main)
        assert not app.metric
        assert len(frames.losses(run.id, 1)) == 1
        run.log(6, 0.6, {"loss": 0.5})
        assert len(frames.losses(run.id, 1)) == 2
        run.update(adapter_path=None)


def test_a_crashed_run_tells_its_last_sign_of_life(store, open_page):
    with recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT) as run:
        begin(run)
        run.update(heartbeat_at=now() - timedelta(hours=2))
        words = said(open_page("run", run=run.id))
    assert "fell silent in the phase «training»" in words
    assert "Last sign of life: " in words and "Phase: *training*" in words
    assert "python runner.py" in words


def test_a_cancelled_run_says_so(store, open_page):
    with suppress(KeyboardInterrupt), recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT) as run:
        begin(run)
        raise KeyboardInterrupt
    assert "This run was stopped in the phase «training»." in said(open_page("run", run=run.id))


def test_a_run_without_data_is_shown(store, open_page):
    record_failure(store, load_data(RunConfig(**SIZES)))
    with recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT) as run:
        raise RequestError("There is no such file.")
    assert "There is no such file." in said(open_page("run", run=run.id))


def test_a_run_in_the_trash_says_so_and_can_be_brought_back(store, tfidf, open_page):
    curator.trash_runs(store, [tfidf])
    app = open_page("run", run=tfidf)
    assert "This run lies in the trash since " in said(app)
    assert len(app.metric) == 4
    next(button for button in app.button if button.label == "Bring it back").click().run()
    assert not app.exception
    assert "lies in the trash" not in said(app)
    assert queries.run(store, tfidf).deleted_at is None


def test_an_archived_run_is_found_by_its_address(store, tfidf, open_page):
    curator.archive_runs(store, [tfidf])
    assert "This run lies in the archive." in said(open_page("run", run=tfidf))


@pytest.mark.parametrize("put_away", [curator.archive_runs, curator.trash_runs])
def test_a_baseline_that_was_put_away_still_stands_beside_its_runs(put_away, store, tfidf, open_page):
    put_away(store, [tfidf])
    assert "the baseline #1 tfidf" in said(open_page("run", run=2))
    compared = open_page("compare", run=2, against=tfidf)
    assert "No evidence either way: macro F1" in said(compared) and not compared.error


def test_where_only_a_run_without_data_is_left_the_others_are_found_in_the_trash(store, tfidf, open_page):
    with recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT) as run:
        raise RequestError("There is no such file.")
    curator.trash_runs(store, [1, 2])
    assert "There is no such file." in said(open_page("runs"))
    assert run.id in list(data.runs(data.newest_test_set())["id"])


def test_a_run_that_failed_before_it_had_data_is_found_in_the_archive(store, tfidf):
    with recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT) as run:
        raise RequestError("There is no such file.")
    curator.archive_runs(store, [run.id])
    assert list(data.archived(data.newest_test_set())["id"]) == [run.id]


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
    assert f"there is no folder adapters/{folder.name} beside the database" in said(app)
    assert len(app.metric) == 4
    assert [button.label for button in app.get("download_button")] == [
        "Predictions (CSV)",
        "Settings (YAML)",
        "Log (text)",
    ]


# --- What can be taken away ---------------------------------------------------------------------------


def test_the_zip_holds_the_files_of_the_run_and_nothing_else(store, tfidf):
    folder = store.folder / str(queries.run(store, tfidf).adapter_path)
    (folder / "more").mkdir()
    (folder / "more" / "words.txt").write_text("nested")
    (folder.parent / "other.txt").write_text("of another run")
    with zipfile.ZipFile(io.BytesIO(bundles.adapter_zip(tfidf))) as archive:
        packed = {name: archive.read(name) for name in archive.namelist()}
    on_disk = {f"{folder.name}/{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*.*")}
    assert packed == on_disk
    assert f"{folder.name}/more/words.txt" in packed


@pytest.mark.parametrize("target", ["secret.txt", ""])
def test_a_link_among_the_files_is_refused(target, store, tfidf, open_page):
    folder = store.folder / str(queries.run(store, tfidf).adapter_path)
    (store.folder / "secret.txt").write_text("secret")
    (folder / "linked").symlink_to(store.folder / target)
    with pytest.raises(RequestError, match="'linked' is a link"):
        bundles.adapter_zip(tfidf)
    assert "'linked' is a link" in said(open_page("run", run=tfidf))


def test_a_model_card_that_is_a_link_is_not_followed(store, tfidf):
    folder = store.folder / str(queries.run(store, tfidf).adapter_path)
    (store.folder / "secret.txt").write_text("secret")
    (folder / "README.md").unlink()
    (folder / "README.md").symlink_to(store.folder / "secret.txt")
    with pytest.raises(RequestError, match="'README.md' is a link"):
        data.model_card(tfidf)


def test_weights_that_are_a_link_are_not_read(store, tfidf):
    folder = store.folder / "adapters" / "linked"
    folder.mkdir()
    header = b'{"base.score.weight": {"shape": [2, 32]}}'
    (store.folder / "weights").write_bytes(len(header).to_bytes(8, "little") + header)
    with recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT | {"new_modules": ["score"]}) as run:
        run.update(adapter_path="adapters/linked", model="another")
    (folder / "adapter_model.safetensors").write_bytes((store.folder / "weights").read_bytes())
    assert data.model_width(run.id) == 32
    (folder / "adapter_model.safetensors").unlink()
    (folder / "adapter_model.safetensors").symlink_to(store.folder / "weights")
    assert data.model_width(run.id) is None


def test_a_path_with_dots_gives_no_dots_in_the_zip(store, tfidf):
    folder = store.folder / str(queries.run(store, tfidf).adapter_path)
    with store.engine.begin() as connection:
        path = f"adapters/{folder.name}/b/.."
        connection.exec_driver_sql("update runs set adapter_path = ?, changed_at = '2030-01-01'", (path,))
    with zipfile.ZipFile(io.BytesIO(bundles.adapter_zip(tfidf))) as archive:
        assert {name.split("/")[0] for name in archive.namelist()} == {folder.name}


@pytest.mark.parametrize("path", ["../outside", "adapters/../../outside", "/etc", "adapters"])
def test_a_path_that_leads_outside_is_refused(path, store, tfidf, open_page):
    with store.engine.begin() as connection:
        connection.exec_driver_sql("update runs set adapter_path = ?, changed_at = '2030-01-01'", (path,))
    assert data.files(tfidf) == {}
    assert "The files of this run are gone" in said(open_page("run", run=tfidf))


def test_large_files_are_not_packed(store, tfidf, open_page, monkeypatch):
    folder = store.folder / str(queries.run(store, tfidf).adapter_path)
    with (folder / "weights.safetensors").open("wb") as file:
        file.truncate(bundles.LARGEST_ZIP)  # a hole: it takes no room
    words = said(open_page("run", run=tfidf))
    assert f"are too large to be packed. They lie in adapters/{folder.name}" in words
    with pytest.raises(RequestError, match="too large"):
        bundles.adapter_zip(tfidf)


def test_the_predictions_are_those_that_are_stored(seeded):
    read = pd.read_csv(io.StringIO(bundles.predictions_csv(seeded.flawed).removeprefix("\ufeff")))
    stored = data.judged(seeded.flawed)
    for column, name in {
        "position": "position",
        "text": "text",
        "true label": "label",
        "predicted": "predicted",
    }.items():
        assert read[column].tolist() == stored[name].tolist()
    shares = read[[f"probability of {label}" for label in ("bad", "good", "odd")]].to_numpy(np.float32)
    assert (shares == data.probabilities(seeded.flawed)).all()
    assert read["confidence"].tolist() == pytest.approx(stored["confidence"].tolist())
    assert read["rating_deviation"].tolist() == [extra["rating_deviation"] for extra in stored["extra"]]
    assert "truncated" in read


def test_no_text_in_the_predictions_is_run_as_a_formula(store):
    (number,) = record_adapters(store, 2, 0.7)
    with store.engine.begin() as connection:
        connection.exec_driver_sql("update examples set text = '=1+1', extra = '{\"text\": \"@x\"}'")
    read = pd.read_csv(io.StringIO(bundles.predictions_csv(number).removeprefix("\ufeff")))
    assert set(read["text"]) == {"'=1+1"}
    assert set(read["text (source)"]) == {"'@x"}


CHANGED = {
    "dataset": "my: file.csv",
    "text_column": "123",
    "label_column": "yes",
    "train_size": 81,
    "validation_size": 21,
    "test_size": 101,
    "model": "some/model",
    "revision": "0123",
    "max_length": 64,
    "r": 4,
    "alpha": 6.0,
    "dropout": 0.0,
    "target_modules": ("query", "value"),
    "epochs": 3,
    "batch_size": 16,
    "gradient_accumulation": 2,
    "class_weights": "balanced",
    "sampler": "balanced",
    "lr": 2e-5,
    "warmup": 0.1,
    "weight_decay": 0.0,
    "dtype": "bfloat16",
    "seed": 7,
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("changed", [{}, CHANGED], ids=["defaults", "every setting changed"])
def test_the_settings_file_makes_the_same_settings(method, changed, store, tmp_path):
    assert set(CHANGED) == set(RunConfig.model_fields) - {"method"}
    config = make_config({"method": method, **changed})
    with recording(store, config, "any", ENVIRONMENT) as run:
        pass
    file = tmp_path / "run.yaml"
    file.write_text(bundles.config_yaml(run.id), encoding="utf-8")
    values = asked_values(parse(["--config", str(file)]))
    assert all(len(given) == 1 for given in values.values())
    again = make_config({name: given[0] for name, given in values.items()})
    assert again.settings() == config.settings()
    assert yaml.safe_load(file.read_text())["method"] == method


def test_the_whole_log_can_be_taken_away(store):
    with recording(store, RunConfig(**SIZES), "lora-r8", ENVIRONMENT) as run:
        for place in range(250):
            run.say(f"line {place}")
    lines = bundles.log_text(run.id).splitlines()
    assert len(lines) == 250
    assert lines[0].endswith("  line 0") and len(data.log(run.id)) == 200
