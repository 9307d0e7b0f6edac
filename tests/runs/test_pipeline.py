"""The whole way, on tiny models with random weights: every part is real but the size."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import update

from core.config import make_config
from core.errors import RequestError
from core.models.baselines import MajorityClassifier
from core.report.verdicts import compare_runs, verdict_sentence
from core.runs.pipeline import prepare, run_job, run_jobs, with_baselines
from core.runs.progress import Progress
from core.runs.recovery import recover_all
from core.serving.inference import load_run
from core.serving.recheck import recheck_run
from core.store import queries
from core.store.engine import open_store
from core.store.run_edits import delete_run
from core.store.schema import RunRow
from tests.scoring import assert_metrics_are_those_of_the_predictions

SIZES = {"train_size": 60, "validation_size": 20, "test_size": 40, "epochs": 2, "batch_size": 16, "max_length": 32}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Texts of three kinds that a small model can tell apart, in a file sorted by label."""
    folder = tmp_path_factory.mktemp("bench")
    words = {"bad": "bad awful film", "fine": "fine okay film", "good": "good lovely film"}
    rng = np.random.default_rng(0)
    rows = [
        {"text": " ".join(rng.choice(text.split(), size=rng.integers(2, 9))), "label": label, "row": f"{label}-{n}"}
        for label, text in words.items()
        for n in range(60)
    ]
    pd.DataFrame(rows).to_csv(folder / "films.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def benched(folder, tiny_gpt2):
    """The store, the config and the records of a tiny GPT-2 with its baselines."""
    config = make_config({"dataset": str(folder / "films.csv"), "model": str(tiny_gpt2), "lr": 1e-2, **SIZES})
    jobs = prepare(with_baselines([config]), folder)
    store = open_store(str(folder / "runs.db"), create=True)
    return store, config, run_jobs(jobs, store, Progress())


def run_one(store, config, **changes):
    """Execute a changed config and return its record."""
    (job,) = prepare([config.model_copy(update=changes)], store.folder)
    return run_job(job, store, Progress())


def adapter_of(benched):
    return benched[2][-1]


def test_a_run_whose_files_have_no_place_is_kept_aside_and_taken_in_later(benched, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    store = open_store(str(tmp_path / "runs.db"), create=True)
    (job,) = prepare([benched[1]], tmp_path)
    (tmp_path / "adapters").write_text("a file where the folder should be")
    told = Told()
    run = run_job(job, store, told)
    assert run.state == "complete"
    assert any("runner.py db recover" in line for line in told.lines)
    (tmp_path / "adapters").unlink()
    assert recover_all(store).taken == (1,)
    assert load_run(store, 1).predict(["good film"]).shape == (1, len(job.data.labels))
    assert [path.name for path in (tmp_path / "adapters").iterdir()] == ["1-lora-r8"]


class Told(Progress):
    """Remembers what it is told."""

    def __init__(self):
        self.lines = []

    def noted(self, text):
        self.lines.append(text)


def test_a_tiny_gpt2_goes_the_whole_way(benched):
    records = benched[2]
    assert [record.method for record in records] == ["majority", "untrained", "tfidf", "frozen", "lora"]
    assert {(record.state, record.error_message) for record in records} == {("complete", None)}
    assert all(record.reload_max_difference <= 1e-4 for record in records)


def test_learning_is_seen(benched):
    store, _, _ = benched
    runs = queries.runs(store).set_index("method")
    assert runs.loc["tfidf", "accuracy"] > 0.9
    assert runs.loc["lora", "accuracy"] > runs.loc["majority", "accuracy"]


def test_stored_metrics_are_those_of_the_stored_predictions(benched):
    store, _, records = benched
    with sqlite3.connect(store.address) as connection:
        for record in records:
            assert_metrics_are_those_of_the_predictions(connection, record.id)


def test_predictions_stand_beside_their_own_texts(benched):
    store, _, records = benched
    for record in records:
        stored = queries.predictions(store, record.id)
        again = load_run(store, record.id).predict(list(stored["text"]))
        assert np.abs(again - queries.probabilities(store, record.id)).max() < 1e-5
        labels = queries.dataset(store, record.dataset_id).labels
        assert [labels[code] for code in again.argmax(axis=1)] == list(stored["predicted"])
        # the file says which row is of which label: the label stored beside a text is that text's own
        assert all(
            extra["row"].startswith(label) for extra, label in zip(stored["extra"], stored["label"], strict=True)
        )


def test_everything_that_a_run_should_tell_is_recorded(benched):
    store, config, _ = benched
    run = adapter_of(benched)
    assert run.config == config.settings()
    assert run.trainable_parameters < run.total_parameters
    assert run.train_seconds > 0 and run.evaluation_seconds > 0 and run.train_examples_per_second > 0
    assert run.peak_memory_bytes > 1e8
    assert run.phase is None and run.ended_at >= run.started_at
    assert set(run.environment["packages"]) >= {"torch", "transformers", "peft"}
    assert run.environment["device"] and run.environment["training_dtype"] and run.environment["processor"]
    assert run.environment["memory_bytes"] > run.peak_memory_bytes
    history = queries.history(store, [run.id])
    assert {"loss", "learning_rate", "validation_loss", "validation_macro_f1"} <= set(history["name"])
    assert (history["name"] == "validation_macro_f1").sum() == config.epochs


def test_a_run_tells_how_far_it_came_and_what_it_did(benched):
    store, _, _ = benched
    run = adapter_of(benched)
    assert run.step == run.total_steps > 0
    told = list(queries.log_tail(store, run.id)["text"])
    assert [line for line in told if line.startswith("Phase")] == [
        f"Phase: {phase}" for phase in ("data", "model", "training", "evaluation", "saving")
    ]
    assert any(line.startswith("Epoch 1: validation_loss") for line in told)
    assert any(line.startswith("Adapting ") for line in told)


def test_texts_of_which_only_the_beginning_was_read_are_marked(benched):
    store, config, _ = benched
    run = run_one(store, config, max_length=4)
    marked = queries.predictions(store, run.id)["truncated"]
    assert marked.astype(float).mean() == pytest.approx(run.environment["truncated"]["test"]) and marked.any()
    assert not queries.predictions(store, benched[2][0].id)["truncated"].any()


def test_the_best_epoch_is_kept_and_said(benched):
    store, _, _ = benched
    run = adapter_of(benched)
    curve = queries.history(store, [run.id]).query("name == 'validation_macro_f1'")
    stored = queries.metrics(store, [run.id]).query("split == 'validation'").set_index("name")["value"]
    assert stored["macro_f1"] == pytest.approx(curve["value"].max(), abs=0.06)  # as trained, and as loaded exactly
    assert stored["best_epoch"] == curve.loc[curve["value"].idxmax(), "epoch"]


def test_the_adapter_knows_its_baseline_and_is_compared_with_it(benched):
    store, _, records = benched
    run = adapter_of(benched)
    f1 = queries.runs(store).set_index("id")["macro_f1"]
    baselines = [record.id for record in records[:-1]]
    assert f1[run.baseline_id] == f1[baselines].max()
    assert "macro F1" in verdict_sentence(compare_runs(store, run.id, run.baseline_id))


def test_files_are_safetensors_and_their_sum_is_recorded(benched):
    store, _, records = benched
    for record in records:
        folder = record.adapter_folder(store.folder)
        assert {path.suffix for path in folder.iterdir()} <= {".safetensors", ".json", ".md"}
        assert sum(path.stat().st_size for path in folder.glob("*.safetensors")) == record.adapter_bytes
    assert not list((store.folder / "adapters").glob(".saving*"))


def test_the_card_says_what_it_is(benched):
    store, _, _ = benched
    card = (adapter_of(benched).adapter_folder(store.folder) / "README.md").read_text()
    for expected in (
        "library_name: peft",
        "macro_f1",
        "| good |",
        "films",
        "Intended use",
        "0 = bad, 1 = fine, 2 = good",
    ):
        assert expected in card


PLAIN_PEFT = """
import json, sys
from peft import AutoPeftModelForSequenceClassification, PeftModel
from transformers import AutoModelForSequenceClassification, AutoTokenizer
base_name, adapter, how, texts = json.load(sys.stdin)
tokenizer = AutoTokenizer.from_pretrained(base_name)
tokenizer.pad_token = tokenizer.eos_token
if how == "auto":
    model = AutoPeftModelForSequenceClassification.from_pretrained(adapter, num_labels=3)
    model.config.pad_token_id = tokenizer.pad_token_id
    model.get_base_model().config.pad_token_id = tokenizer.pad_token_id
else:
    base = AutoModelForSequenceClassification.from_pretrained(base_name, num_labels=3)
    base.config.pad_token_id = tokenizer.pad_token_id
    model = PeftModel.from_pretrained(base, adapter)
model.eval()
inputs = tokenizer(texts, padding=True, truncation=True, max_length=32, return_tensors="pt")
print(json.dumps(model(**inputs).logits.softmax(-1).tolist()))
"""


@pytest.mark.parametrize("how", ["base", "auto"])
def test_plain_peft_in_a_fresh_process_gives_the_stored_probabilities(benched, tiny_gpt2, tmp_path, how):
    store, _, _ = benched
    run = adapter_of(benched)
    texts = list(queries.predictions(store, run.id)["text"])
    copied = shutil.copytree(run.adapter_folder(store.folder), tmp_path / "adapter")
    answer = subprocess.run(
        [sys.executable, "-c", PLAIN_PEFT],
        input=json.dumps([str(tiny_gpt2), str(copied), how, texts]),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
        env={**os.environ, "PYTHONPATH": ""},
    )
    found = np.array(json.loads(answer.stdout.splitlines()[-1]))
    assert np.abs(found - queries.probabilities(store, run.id)).max() < 1e-5


def test_recorded_baselines_are_used_again_unless_told_otherwise(benched):
    store, config, records = benched
    baselines = prepare(with_baselines([config])[:-1], store.folder)
    again = run_jobs(baselines, store, Progress())
    assert [record.id for record in again] == [record.id for record in records[:-1]]
    forced = run_jobs(baselines[:1], store, Progress(), rerun_baselines=True)
    assert forced[0].id > records[-1].id
    delete_run(store, forced[0].id)


def test_the_same_config_gives_the_same_predictions(benched):
    store, config, _ = benched
    again = run_one(store, config)
    assert np.array_equal(queries.probabilities(store, again.id), queries.probabilities(store, adapter_of(benched).id))
    assert again.group_key == adapter_of(benched).group_key
    delete_run(store, again.id)


def test_seeds_share_the_baselines_that_have_no_chance():
    configs = with_baselines([make_config({"seed": seed}) for seed in (1, 2, 3)])
    methods = [config.method for config in configs]
    assert {name: methods.count(name) for name in set(methods)} == {
        "majority": 1,
        "tfidf": 1,
        "frozen": 1,
        "untrained": 3,
        "lora": 3,
    }


def test_a_training_that_diverges_is_a_failed_run_with_its_reason(benched):
    store, config, _ = benched
    failed = run_one(store, config, lr=1e30)
    assert failed.state == "failed"
    assert "the training diverged. Try a lower --lr" in failed.error_message
    assert failed.adapter_path is None and failed.phase == "training"
    losses = queries.history(store, [failed.id]).query("name == 'loss'")["value"]
    assert losses.iloc[-1:].isna().all() and losses.iloc[:-1].notna().all()
    delete_run(store, failed.id)


def test_after_a_run_that_failed_the_next_one_begins(benched):
    store, config, _ = benched
    wrong = config.model_copy(update={"lr": 1e30})
    majority = config.model_copy(update={"method": "majority"})
    records = run_jobs(prepare([wrong, majority], store.folder), store, Progress(), rerun_baselines=True)
    assert [record.state for record in records] == ["failed", "complete"]
    for record in records:
        delete_run(store, record.id)


def test_an_adapter_that_cannot_be_made_is_refused_before_anything_is_written(benched):
    store, config, _ = benched
    before = len(queries.runs(store))
    with pytest.raises(RequestError, match="'qeury' is not in"):
        run_one(store, config, target_modules=("qeury",))
    with pytest.raises(RequestError, match="--method loha can't train"):
        run_one(store, config, method="loha")
    assert len(queries.runs(store)) == before


def test_a_run_is_not_touched_by_what_only_others_of_its_grid_use(benched):
    store, config, _ = benched
    asked = config.model_copy(update={"quantize": "4bit", "init": "gaussian", "epochs": 1})
    jobs = prepare([asked.model_copy(update={"method": method}) for method in ("full", "ia3")], store.folder)
    runs = run_jobs(jobs, store, Progress())
    assert [run.state for run in runs] == ["complete", "complete"]
    assert [run.config.get("quantize") for run in runs] == [None, "4bit"]
    for run in runs:
        delete_run(store, run.id)


def test_the_length_of_texts_is_taken_from_the_training_texts(benched):
    store, config, _ = benched
    (job,) = prepare([config.model_copy(update={"max_length": "auto"})], store.folder)
    run = run_job(job, store, Progress())
    assert job.config.max_length == run.config["max_length"] and job.config.max_length % 8 == 0
    assert 0 <= run.environment["truncated"]["train"] <= 0.02
    delete_run(store, run.id)


@pytest.mark.parametrize(
    "values",
    [{"quantize": "4bit"}, {"method": "full"}, {"method": "ia3"}, {"init": "pissa"}],
    ids=["4bit", "full", "ia3", "pissa"],
)
def test_another_sort_of_run_is_recorded_and_answers_as_it_did(benched, values):
    store, config, _ = benched
    run = run_one(store, config, **values)
    assert (run.state, run.error_message) == ("complete", None)
    assert (run.kind, run.method) == (config.model_copy(update=values).kind, values.get("method", "lora"))
    assert run.base_memory_bytes > 0 and run.baseline_id is not None
    assert not recheck_run(store, run.id).drifted
    exact = queries.run(store, adapter_of(benched).id).base_memory_bytes
    assert (run.base_memory_bytes < exact) == ("quantize" in values)
    delete_run(store, run.id)


class Forgetful(MajorityClassifier):
    """Saves something else than it learnt."""

    def save(self, folder):
        MajorityClassifier(self.shares[::-1] ** 2).save(folder)


def test_an_adapter_that_does_not_reload_fails_the_run_and_is_not_kept(benched, monkeypatch):
    from core.models.classifier import Fitted
    from core.runs import pipeline

    store, config, _ = benched
    fitted = Fitted(Forgetful(np.array([0.5, 0.3, 0.2])), 0, 0)
    monkeypatch.setitem(pipeline.FITTERS, "majority", lambda config, data: fitted)
    failed = run_one(store, config, method="majority")
    assert failed.state == "failed"
    assert "does not give the same answers when it is loaded again" in failed.error_message
    assert failed.reload_max_difference > 0.1
    assert failed.adapter_path is None
    delete_run(store, failed.id)


def test_nothing_is_written_where_the_request_is_wrong(tmp_path):
    with pytest.raises(RequestError):
        prepare([make_config({"dataset": str(tmp_path / "none.csv")})], tmp_path)
    with pytest.raises(RequestError, match="neither a folder"):
        prepare([make_config({"model": "no/such-model"})], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(RequestError, match="can't be written to"):
        prepare([make_config({})], tmp_path / "no-such-folder")


def test_runs_on_different_test_sets_are_not_compared(benched):
    store, config, _ = benched
    record = run_one(store, config, method="majority", test_size=30)
    with pytest.raises(RequestError, match="their test examples differ"):
        compare_runs(store, adapter_of(benched).id, record.id)
    delete_run(store, record.id)


def test_a_run_without_files_is_told(benched):
    store, config, _ = benched
    record = run_one(store, config, method="majority")
    shutil.rmtree(record.adapter_folder(store.folder))
    with pytest.raises(RequestError, match=f"The files of run {record.id} are gone"):
        load_run(store, record.id)
    delete_run(store, record.id)


def test_every_score_is_stored_with_its_interval(benched):
    store, _, records = benched
    metrics = queries.metrics(store, [record.id for record in records])
    figures = metrics[
        ~metrics["name"].isin(["temperature", "best_epoch", "ece", "ece_calibrated", "macro_f1_over_baseline_p"])
    ]
    assert figures[["low", "high"]].notna().all(axis=None)
    assert ((figures["low"] <= figures["value"]) & (figures["value"] <= figures["high"])).all()


def test_a_recheck_finds_nothing_where_nothing_changed(benched):
    store, _, _ = benched
    found = recheck_run(store, adapter_of(benched).id)
    assert (found.drifted, found.changed_labels, found.examples, found.versions) == (False, 0, 40, {})
    assert queries.rechecks(store, found.run_id)["max_difference"].iloc[-1] == found.max_difference


def test_a_recheck_finds_an_adapter_that_was_changed(benched):
    from safetensors.numpy import load_file, save_file

    store, config, _ = benched
    run = run_one(store, config, method="tfidf")
    weights = run.adapter_folder(store.folder) / "tfidf.safetensors"
    save_file(
        {name: -value if name == "coefficients" else value for name, value in load_file(weights).items()}, weights
    )
    with pytest.raises(RequestError, match="not those that it saved"):
        recheck_run(store, run.id)
    with store.write_session() as session:  # a record from before hashes were kept
        session.execute(update(RunRow).where(RunRow.id == run.id).values(adapter_sha256=None))
    found = recheck_run(store, run.id)
    assert found.drifted
    assert found.changed_labels > 20
    assert bool(queries.rechecks(store, run.id)["drifted"].iloc[0])
    delete_run(store, run.id)
