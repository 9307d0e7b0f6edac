"""Complete runs of tiny models with random weights."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.metrics import f1_score
from sqlalchemy import update

from core.data import load_data
from core.errors import RequestError, RunError
from core.models.baselines import MajorityClassifier
from core.report.comparisons import compare_runs
from core.runs.artifacts import save_and_verify
from core.runs.job import add_baselines, prepare_jobs
from core.runs.pipeline import run_job, run_jobs
from core.runs.progress import Progress
from core.runs.recovery import recover_all
from core.serving.inference import load_run
from core.serving.recheck import recheck_run
from core.store import queries
from core.store.engine import open_store
from core.store.recorder import recording
from core.store.run_edits import delete_run
from core.store.schema import RunRow
from tests.scoring import assert_metrics_follow_from_predictions


class Messages(Progress):
    """Collects messages."""

    def __init__(self):
        self.texts = []

    def on_message(self, text):
        self.texts.append(text)


def test_record_in_a_fallback_database_is_merged_back(recorded_runs, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    store = open_store(str(tmp_path / "runs.db"), create=True)
    (job,) = prepare_jobs([recorded_runs.config], tmp_path)
    (tmp_path / "adapters").write_text("a file where the folder should be")
    messages = Messages()
    run = run_job(job, store, messages)
    assert run.state == "complete"
    assert any("db recover" in text for text in messages.texts)
    (tmp_path / "adapters").unlink()
    assert recover_all(store).run_ids == (1,)
    assert load_run(store, 1).predict(["good film"]).shape == (1, len(job.data.labels))
    assert [path.name for path in (tmp_path / "adapters").iterdir()] == ["1-lora-r8"]


def test_baselines_and_adapter_complete(recorded_runs):
    assert [record.method for record in recorded_runs.records] == ["majority", "untrained", "tfidf", "frozen", "lora"]
    assert {(record.state, record.error_message) for record in recorded_runs.records} == {("complete", None)}
    assert all(record.reload_max_difference <= 1e-4 for record in recorded_runs.records)


def test_training_improves_accuracy(recorded_runs):
    runs = queries.runs(recorded_runs.store).set_index("method")
    assert runs.loc["tfidf", "accuracy"] > 0.9
    assert runs.loc["lora", "accuracy"] > runs.loc["majority", "accuracy"]


def test_stored_metrics_follow_from_the_stored_predictions(recorded_runs):
    with sqlite3.connect(recorded_runs.store.address) as connection:
        for record in recorded_runs.records:
            assert_metrics_follow_from_predictions(connection, record.id)


def test_predictions_are_stored_with_their_texts(recorded_runs):
    store = recorded_runs.store
    for record in recorded_runs.records:
        stored = queries.predictions(store, record.id)
        again = load_run(store, record.id).predict(list(stored["text"]))
        assert np.abs(again - queries.probabilities(store, record.id)).max() < 1e-5
        labels = queries.dataset(store, record.dataset_id).labels
        assert [labels[code] for code in again.argmax(axis=1)] == list(stored["predicted"])
        # the extra column of the source names the label of its row
        pairs = zip(stored["extra"], stored["label"], strict=True)
        assert all(extra["row"].startswith(label) for extra, label in pairs)


def test_record_is_complete(recorded_runs):
    run, config = recorded_runs.adapter, recorded_runs.config
    assert run.config == config.settings() | {"pooling": "model"}
    assert run.environment["pooling_reason"] == "the base model is no sentence-transformers model with mean pooling"
    assert run.trainable_parameters < run.total_parameters
    assert run.train_seconds > 0 and run.evaluation_seconds > 0 and run.train_examples_per_second > 0
    assert run.peak_memory_bytes > 1e8
    assert run.phase is None and run.ended_at >= run.started_at
    assert run.model == config.model and run.model_revision is None
    assert set(run.environment["packages"]) >= {"torch", "transformers", "peft"}
    assert run.environment["device"] and run.environment["training_dtype"] and run.environment["processor"]
    assert run.environment["memory_bytes"] > run.peak_memory_bytes
    history = queries.history(recorded_runs.store, [run.id])
    assert {"loss", "learning_rate", "validation_loss", "validation_macro_f1"} <= set(history["name"])
    assert (history["name"] == "validation_macro_f1").sum() == config.epochs


def test_steps_and_log_are_recorded(recorded_runs):
    run = recorded_runs.adapter
    assert run.step == run.total_steps > 0
    lines = list(queries.log_tail(recorded_runs.store, run.id)["text"])
    phases = ("data", "model", "training", "evaluation", "saving")
    assert [line for line in lines if line.startswith("Phase")] == [f"Phase: {phase}" for phase in phases]
    assert any(line.startswith("Epoch 1: validation_loss") for line in lines)
    assert any(line.startswith("Target modules ") for line in lines)


def test_truncated_texts_are_marked(recorded_runs, run_variant):
    run = run_variant(max_length=4)
    assert run.environment["max_length_limit"] == 64  # the model's positions
    marked = queries.predictions(recorded_runs.store, run.id)["truncated"]
    assert marked.astype(float).mean() == pytest.approx(run.environment["truncated"]["test"]) and marked.any()
    assert not queries.predictions(recorded_runs.store, recorded_runs.records[0].id)["truncated"].any()


def test_best_epoch_is_recorded(recorded_runs):
    run, store = recorded_runs.adapter, recorded_runs.store
    curve = queries.history(store, [run.id]).query("name == 'validation_macro_f1'")
    stored = queries.metrics(store, [run.id]).query("split == 'validation'").set_index("name")["value"]
    assert stored["macro_f1"] == pytest.approx(curve["value"].max(), abs=0.06)  # in training precision, and exact
    assert stored["best_epoch"] == curve.loc[curve["value"].idxmax(), "epoch"]


def test_fit_to_the_training_examples_is_recorded_for_trained_runs(recorded_runs):
    run, store = recorded_runs.adapter, recorded_runs.store
    data = load_data(recorded_runs.config)
    predicted = load_run(store, run.id).predict(data.train.texts).argmax(axis=1)
    metrics = queries.metrics(store, [record.id for record in recorded_runs.records]).query("split == 'train'")
    assert list(metrics["run_id"]) == [run.id]
    assert metrics["value"].iloc[0] == pytest.approx(f1_score(data.train.labels, predicted, average="macro"))


def test_adapter_is_linked_to_the_best_baseline(recorded_runs):
    run, store = recorded_runs.adapter, recorded_runs.store
    f1 = queries.runs(store).set_index("id")["macro_f1"]
    baselines = [record.id for record in recorded_runs.records[:-1]]
    assert f1[run.baseline_id] == f1[baselines].max()
    difference = queries.metrics(store, [run.id]).set_index("name")["value"]["macro_f1_over_baseline"]
    assert difference == pytest.approx(f1[run.id] - f1[run.baseline_id])


def test_files_are_safetensors_and_their_size_is_recorded(recorded_runs):
    adapters = recorded_runs.store.folder / "adapters"
    for record in recorded_runs.records:
        folder = record.adapter_folder(recorded_runs.store.folder)
        assert {path.suffix for path in folder.iterdir()} <= {".safetensors", ".json", ".md"}
        assert sum(path.stat().st_size for path in folder.glob("*.safetensors")) == record.adapter_bytes
    assert not list(adapters.glob(".*"))


def test_model_card_is_saved_with_the_adapter(recorded_runs):
    card = (recorded_runs.adapter.adapter_folder(recorded_runs.store.folder) / "README.md").read_text()
    for fragment in ("library_name: peft", "macro F1", "| good |", "films", "0 = bad, 1 = fine, 2 = good"):
        assert fragment in card


PLAIN_PEFT = """
import json, sys
from peft import AutoPeftModelForSequenceClassification, PeftModel
from transformers import AutoModelForSequenceClassification, AutoTokenizer
base_name, adapter, texts = json.load(sys.stdin)
tokenizer = AutoTokenizer.from_pretrained(base_name)
tokenizer.pad_token = tokenizer.eos_token
auto = AutoPeftModelForSequenceClassification.from_pretrained(adapter, num_labels=3)
auto.config.pad_token_id = auto.get_base_model().config.pad_token_id = tokenizer.pad_token_id
base = AutoModelForSequenceClassification.from_pretrained(base_name, num_labels=3)
base.config.pad_token_id = tokenizer.pad_token_id
inputs = tokenizer(texts, padding=True, truncation=True, max_length=32, return_tensors="pt")
models = (auto, PeftModel.from_pretrained(base, adapter))
print(json.dumps([model.eval()(**inputs).logits.softmax(-1).tolist() for model in models]))
"""


@pytest.mark.slow
def test_plain_peft_in_a_new_process_reproduces_the_stored_probabilities(recorded_runs, tiny_gpt2, tmp_path):
    run, store = recorded_runs.adapter, recorded_runs.store
    texts = list(queries.predictions(store, run.id)["text"])
    adapter = shutil.copytree(run.adapter_folder(store.folder), tmp_path / "adapter")
    answer = subprocess.run(
        [sys.executable, "-c", PLAIN_PEFT],
        input=json.dumps([str(tiny_gpt2), str(adapter), texts]),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
        env={**os.environ, "PYTHONPATH": ""},
    )
    for probabilities in json.loads(answer.stdout.splitlines()[-1]):
        assert np.abs(np.array(probabilities) - queries.probabilities(store, run.id)).max() < 1e-5


def test_recorded_runs_are_reused_unless_requested_again(recorded_runs):
    store, records = recorded_runs.store, recorded_runs.records
    baselines = add_baselines([recorded_runs.config])
    jobs = [job for job in prepare_jobs(baselines, store.folder) if job.backbone is None]
    records = [record for record in records if record.model is None]
    reused = run_jobs(jobs, store, Progress())
    assert [record.id for record in reused] == [record.id for record in records]
    rerun = run_jobs(jobs[:1], store, Progress(), again=True)
    assert rerun[0].id > recorded_runs.adapter.id
    delete_run(store, rerun[0].id)


def test_same_config_gives_the_same_predictions(recorded_runs, run_variant):
    repeated, store = run_variant(), recorded_runs.store
    stored = queries.probabilities(store, recorded_runs.adapter.id)
    assert np.array_equal(queries.probabilities(store, repeated.id), stored)
    assert repeated.group_key == recorded_runs.adapter.group_key


def test_diverged_training_is_a_failed_run_with_advice(recorded_runs, run_variant):
    failed = run_variant(lr=1e30)
    assert (failed.state, failed.error_type) == ("failed", "RunError")
    assert "diverged" in failed.error_message
    assert failed.adapter_path is None and failed.phase == "training"
    losses = queries.history(recorded_runs.store, [failed.id]).query("name == 'loss'")["value"]
    assert losses.iloc[-1:].isna().all() and losses.iloc[:-1].notna().all()


def test_next_run_starts_after_a_failed_one(recorded_runs):
    store, config = recorded_runs.store, recorded_runs.config
    diverging, majority = (config.model_copy(update=changes) for changes in ({"lr": 1e30}, {"method": "majority"}))
    records = run_jobs(prepare_jobs([diverging, majority], store.folder), store, Progress(), again=True)
    assert [record.state for record in records] == ["failed", "complete"]
    for record in records:
        delete_run(store, record.id)


@pytest.mark.parametrize("values", [{"quantize": "4bit"}, {"method": "full"}, {"method": "ia3"}, {"init": "pissa"}])
def test_runs_of_other_methods_are_recorded_and_reproduced(values, recorded_runs, run_variant):
    store, run = recorded_runs.store, run_variant(**values)
    assert (run.state, run.error_message) == ("complete", None)
    assert (run.kind, run.method) == (recorded_runs.config.model_copy(update=values).kind, values.get("method", "lora"))
    assert run.base_memory_bytes > 0 and run.baseline_id is not None
    assert not recheck_run(store, run.id).drifted
    assert (run.base_memory_bytes < recorded_runs.adapter.base_memory_bytes) == ("quantize" in values)


class WrongFiles(MajorityClassifier):
    """Saves other parameters than those that it predicts with."""

    def save(self, folder):
        MajorityClassifier(self.priors[::-1] ** 2).save(folder)


def test_files_that_do_not_reproduce_the_logits_fail_the_run(recorded_runs):
    store = recorded_runs.store
    (job,) = prepare_jobs([recorded_runs.config.model_copy(update={"method": "majority"})], store.folder)
    with recording(store, job.config, "wrong files", {}) as run:
        save_and_verify(run, job, WrongFiles(np.array([0.5, 0.3, 0.2])), "card")
    failed = queries.run(store, run.id)
    assert (failed.state, failed.error_type) == ("failed", RunError.__name__)
    assert failed.reload_max_difference > 0.1
    assert failed.adapter_path is None
    delete_run(store, failed.id)


def test_runs_on_different_test_sets_are_not_compared(recorded_runs, run_variant):
    other = run_variant(method="majority", test_size=30)
    with pytest.raises(RequestError):
        compare_runs(recorded_runs.store, recorded_runs.adapter.id, other.id)


def test_run_without_files_is_not_loaded(recorded_runs, run_variant):
    run = run_variant(method="majority")
    shutil.rmtree(run.adapter_folder(recorded_runs.store.folder))
    with pytest.raises(RequestError) as error:
        load_run(recorded_runs.store, run.id)
    assert run.adapter_path in str(error.value)


def test_scores_are_stored_with_their_intervals(recorded_runs):
    metrics = queries.metrics(recorded_runs.store, [record.id for record in recorded_runs.records])
    without = ["temperature", "best_epoch", "ece", "ece_calibrated", "macro_f1_over_baseline_p", "training_macro_f1"]
    scores = metrics[~metrics["name"].isin(without)]
    assert scores[["low", "high"]].notna().all(axis=None)
    assert ((scores["low"] <= scores["value"]) & (scores["value"] <= scores["high"])).all()


def test_recheck_of_an_unchanged_run_finds_no_drift(recorded_runs):
    result = recheck_run(recorded_runs.store, recorded_runs.adapter.id)
    assert (result.drifted, result.changed_labels, result.examples, result.versions) == (False, 0, 40, {})
    stored = queries.rechecks(recorded_runs.store, result.run_id)["max_difference"]
    assert stored.iloc[-1] == result.max_difference


def test_recheck_of_changed_weights_finds_drift(recorded_runs, run_variant):
    store, run = recorded_runs.store, run_variant(method="tfidf")
    weights = run.adapter_folder(store.folder) / "tfidf.safetensors"
    tensors = load_file(weights)
    save_file({**tensors, "coefficients": -tensors["coefficients"]}, weights)
    with pytest.raises(RequestError):  # the checksum differs
        recheck_run(store, run.id)
    with store.write_session() as session:  # a record from before checksums were stored
        session.execute(update(RunRow).where(RunRow.id == run.id).values(adapter_sha256=None))
    result = recheck_run(store, run.id)
    assert result.drifted
    assert result.changed_labels > 20
    assert bool(queries.rechecks(store, run.id)["drifted"].iloc[0])
