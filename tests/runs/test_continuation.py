"""A complete run is trained for more epochs as a new run that starts from its weights."""

import shutil

import numpy as np
import pytest

from core.config import hash_settings, make_config
from core.errors import RequestError
from core.models.build import build_trainable
from core.report.comparisons import compare_runs
from core.runs.job import prepare_jobs
from core.runs.pipeline import run_job
from core.runs.progress import Progress
from core.runs.resume import prepare_continuation, prepare_resume
from core.serving.inference import load_run
from core.store import queries
from core.store.integrity import check
from core.store.run_edits import delete_run, trash_runs
from core.store.schema import RunRow
from tests.small_runs import create_store, record_run


class StopAfter(Progress):
    """Stops the training after a step, and collects messages."""

    def __init__(self, step: int | None = None):
        self.last, self.first_step, self.texts, self.is_over = step, None, [], False

    def on_train_begin(self, step):
        self.first_step = step

    def on_step_end(self, step, total, epoch):
        self.is_over = step == self.last

    def should_stop(self):
        return self.is_over

    def on_message(self, text):
        self.texts.append(text)


@pytest.fixture
def store(tmp_path):
    return create_store(tmp_path)


@pytest.fixture
def parent(store, tiny_bert):
    return record_run(store, tiny_bert, logit_adjustment="none")


def continue_run(store, run_id, epochs="2", progress=None):
    return run_job(prepare_continuation(store, run_id, epochs), store, progress or Progress())


@pytest.mark.parametrize(
    "values",
    [
        {"method": "lora"},
        {"method": "full", "lr": 1e-3},
        {"method": "prompt_tuning"},
        {"pooling": "mean"},
        {"method": "full", "lr": 1e-3, "pooling": "mean"},
        {"init": "pissa"},
        {"quantize": "4bit"},
    ],
    ids=lambda values: "-".join(map(str, values.values())),
)
def test_training_starts_from_the_logits_of_the_parent(values, store, tiny_bert):
    parent = record_run(store, tiny_bert, **values)
    job = prepare_continuation(store, parent.id, "1")
    model, texts = build_trainable(job), job.data.test.texts
    expected = load_run(store, parent.id).classifier.logits(texts)
    assert np.abs(model.classifier.logits(texts) - expected).max() < 1e-4
    child = run_job(job, store, Progress())
    assert (child.state, child.error_message) == ("complete", None)
    assert np.abs(load_run(store, child.id).classifier.logits(texts) - expected).max() > 1e-4
    assert child.trainable_parameters >= parent.trainable_parameters


def test_continued_run_is_linked_and_the_parent_is_unchanged(store, parent):
    progress = StopAfter()
    child = continue_run(store, parent.id, "2", progress)
    assert (child.state, child.parent_id, child.config) == ("complete", parent.id, parent.config | {"epochs": 2})
    assert child.name == f"{parent.name}-continued"
    assert any(f"the weights of run {parent.id}, with a new optimizer" in text for text in progress.texts)
    assert queries.run(store, parent.id) == parent
    assert compare_runs(store, child.id, parent.id).settings["continues"] == [f"run {parent.id}", None]


def test_continued_run_is_no_repetition_of_its_configuration(store, parent):
    child = continue_run(store, parent.id, "1")
    assert child.config == parent.config and child.group_key != parent.group_key
    assert [run.id for run in queries.runs_of_configuration(store, parent)] == [parent.id]
    assert continue_run(store, parent.id, "1").group_key == child.group_key
    assert check(store.address).findings == ()


def forget_settings(store, run_id, names):
    """Remove settings from a run's record, and make its group key that of the others."""
    with store.write_session() as session:
        row = session.get(RunRow, run_id)
        row.config = {name: value for name, value in row.config.items() if name not in names}
        row.group_key = hash_settings(row.config, queries.dataset(store, row.dataset_id).fingerprint)


def test_run_of_an_earlier_version_is_used_and_continued_as_it_was(store, tiny_bert):
    sentence_model = shutil.copytree(tiny_bert, store.folder / "model")
    (sentence_model / "1_Pooling").mkdir()
    (sentence_model / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
    parent = record_run(store, sentence_model, pooling="model", target_modules="query,value")
    expected = load_run(store, parent.id).predict(["good film"])
    forget_settings(store, parent.id, ("pooling", "head_init", "model_dropout", "target_modules"))
    assert np.array_equal(load_run(store, parent.id).predict(["good film"]), expected)
    child = continue_run(store, parent.id)
    assert child.state == "complete"
    assert (child.config["pooling"], child.config["target_modules"]) == ("model", ["query", "value"])
    assert check(store.address).findings == ()


def test_resumed_run_of_an_earlier_version_records_its_settings(store, parent):
    (job,) = prepare_jobs([make_config(parent.config | {"seed": 3})], store.folder)
    with pytest.raises(KeyboardInterrupt):
        run_job(job, store, StopAfter(2), checkpoint_interval=0)
    stopped = parent.id + 1
    forget_settings(store, stopped, ("pooling",))
    resumed = run_job(prepare_resume(store, stopped), store, Progress(), resume_run_id=stopped)
    assert (resumed.state, resumed.config["pooling"]) == ("complete", "model")
    assert check(store.address).findings == ()


def test_deleting_the_parent_keeps_the_continued_run_without_its_link(store, parent):
    child = continue_run(store, parent.id)
    delete_run(store, parent.id)
    assert queries.run(store, child.id).parent_id is None
    assert load_run(store, child.id).predict(["good film"]).shape == (1, 3)
    assert check(store.address).findings == ()


def test_epochs_auto_continues_a_fixed_number_of_epochs_and_the_reverse(store, parent):
    automatic = continue_run(store, parent.id, "auto")
    assert (automatic.config["epochs"], automatic.state) == ("auto", "complete")
    limited = record_run(store, parent.config["model"], epochs="auto", max_steps=4, seed=2)
    assert {"max_steps", "epochs"} & continue_run(store, limited.id, "1").config.keys() == {"epochs"}


@pytest.mark.parametrize(("stop_after", "interval", "first_step"), [(2, 0, 2), (1, 1e9, 1)])
def test_continued_run_that_was_stopped_is_resumed(store, parent, stop_after, interval, first_step):
    expected = continue_run(store, parent.id)
    job = prepare_continuation(store, parent.id, "2")
    with pytest.raises(KeyboardInterrupt):
        run_job(job, store, StopAfter(stop_after), checkpoint_interval=interval)
    stopped, progress = expected.id + 1, StopAfter()
    resumed = run_job(prepare_resume(store, stopped), store, progress, resume_run_id=stopped)
    assert (resumed.state, resumed.parent_id, progress.first_step) == ("complete", parent.id, first_step)
    assert resumed.group_key == expected.group_key
    assert np.array_equal(queries.probabilities(store, resumed.id), queries.probabilities(store, expected.id))


def test_continued_run_without_checkpoints_restarts_from_the_parents_weights(store, parent):
    expected = continue_run(store, parent.id)
    with pytest.raises(KeyboardInterrupt):
        run_job(prepare_continuation(store, parent.id, "2"), store, StopAfter(2), checkpoint_interval=0)
    stopped = queries.run(store, expected.id + 1)
    shutil.rmtree(stopped.work_folder(store.folder))
    progress = StopAfter()
    resumed = run_job(prepare_resume(store, stopped.id), store, progress, resume_run_id=stopped.id)
    assert (resumed.state, progress.first_step) == ("complete", 0)
    assert np.array_equal(queries.probabilities(store, resumed.id), queries.probabilities(store, expected.id))


def test_stopped_run_whose_parent_was_deleted_is_not_resumed(store, parent):
    with pytest.raises(KeyboardInterrupt):
        run_job(prepare_continuation(store, parent.id, "2"), store, StopAfter(2), checkpoint_interval=0)
    delete_run(store, parent.id)
    with pytest.raises(RequestError, match="which was deleted"):
        prepare_resume(store, parent.id + 1)


def test_only_a_complete_trained_run_is_continued(store, parent):
    with pytest.raises(KeyboardInterrupt):
        run_job(prepare_continuation(store, parent.id, "2"), store, StopAfter(2), checkpoint_interval=0)
    with pytest.raises(RequestError, match="Resume it without --epochs first") as error:
        prepare_continuation(store, parent.id + 1, "2")
    assert error.value.code == "run_is_incomplete"
    baseline = record_run(store, parent.config["model"], method="majority")
    with pytest.raises(RequestError, match="is a baseline"):
        prepare_continuation(store, baseline.id, "2")
    with pytest.raises(RequestError, match="--epochs"):
        prepare_continuation(store, parent.id, "0")
    with pytest.raises(RequestError, match="pass --epochs"):
        prepare_resume(store, parent.id)
    trash_runs(store, [parent.id])
    with pytest.raises(RequestError, match="is in the trash"):
        prepare_continuation(store, parent.id, "2")


@pytest.mark.parametrize("method", ["adalora", "p_tuning"])
def test_method_whose_files_are_not_enough_is_refused(method, store, tiny_bert):
    run = record_run(store, tiny_bert, method=method)
    with pytest.raises(RequestError, match="cannot be trained for more epochs") as error:
        prepare_continuation(store, run.id, "2")
    assert error.value.code == "not_continuable"


def test_changed_data_are_refused(store, parent):
    path = store.folder / "films.csv"
    path.write_text(path.read_text().replace("lovely", "nice"))
    with pytest.raises(RequestError, match="the data of .* changed"):
        prepare_continuation(store, parent.id, "2")


def test_changed_base_model_is_refused(store, tiny_bert, tmp_path):
    import torch
    from transformers import BertConfig, BertModel

    model = shutil.copytree(tiny_bert, tmp_path / "model")
    parent = record_run(store, model)
    torch.manual_seed(1)
    BertModel(BertConfig.from_pretrained(model, initializer_range=1.0)).save_pretrained(model)
    with pytest.raises(RequestError, match="the model .* changed"):
        prepare_continuation(store, parent.id, "2")


def test_config_of_a_continued_run_has_its_own_group_key():
    config = make_config({})
    keys = {config.group_key("data"), config.group_key("data", "a"), config.group_key("data", "b")}
    assert len(keys) == 3
